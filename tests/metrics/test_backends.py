import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray
from torch import Tensor

from tests.metrics import reference
from tests.metrics.frames import awkward, blurred
from tests.metrics.frames import pairs as small_pairs
from vmatte_pl.metrics import compiled, dense, matting_metrics, measures, portable
from vmatte_pl.metrics.compiled import kernel
from vmatte_pl.metrics.measures import measure

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
SUMS = {"absolute", "squared", "change", "gradient", "connectivity"}


def noisy(seed: int, height: int, width: int) -> Pair:
    """A disc with a soft rim, and the same at levels that are off by up to 2."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    true = np.clip(255 * (0.4 * height - distance) / 6 + 128, 0, 255).astype(np.uint8)
    noise = np.random.default_rng(seed).integers(-2, 3, true.shape)
    return np.clip(true + noise, 0, 255).astype(np.uint8), true


def pairs() -> Iterator[Any]:
    for name, pair in awkward().items():
        yield pytest.param(pair, id=name)
    for seed, (height, width) in enumerate([(31, 64), (40, 55), (17, 129)]):
        yield pytest.param(blurred(seed, height, width), id=f"components that come and go, {height}x{width}")
        yield pytest.param(noisy(seed, height, width), id=f"noise, {height}x{width}")
    wide = np.random.default_rng(0).integers(0, 256, (2, 2, 9000)).astype(np.uint8)
    yield pytest.param(tuple(wide), id="wider than a block")


@pytest.mark.parametrize("pair", list(pairs()))
def test_compiled_sums_equal_the_portable_ones(pair: Pair) -> None:
    before = np.random.default_rng(0).integers(-255, 256, pair[0].shape).astype(np.int16)
    pred, true = (np.ascontiguousarray(frame) for frame in pair)
    errors = [before.copy() for _ in range(2)]
    sums = [b.errors(pred, true, error) for b, error in zip((compiled, portable), errors, strict=True)]
    assert sums[0] == sums[1]
    assert np.array_equal(errors[0], errors[1])
    assert np.array_equal(errors[0], pred.astype(int) - true)
    assert compiled.connectivity(pred, true) == portable.connectivity(pred, true)
    assert compiled.gradient(pred, true) == pytest.approx(portable.gradient(pred, true), rel=1e-12, abs=1e-18)


@settings(max_examples=100, deadline=None)
@given(small_pairs())
def test_every_way_of_computing_connectivity_gives_what_the_definition_says(pair: Pair) -> None:
    expected = reference.conn(*pair) * 2550
    assert portable.connectivity(*pair) == expected
    assert compiled.connectivity(*pair) == expected
    pred, true = (torch.from_numpy(frame)[None, None] for frame in pair)
    assert dense.sums(pred, true, None, None, {"connectivity"})["connectivity"].item() == expected


def masked(x: Tensor) -> Tensor:
    return (x.int() % 3 > 0) & (x > 4)


@pytest.mark.parametrize("pair", list(pairs()))
@pytest.mark.parametrize("region", [None, masked], ids=["whole", "masked"])
def test_sums_on_a_device_equal_those_on_the_processor(pair: Pair, region: Callable[[Tensor], Tensor] | None) -> None:
    # two clips of two frames, each frame another
    frames = [np.stack([f, f[::-1], f[:, ::-1], np.flip(f)]) for f in pair]
    pred, true = (torch.from_numpy(f.reshape(2, 2, *f.shape[1:])) for f in frames)
    mask = None if region is None else region(pred)
    before = pred[:, 1].short() - 7
    for last in (None, before):
        on_device = dense.sums(pred, true, mask, last, SUMS)
        on_processor = measures._sums(pred, true, mask, last, SUMS)
        for name in SUMS:
            tolerance = 1e-12 if name == "gradient" else 0
            torch.testing.assert_close(on_device[name], on_processor[name], rtol=tolerance, atol=tolerance)


def test_many_frames_on_a_device_are_split_and_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    pred = torch.from_numpy(np.stack([blurred(seed, 9, 12)[0] for seed in range(5)]))[None]
    at_once = dense.sums(pred, pred.flip(-1), None, None, SUMS)
    monkeypatch.setattr(dense, "_PIXELS", 2 * 9 * 12)
    in_pairs = dense.sums(pred, pred.flip(-1), None, None, SUMS)
    for name in SUMS:
        assert torch.equal(in_pairs[name], at_once[name])


def test_metrics_on_a_device_give_what_they_give_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    pred, true = torch.rand(2, 2, 6, 1, 24, 31, generator=torch.Generator().manual_seed(0))
    on_processor, on_device = matting_metrics(), matting_metrics()
    for start in (0, 2, 4):
        chunk = pred[:, start : start + 2], true[:, start : start + 2], ["a", "b"]
        on_processor.update(*chunk)
        with monkeypatch.context() as patch:
            patch.setattr(measures, "_sums", dense.sums)
            on_device.update(*chunk)
    expected = {name: value.item() for name, value in on_processor.compute().items()}
    assert {name: value.item() for name, value in on_device.compute().items()} == pytest.approx(expected, rel=1e-12)


def test_without_numba_the_same_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    pred, true = torch.rand(2, 1, 3, 1, 30, 40, generator=torch.Generator().manual_seed(0)).mul(255).byte()
    fast = measure(pred, true)
    monkeypatch.setitem(sys.modules, "vmatte_pl.metrics.compiled", None)
    monkeypatch.delattr("vmatte_pl.metrics.compiled")
    measures._compiled.cache_clear()
    try:
        assert measures._compiled() is portable
        slow = measure(pred, true)
    finally:
        measures._compiled.cache_clear()
    for name, values in fast.items():
        torch.testing.assert_close(values, slow[name], rtol=1e-12, atol=0)


def test_where_nothing_can_be_kept_it_compiles_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bool] = []

    def njit(cache: bool = False, **_: Any) -> Callable[[Any], Any]:
        def compile_(function: Any) -> Any:
            kept.append(cache)
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return function

        return compile_

    monkeypatch.setattr(kernel, "_njit", njit)
    assert kernel.kernel(len)("abc") == 3
    assert kept == [True, False]


def test_numba_is_loaded_when_something_is_measured_and_not_before() -> None:
    folder = Path(compiled.__file__).parent
    for path in set(folder.parent.rglob("*.py")) - set(folder.rglob("*.py")):
        at_once = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom | ast.Import)]
        assert not any("numba" in ast.unparse(node) or "compiled" in ast.unparse(node) for node in at_once), path


def test_frames_that_are_views_measure_as_their_copies() -> None:
    pred, true = torch.rand(2, 1, 2, 1, 40, 30, generator=torch.Generator().manual_seed(0)).mul(255).byte()
    for view in (pred.transpose(-1, -2), pred[..., 3:-2], pred.flip(-1)[..., ::2]):
        other = true[..., : view.shape[-2], : view.shape[-1]]
        view = view[..., : other.shape[-2], : other.shape[-1]]
        for name, values in measure(view, other).items():
            assert torch.equal(values, measure(view.clone(), other.contiguous())[name])


def test_backends_offer_the_same() -> None:
    def offered(module: ModuleType) -> set[str]:
        return {name for name in ("errors", "gradient", "connectivity") if callable(getattr(module, name))}

    assert offered(portable) == offered(compiled)
