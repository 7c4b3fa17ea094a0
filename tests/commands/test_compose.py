"""Composed clips on disk, and fits on them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.footage import write_composites
from tests.tasks.toys import adapter, base, trainer
from vmatte_pl.cli import main
from vmatte_pl.commands.compose import compose
from vmatte_pl.data.datamodule import MattingData
from vmatte_pl.data.dataset import TrainWindows, to_clip_batch
from vmatte_pl.data.frames import ImageFrames
from vmatte_pl.data.layouts import find_clips
from vmatte_pl.errors import ConfigError, DataError
from vmatte_pl.tasks import BwA

Footage = tuple[Path, Path]


def data_of(footage: Footage, **settings: object) -> MattingData:
    common = {"size": (32, 40), "eval_size": (32, 40), "window": 3, "chunk": 4, "batch_size": 2, "workers": 0}
    return MattingData(str(footage[0]), str(footage[1]), **{**common, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def composed(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A composed folder with the alphas of ``base()``."""
    output = tmp_path_factory.mktemp("composed") / "set"
    assert compose(data_of(footage), output, backbone=base(), workers=2) == 0
    return output


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def layer(folder: Path, name: str) -> NDArray[np.int64]:
    frames = ImageFrames.of_folder(folder / name)
    read = frames.grey if name == "pha" else frames.rgb
    return np.stack([read(t) for t in range(len(frames))]).astype(np.int64)


def test_layers_compose_to_the_composition(composed: Path) -> None:
    clips = sorted(path for path in composed.glob("*/*") if path.is_dir())
    assert [str(clip.relative_to(composed)) for clip in clips] == [
        f"{split}/{name}" for split in ("test", "train", "valid") for name in ("0000", "0001")
    ]
    for clip in clips:
        com, fgr, bgr, pha = (layer(clip, name) for name in ("com", "fgr", "bgr", "pha"))
        assert com.shape[1:] == (32, 40, 3)
        exact = (fgr * pha[..., None] + bgr * (255 - pha[..., None])) / 255
        assert np.abs(com - exact).max() <= 0.5


def test_what_is_composed_for_testing_is_what_a_test_composes(composed: Path, footage: Footage) -> None:
    stored, live = data_of((composed, composed)), data_of(footage)
    for data in (stored, live):
        data.setup("test")
    for one, other in zip(stored.test_dataloader(), live.test_dataloader(), strict=True):
        a, b = to_clip_batch(one), to_clip_batch(other)
        assert torch.equal(a["pha"], b["pha"])
        torch.testing.assert_close(a["com"], b["com"], atol=0.5 / 255 + 1e-6, rtol=0)


def test_the_manifest_tells_what_it_was_made_of(composed: Path, footage: Footage) -> None:
    manifest = json.loads((composed / "manifest.json").read_text())
    assert manifest["settings"]["seed"] == 0
    assert manifest["backbone"] == {"name": "TinyMatte", "sha256": base().fingerprint()}
    first = next(clip for clip in manifest["clips"] if clip["split"] == "train")
    assert (first["name"], first["frames"], first["first"]) == ("0000", 6, 0)
    assert first["pha"] == str(footage[0] / "train/pha/0000")
    assert Path(first["background"]).exists()


def test_an_interrupted_folder_is_finished_to_the_same_bytes(composed: Path, footage: Footage, tmp_path: Path) -> None:
    begun = Path(shutil.copytree(composed, tmp_path / "begun"))
    kept = begun / "train/0000/com/0000.png"
    kept.write_bytes(b"kept")
    for path in (*begun.glob("train/0000/bgr/000[3-9].png"), *begun.glob("*/0001/base/*2.png"), begun / "test"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    compose(data_of(footage), begun, backbone=base(), workers=1)
    assert kept.read_bytes() == b"kept"  # what is there is not made again
    kept.write_bytes((composed / "train/0000/com/0000.png").read_bytes())
    assert files(begun) == files(composed)


def test_shards_together_are_the_whole(composed: Path, footage: Footage, tmp_path: Path) -> None:
    for shard in ("1/3", "2/3", "3/3"):
        compose(data_of(footage), tmp_path / "parts", backbone=base(), shard=shard, workers=1)
    assert files(tmp_path / "parts") == files(composed)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "half"])
def test_a_shard_that_is_none_is_refused(footage: Footage, tmp_path: Path, shard: str) -> None:
    with pytest.raises(ConfigError, match=r"such as 2/4, found .* in --shard"):
        compose(data_of(footage), tmp_path / "set", splits=["test"], shard=shard, workers=1)


def test_other_settings_do_not_go_on_in_a_folder(composed: Path, footage: Footage) -> None:
    with pytest.raises(ConfigError, match=r"another value of seed, passes in .*manifest\.json"):
        compose(data_of(footage, seed=3), composed, passes=2, workers=1)
    with pytest.raises(ConfigError, match="another value of the backbone"):
        compose(data_of(footage), composed, backbone=base(seed=1), workers=1)


def test_every_second_pass_is_mirrored_over_another_background(footage: Footage, tmp_path: Path) -> None:
    compose(data_of(footage, background="per_frame"), tmp_path / "set", splits=["train"], passes=2, workers=1)
    one, two = tmp_path / "set/train/0001", tmp_path / "set/train/0001_pass1"
    np.testing.assert_array_equal(layer(one, "pha"), layer(two, "pha")[:, :, ::-1])
    np.testing.assert_array_equal(layer(one, "fgr"), layer(two, "fgr")[:, :, ::-1])
    assert not np.array_equal(layer(one, "bgr"), layer(two, "bgr"))
    bgr = layer(one, "bgr")
    assert len({frame.tobytes() for frame in bgr}) > 2


def test_jpeg_alphas_stay_png_and_base_sees_what_is_stored(footage: Footage, tmp_path: Path) -> None:
    compose(data_of(footage), tmp_path / "set", splits=["test"], format="jpg", backbone=base(), workers=1)
    clip = tmp_path / "set/test/0000"
    assert {path.suffix for path in clip.rglob("*.*")} == {".png", ".jpg"}
    com = torch.from_numpy(layer(clip, "com")).movedim(-1, -3).float()[None] / 255
    with torch.no_grad():
        alpha = base().eval()(com)[0][0, :, 0]
    stored = find_clips(tmp_path / "set", "test")[0].base
    assert stored is not None
    found = torch.from_numpy(np.stack([np.float32(stored.grey(t)) / 255 for t in range(len(stored))]))
    torch.testing.assert_close(found, alpha, atol=1 / 255, rtol=0)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The losses of training steps, and 0 for each run of the backbone."""
    noted: list[float] = []
    minimise, forward = BwA.minimise, type(base()).forward

    def noting(*args: object) -> torch.Tensor:
        loss = minimise(*args)  # type: ignore[arg-type]
        noted.append(float(loss.detach()))
        return loss

    def counting(*args: object) -> object:
        noted.append(0)
        return forward(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(BwA, "minimise", noting)
    monkeypatch.setattr(type(base()), "forward", counting)
    return noted


def test_a_fit_takes_the_stored_alphas_and_gets_the_same_losses(
    composed: Path, tmp_path: Path, losses: list[float]
) -> None:
    runs = {}
    for use_base in (True, False):
        torch.manual_seed(0)
        losses.clear()
        run = trainer(tmp_path / str(use_base))
        run.fit(BwA(base(), [adapter()]), data_of((composed, composed), use_base=use_base))
        scores = {name: float(value) for name, value in run.callback_metrics.items() if name.startswith("val/base/")}
        runs[use_base] = ([loss for loss in losses if loss], losses.count(0), scores)
    assert runs[True][1] == 0
    assert runs[False][1] > 0
    assert len(runs[True][0]) == 3
    assert runs[True][0][0] == pytest.approx(runs[False][0][0], rel=1e-5)
    # AdamW turns the last bit of a small gradient into a step, so that the runs drift apart slowly.
    assert runs[True][0] == pytest.approx(runs[False][0], rel=5e-3)
    for name, score in runs[False][2].items():
        assert runs[True][2][name] == pytest.approx(score, rel=1e-3), name


def test_a_fit_of_another_backbone_is_refused(composed: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"stored, TinyMatte .* --data\.use_base false"):
        trainer(tmp_path).fit(BwA(base(seed=1), [adapter()]), data_of((composed, composed)))


def test_a_test_runs_the_backbone(composed: Path) -> None:
    data = data_of((composed, composed))
    data.setup("test")
    assert all("base" not in batch for batch in data.test_dataloader())


def test_alphas_of_another_size_are_not_used(composed: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = data_of((composed, composed), size=(16, 20))
    data.setup("fit")
    assert "base" not in data.training[0]
    assert "the backbone runs" in caplog.text


def test_an_unfinished_folder_is_refused(composed: Path, tmp_path: Path) -> None:
    begun = Path(shutil.copytree(composed, tmp_path / "begun"))
    for path in begun.glob("train/0001/*/0007.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"14 composed frames in train, found 13, 1 clip\(s\) unfinished.*0001"):
        data_of((begun, begun)).setup("fit")


def test_composites_get_new_backgrounds(footage: Footage, tmp_path: Path) -> None:
    root = write_composites(tmp_path / "old")
    compose(data_of((root, footage[1])), tmp_path / "new", workers=1)
    old, new = root / "0000", tmp_path / "new/test/0000"
    assert layer(new, "com").shape == (5, 32, 40, 3)
    assert layer(old, "pha").shape == (5, 48, 64)


def test_the_command_takes_the_flags_of_a_fit(footage: Footage, tmp_path: Path) -> None:
    flags = ["--data.root", str(footage[0]), "--data.backgrounds", str(footage[1]), "--data.size", "[32,40]"]
    more = ["--backbone", "TinyMatte", "--backbone.pretrained", "false", "--splits", "[valid]", "--workers", "1"]
    assert main(["compose", *flags, *more, "--output", str(tmp_path / "set")]) == 0
    assert len(list((tmp_path / "set/valid/0000/base").iterdir())) == 6


def test_a_fit_holds_out_of_what_was_composed_for_training_alone(footage: Footage, tmp_path: Path) -> None:
    compose(data_of(footage), tmp_path / "set", splits=["train"], workers=1)
    data = data_of((tmp_path / "set", footage[1]))
    data.setup("fit")
    assert isinstance(data.training, TrainWindows)
    assert [clip.name for clip in data.training.clips] == ["0000"]
    assert [clip.name for clip in data.evaluation["valid"].clips] == ["0001"]
