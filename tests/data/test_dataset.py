import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.footage import write_composites, write_footage, write_image
from vmatte_pl.data.backgrounds import find_backgrounds
from vmatte_pl.data.compose import compose
from vmatte_pl.data.dataset import Sample, TrainWindows, WholeClips, to_clip_batch
from vmatte_pl.data.layouts import find_clips
from vmatte_pl.errors import DataError


def windows_of(footage: tuple[Path, Path], *, augment: bool = True, samples: int | None = None) -> TrainWindows:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")
    return TrainWindows(clips, backgrounds, window=3, size=(32, 40), augment=augment, samples=samples)


def test_a_fixed_background_stays_with_its_clip(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")
    dataset = TrainWindows(clips, backgrounds, window=3, size=(48, 64), augment=False, background="fixed")
    whole = WholeClips(clips, backgrounds, chunk=20, size=(48, 64))
    for sample in (dataset[epoch, i] for epoch in (0, 1) for i in range(len(dataset))):
        start = sample["start"]
        assert torch.equal(sample["bgr"], whole[int(sample["clip"])]["bgr"][start : start + 3])


def test_backgrounds_may_change_from_frame_to_frame(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")[:2]  # stills
    changes = {}
    for policy in ("per_clip", "per_frame"):
        dataset = TrainWindows(clips, backgrounds, window=6, size=(48, 64), augment=False, background=policy)
        samples = [dataset[epoch, 0]["bgr"] for epoch in range(5)]
        changes[policy] = any(not torch.equal(bgr[:-1], bgr[1:]) for bgr in samples)
    assert changes == {"per_clip": False, "per_frame": True}


def test_damaged_samples_bring_their_composition(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")
    dataset = TrainWindows(clips, backgrounds, window=3, size=(32, 40), damage=1.0, tempo=1.0)
    batch = to_clip_batch(dataset[2])
    assert {key: batch[key].shape[2] for key in ("com", "pha", "fgr", "bgr")} == {
        "com": 3,
        "pha": 1,
        "fgr": 3,
        "bgr": 3,
    }
    again = TrainWindows(clips, backgrounds, window=3, size=(32, 40), damage=1.0, tempo=1.0)
    again[4]
    for epoch, index in ((0, 2), (1, 0), (3, 1)):
        one, other = dataset[epoch, index], again[epoch, index]
        assert all(torch.equal(one[key], other[key]) for key in ("com", "fgr", "pha", "bgr"))


def same(one: Sample, other: Sample) -> bool:
    return all(torch.equal(one[key], other[key]) for key in ("fgr", "pha", "bgr"))


def test_a_sample_looked_at_is_a_batch_of_one(footage: tuple[Path, Path]) -> None:
    batch = to_clip_batch(windows_of(footage)[0])
    assert {key: tuple(batch[key].shape) for key in ("com", "pha", "fgr", "bgr")} == {
        "com": (1, 3, 3, 32, 40),
        "pha": (1, 3, 1, 32, 40),
        "fgr": (1, 3, 3, 32, 40),
        "bgr": (1, 3, 3, 32, 40),
    }
    assert all(batch[key].dtype == torch.float32 for key in ("com", "pha", "fgr", "bgr"))
    assert 0 <= batch["com"].min() < batch["com"].max() <= 1
    assert torch.equal(batch["com"], compose(batch["fgr"], batch["pha"], batch["bgr"]))
    assert batch["start"].dtype == torch.int64
    assert len(batch["clip"]) == 1


def test_frames_flatten_to_channels_last(footage: tuple[Path, Path]) -> None:
    com = to_clip_batch(windows_of(footage)[0])["com"].flatten(0, 1)
    assert com.is_contiguous(memory_format=torch.channels_last)


def test_epoch_and_index_alone_decide_a_sample(footage: tuple[Path, Path]) -> None:
    one, again = windows_of(footage), windows_of(footage)
    again[2]  # having read another sample before does not matter
    assert same(one[1, 0], again[1, 0])
    assert same(one[0, 0], one[0])
    assert not same(one[0, 0], one[1, 0])
    assert not same(one[0, 0], one[0, 1])


def test_an_epoch_takes_every_window_once(footage: tuple[Path, Path]) -> None:
    dataset = windows_of(footage, augment=False)
    places = [(sample["clip"], sample["start"]) for sample in (dataset[i] for i in range(len(dataset)))]
    assert sorted(places) == [("0000", 0), ("0000", 3), ("0001", 0), ("0001", 3), ("0001", 5)]
    assert places != sorted(places)


def test_an_epoch_may_have_more_samples_than_windows(footage: tuple[Path, Path]) -> None:
    dataset = windows_of(footage, samples=7)
    assert len(dataset) == 7
    assert not same(dataset[0], dataset[5])
    with pytest.raises(IndexError):
        dataset[7]


def test_people_are_drawn_alike_and_their_windows_in_turn(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")
    apart, same_one = (
        TrainWindows(clips, backgrounds, window=3, size=(32, 40), augment=False, people=people, samples=12)
        for people in (["anna", "ben"], ["anna", "anna"])
    )
    drawn = [apart[i] for i in range(12)]
    assert [sorted(sample["clip"] for sample in drawn[i : i + 2]) for i in range(0, 12, 2)] == [["0000", "0001"]] * 6
    starts = {clip: [sample["start"] for sample in drawn if sample["clip"] == clip] for clip in ("0000", "0001")}
    assert [sorted(starts["0000"][i : i + 2]) for i in (0, 2, 4)] == [[0, 3]] * 3
    assert [sorted(starts["0001"][i : i + 3]) for i in (0, 3)] == [[0, 3, 5]] * 2
    untold = windows_of(footage, augment=False, samples=12)
    assert all(same(same_one[i], untold[i]) for i in range(12))


def test_windows_stay_within_their_clip(footage: tuple[Path, Path]) -> None:
    dataset = windows_of(footage, samples=60)
    starts = {(s["clip"], s["start"]) for s in (dataset[i] for i in range(60))}
    assert starts <= {("0000", start) for start in range(4)} | {("0001", start) for start in range(6)}
    assert len(starts) > 6  # more than the windows' own places


def test_a_clip_shorter_than_the_window_is_named(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")
    with pytest.raises(DataError, match=r"at least 7 frames .* found 6 in clip 0000"):
        TrainWindows(clips, backgrounds, window=7, size=(32, 40))


def test_whole_clips_keep_their_size_and_pixels(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "test"), find_backgrounds(footage[1], "test")
    dataset = WholeClips(clips, backgrounds, chunk=4)
    assert [(s["clip"], s["start"], len(s["pha"])) for s in (dataset[i] for i in range(len(dataset)))] == [
        ("0000", 0, 4),
        ("0000", 4, 2),
        ("0001", 0, 4),
        ("0001", 4, 4),
    ]
    last = dataset[1]
    assert torch.equal(last["fgr"][1], torch.from_numpy(clips[0].fgr.rgb(5)))
    assert torch.equal(last["pha"][1, ..., 0], torch.from_numpy(clips[0].pha.grey(5)))
    assert last["bgr"].shape == last["fgr"].shape


def test_clips_of_any_size_are_brought_to_one(tmp_path: Path, footage: tuple[Path, Path]) -> None:
    write_footage(tmp_path, splits=("test",), clips=1, size=(64, 30))
    clips = find_clips(tmp_path, "test") + find_clips(footage[0], "test")
    dataset = WholeClips(clips, find_backgrounds(footage[1], "test"), chunk=20, size=(36, 64))
    assert {tuple(dataset[i]["bgr"].shape[1:]) for i in range(len(dataset))} == {(36, 64, 3)}


def test_a_frame_that_changes_size_is_named(tmp_path: Path, footage: tuple[Path, Path]) -> None:
    root = write_footage(tmp_path, splits=("test",), clips=1)
    write_image(root / "test" / "pha" / "0000" / "00003.png", np.zeros((40, 80), np.uint8))
    dataset = WholeClips(find_clips(root, "test"), find_backgrounds(footage[1], "test"), chunk=6)
    with pytest.raises(DataError, match=r"64x48, found 80x40 in .*00003\.png"):
        dataset[0]


def test_datasets_travel_to_workers(footage: tuple[Path, Path]) -> None:
    dataset = windows_of(footage)
    assert same(pickle.loads(pickle.dumps(dataset))[3], dataset[3])  # noqa: S301 - our own bytes


def test_composed_clips_are_taken_as_they_come(tmp_path: Path) -> None:
    clips = find_clips(write_composites(tmp_path), "test")
    com = clips[0].com
    assert com is not None
    batch = to_clip_batch(WholeClips(clips, [], chunk=3)[0])
    stored = torch.from_numpy(np.stack([com.rgb(t) for t in range(3)])).movedim(-1, -3).float() / 255
    assert torch.equal(batch["com"][0], stored)
    assert "bgr" not in batch
    shrunk = to_clip_batch(WholeClips(clips, [], chunk=3, size=(24, 32))[0])
    assert {key: tuple(shrunk[key].shape) for key in ("com", "pha", "fgr")} == {
        "com": (1, 3, 3, 24, 32),
        "pha": (1, 3, 1, 24, 32),
        "fgr": (1, 3, 3, 24, 32),
    }


def test_training_takes_composed_clips_without_augmentation(tmp_path: Path) -> None:
    clips = find_clips(write_composites(tmp_path), "test")
    dataset = TrainWindows(clips, [], window=2, size=(48, 64))
    assert clips[0].com is not None
    for sample in (dataset[i] for i in range(6)):
        clip = clips[int(sample["clip"])]
        assert torch.equal(sample["pha"][1, ..., 0], torch.from_numpy(clip.pha.grey(sample["start"] + 1)))


def test_redrawn_edges_change_alphas_and_nothing_else(footage: tuple[Path, Path]) -> None:
    clips, backgrounds = find_clips(footage[0], "train"), find_backgrounds(footage[1], "train")
    plain, redrawn = (
        TrainWindows(clips, backgrounds, window=3, size=(32, 40), augment=False, edges=share) for share in (0.0, 1.0)
    )
    pairs = [(plain[i], redrawn[i]) for i in range(4)]
    assert all(torch.equal(a["fgr"], b["fgr"]) and torch.equal(a["bgr"], b["bgr"]) for a, b in pairs)
    assert any(not torch.equal(a["pha"], b["pha"]) for a, b in pairs)
