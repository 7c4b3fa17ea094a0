from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.tasks.toys import adapter, base, data, trainer
from vmatte_pl.tasks import BuE, BwA, fit_stages
from vmatte_pl.tasks.crops import crop_to_edges
from vmatte_pl.types import ClipBatch


def with_a_square(top: int, left: int) -> tuple[Tensor, Tensor, ClipBatch]:
    """Two windows of four frames, the last three of which have an alpha, whose colours tell where a pixel lies."""
    alpha = torch.zeros(2, 3, 1, 96, 160)
    alpha[..., top : top + 8, left : left + 8] = 1
    place = torch.stack(torch.meshgrid(torch.arange(96.0), torch.arange(160.0), indexing="ij"))
    com = torch.cat([place, torch.zeros(1, 96, 160)]).expand(2, 4, 3, 96, 160)
    batch = ClipBatch(com=com[:, 1:], pha=alpha, fgr=com[:, 1:], clip=["a", "b"], start=torch.tensor([1, 1]))
    return com, 0.5 * alpha, batch


@pytest.mark.parametrize("corner", [(0, 0), (40, 70), (88, 152)])
def test_a_piece_shows_an_edge_and_is_the_same_of_all_pictures(corner: tuple[int, int]) -> None:
    frames, alpha, batch = with_a_square(*corner)
    places = set()
    for seed in range(20):
        torch.manual_seed(seed)
        com, piece, later = crop_to_edges(frames, alpha, batch, (32, 48))
        assert com.shape == (2, 4, 3, 32, 48)
        assert later["pha"].shape == piece.shape == (2, 3, 1, 32, 48)
        assert piece.flatten(1).any(1).all()  # of either window
        assert torch.equal(piece, 0.5 * later["pha"])
        assert torch.equal(com[:, 1:], later["com"])
        assert torch.equal(later["fgr"], later["com"])
        for i in range(2):
            rows, columns = com[i, 0, :2].long()  # that each pixel had
            assert torch.equal(piece[i], alpha[i][..., rows, columns])
            assert rows.max() - rows.min() == 31
            assert columns.max() - columns.min() == 47
            places.add((int(rows.min()), int(columns.min())))
    assert len(places) > 10 or corner != (40, 70)  # at the frame's corners there is only one


def test_pieces_of_the_same_window_follow_one_another() -> None:
    frames, alpha, batch = with_a_square(40, 70)
    batch["start"] = torch.tensor([1, 5])
    batch["pha"] = 2 * alpha * torch.tensor([1.0, 0.5]).view(2, 1, 1, 1, 1)
    com, piece, later = crop_to_edges(frames, alpha, batch, (32, 48), pieces=3)
    assert com.shape == (6, 4, 3, 32, 48)
    assert later["clip"] == ["a"] * 3 + ["b"] * 3
    assert later["start"].tolist() == [1] * 3 + [5] * 3
    assert later["pha"].amax((1, 2, 3, 4)).tolist() == [1.0] * 3 + [0.5] * 3
    assert len({tuple(corner) for corner in com[:, 0, :2, 0, 0].tolist()}) > 1
    assert piece.shape == (6, 3, 1, 32, 48)


@pytest.mark.parametrize(("size", "ways"), [((32, 32), 4), ((32, 48), 2)])
def test_pieces_stand_on_their_heads_and_lie_on_their_side_where_they_are_square(
    size: tuple[int, int], ways: int
) -> None:
    torch.manual_seed(0)
    com, piece, _ = crop_to_edges(*with_a_square(40, 70), size, pieces=20)
    across = com[:, 0, :2, 0, 1] - com[:, 0, :2, 0, 0]
    down = com[:, 0, :2, 1, 0] - com[:, 0, :2, 0, 0]
    assert len({(*a, *d) for a, d in zip(across.tolist(), down.tolist(), strict=True)}) == ways
    assert piece.shape[-2:] == size


def test_wide_hair_is_seen_more_often_than_a_sharp_edge_and_noise_hardly_ever() -> None:
    torch.manual_seed(0)
    alpha = torch.full((64, 1, 1, 64, 512), 0.02)  # as far from 0 as compression may leave it
    alpha[..., 0:2] = 0.5
    alpha[..., 500:508] = 0.5
    com = torch.arange(512.0).expand(64, 1, 3, 64, 512)
    batch = ClipBatch(com=com, pha=alpha, fgr=com, clip=["a"] * 64, start=torch.zeros(64))
    left = crop_to_edges(com, alpha, batch, (8, 8))[0][:, 0, 0, 0, 0]
    sharp, wide = (left < 8).sum(), (left > 490).sum()
    assert sharp + wide == 64
    assert wide > 2 * sharp > 0


def test_a_flat_window_is_cut_anywhere_and_a_small_one_not_at_all() -> None:
    frames, alpha, batch = with_a_square(0, 0)
    flat = ClipBatch(**{**batch, "pha": torch.zeros_like(batch["pha"])})
    corners = {tuple(crop_to_edges(frames, 0 * alpha, flat, (32, 48))[0][0, 0, :2, 0, 0].tolist()) for _ in range(20)}
    assert len(corners) > 10
    assert crop_to_edges(frames, alpha, batch, (200, 48))[1].shape == (2, 3, 1, 96, 48)


def test_what_trains_sees_pieces_and_is_tested_on_whole_frames(footage: tuple[Path, Path], tmp_path: Path) -> None:
    bwa = BwA(base(), [adapter()], crop=(16, 16), pieces=2)
    fit_stages(trainer(tmp_path / "bwa"), bwa, data(footage))
    bue = BuE(base(), [adapter(), adapter(seed=1)], crop=(16, 16), pieces=3, keep_stages=True)
    sizes: list[tuple[int, ...]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        if module.training:
            sizes.append((len(inputs[0]), *inputs[0].shape[-2:]))

    bue.outline()[-1][2].register_forward_hook(note)
    fit_stages(trainer(tmp_path / "bue"), bue, data(footage))
    assert bwa.trainer.callback_metrics["val/mad"].isfinite()
    assert set(sizes) == {(6, 16, 16)}
