import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.shared import golden_clips
from vmatte_pl.commands.evaluate import evaluate, main
from vmatte_pl.commands.mattes import VideoFrames, find_mattes
from vmatte_pl.errors import DataError
from vmatte_pl.metrics import functional, matting_metrics
from vmatte_pl.metrics.clips import Average
from vmatte_pl.metrics.measures import MEASURES

Levels = NDArray[np.uint8]
CLIPS = {"motion/0000": 5, "motion/0001": 3, "static/0000": 40}
AVERAGES: tuple[Average, ...] = ("frame", "clip", "rvm")


def alphas(seed: int, frames: int, height: int = 12, width: int = 16) -> Levels:
    """A soft blob that moves, and shakes a little by its seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    distance = [np.hypot(y - height / 2, x - 5 - t % 6 - rng.normal(scale=0.3)) for t in range(frames)]
    return np.clip(255 * (5 - np.stack(distance)) / 4, 0, 255).astype(np.uint8)


def write(folder: Path, frames: Levels, suffix: str = ".png", first: int = 0) -> None:
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames, first):
        cv2.imwrite(str(folder / f"{t:04d}{suffix}"), frame[..., ::-1] if frame.ndim == 3 else frame)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Predicted and true mattes in the benchmark's layout."""
    for side, shift in (("pred", 0), ("true", 100)):
        for seed, (clip, frames) in enumerate(CLIPS.items(), shift):
            write(tmp_path / side / clip / "pha", alphas(seed, frames))
    write(tmp_path / "true" / "motion/0000" / "com", alphas(7, 2))  # no matte
    return tmp_path / "pred", tmp_path / "true"


def results(folder: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return tree


def tensors(seed: int, frames: int) -> torch.Tensor:
    return torch.from_numpy(alphas(seed, frames))[None, :, None]


@pytest.mark.parametrize("average", AVERAGES)
def test_saved_mattes_score_what_a_test_run_says_of_the_same_alphas(
    trees: tuple[Path, Path], average: Average, capsys: pytest.CaptureFixture[str]
) -> None:
    pred, true = trees
    metrics = matting_metrics(average=average)
    for seed, (clip, frames) in enumerate(CLIPS.items()):
        p, t = tensors(seed, frames) / 255, tensors(100 + seed, frames) / 255  # as a network gives them
        for start in range(0, frames, 3):
            metrics.update(p[:, start : start + 3], t[:, start : start + 3], clip=[clip])
    assert evaluate(pred, true, average, workers=2) == 0
    tree = results(pred)
    assert tree["all"] == pytest.approx({k: v.item() for k, v in metrics.compute().items()}, rel=1e-12)
    by_clip = {clip.pop("name"): clip for clip in tree["clips"]}
    assert {name: clip.pop("frames") for name, clip in by_clip.items()} == CLIPS
    assert set(by_clip) == set(metrics.per_clip())
    for name, scores in by_clip.items():
        assert scores == pytest.approx(metrics.per_clip()[name], rel=1e-12)
    assert f"= all ({average})" in capsys.readouterr().out


def test_subsets_have_averages_of_their_own(trees: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    pred, true = trees
    evaluate(pred, true)
    tree = results(pred)
    motion = [clip for clip in tree["clips"] if clip["name"].startswith("motion")]
    expected = sum(clip["mad"] * clip["frames"] for clip in motion) / 8
    assert tree["subsets"]["motion"]["mad"] == pytest.approx(expected)
    assert list(tree["subsets"]) == ["motion", "static"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["frames", "MAD", "MSE", "SAD", "GRAD", "CONN", "dtSSD"]
    assert lines[1].split() == ["1e-3", "1e-3", "1e3", "1e3", "1e3", "1e-2"]
    assert [line.split()[0] for line in lines[2:5]] == ["motion/0000", "motion/0001", "="]
    assert f"{expected:.3f}" in lines[4]


def test_the_table_is_written_for_other_programs(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pred, true = trees
    evaluate(pred, true, output=tmp_path / "scores")
    with (tmp_path / "scores" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    tree = results(tmp_path / "scores")
    assert [f"{row['subset']}/{row['clip']}" for row in rows] == list(CLIPS)
    for row, clip in zip(rows, tree["clips"], strict=True):
        assert {name: float(row[name]) for name in MEASURES} == pytest.approx({n: clip[n] for n in MEASURES})
    assert tree["average"] == "frame"
    assert tree["not_scored"] == []
    assert not (pred / "results.json").exists()


def test_values_are_those_of_the_script_of_rvm(tmp_path: Path) -> None:
    recipe, golden = golden_clips()
    for name, (pred, true, _) in recipe.clips().items():
        for side, frames in (("pred", pred), ("true", true)):
            write(tmp_path / side / name / "pha", frames)
    assert evaluate(tmp_path / "pred", tmp_path / "true", "rvm") == 0
    for measure in ("mad", "mse", "grad", "conn", "dtssd"):
        by_clip = [clip["rvm_script"][measure] for clip in golden.values()]
        if measure == "dtssd":
            by_clip = [[0, *values] for values in by_clip]
        means = [np.mean([values[i] for values in by_clip if i < len(values)]) for i in range(max(map(len, by_clip)))]
        assert results(tmp_path / "pred")["all"][measure] == pytest.approx(np.mean(means), rel=1e-4)


def test_the_foreground_is_scored_where_both_sides_have_it(trees: tuple[Path, Path]) -> None:
    pred, true = trees
    colours = np.random.default_rng(0).integers(0, 256, (2, 5, 12, 16, 3)).astype(np.uint8)
    write(pred / "motion/0000/fgr", colours[0])
    write(true / "motion/0000/fgr", colours[1])
    write(true / "motion/0001/fgr", colours[1])  # on one side only
    assert evaluate(pred, true) == 0
    scores = {clip["name"]: clip for clip in results(pred)["clips"]}
    p, t = (torch.from_numpy(side).permute(0, 3, 1, 2)[None] for side in colours)
    for name in ("fgr_mad", "fgr_mse"):
        expected = getattr(functional, name)(p, t, tensors(100, 5)).mean().item()
        assert scores["motion/0000"][name] == pytest.approx(expected)
        assert scores["motion/0001"][name] is None


def test_layouts_may_differ_from_side_to_side(tmp_path: Path) -> None:
    write(tmp_path / "pred" / "alpha" / "0000", alphas(0, 3))  # as `vmatte predict` writes
    write(tmp_path / "pred" / "alpha" / "0001", alphas(1, 3))
    write(tmp_path / "true" / "pha" / "0000", alphas(2, 3), ".jpg")  # as VideoMatte240K has it
    write(tmp_path / "true" / "fgr" / "0000", alphas(2, 3), ".jpg")
    write(tmp_path / "true" / "0001", alphas(3, 3))
    assert evaluate(tmp_path / "pred", tmp_path / "true") == 0
    assert [clip["name"] for clip in results(tmp_path / "pred")["clips"]] == ["0000", "0001"]


def test_a_single_clip_needs_no_name(tmp_path: Path) -> None:
    write(tmp_path / "mine", alphas(0, 3))
    write(tmp_path / "theirs" / "pha", alphas(1, 3))
    assert evaluate(tmp_path / "mine", tmp_path / "theirs") == 0
    expected = functional.mad(tensors(0, 3), tensors(1, 3)).mean().item()
    assert results(tmp_path / "mine")["all"]["mad"] == pytest.approx(expected)


def encode(path: Path, frames: Levels, codec: str, pixels: str, options: dict[str, str] | None = None) -> None:
    """Write alphas as the alpha of a video, or where it has none as grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = np.full((*frames.shape[1:], 3), 200, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25), options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = pixels
        for alpha in frames:
            if "a" in pixels:
                frame = av.VideoFrame.from_ndarray(np.dstack([colour, alpha]), format="rgba")
            else:
                frame = av.VideoFrame.from_ndarray(np.dstack([alpha] * 3), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


VIDEOS: dict[str, tuple[str, str, int, dict[str, str]]] = {
    ".mov": ("qtrle", "argb", 0, {}),
    ".mkv": ("ffv1", "bgra", 0, {}),
    ".mp4": ("libx264", "yuv444p", 2, {"qp": "0"}),
    ".webm": ("libvpx-vp9", "yuva420p", 1, {"lossless": "1"}),
    ".prores.mov": ("prores_ks", "yuva444p10le", 1, {}),
}
"""Codec, pixels, by how many levels alpha may be off after it, options."""


@pytest.mark.parametrize("suffix", VIDEOS)
def test_the_alpha_of_a_video_is_read(tmp_path: Path, suffix: str) -> None:
    codec, pixels, tolerance, options = VIDEOS[suffix]
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {codec}")
    frames = alphas(0, 4, 48, 64)
    encode(tmp_path / f"clip{suffix}", frames, codec, pixels, options)
    video = VideoFrames(tmp_path / f"clip{suffix}")
    assert len(video) == 4
    decoded = np.stack(list(video.grey()))
    assert np.abs(decoded.astype(int) - frames).max() <= tolerance


def test_a_video_is_compared_with_images_frame_by_frame(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        encode(tmp_path / "pred" / f"{name}.mov", alphas(seed, 40, 24, 32), "qtrle", "argb")
        write(tmp_path / "true" / name / "pha", alphas(seed + 5, 40, 24, 32), first=1)
    assert evaluate(tmp_path / "pred", tmp_path / "true") == 0
    p, t = (torch.from_numpy(alphas(seed, 40, 24, 32))[None, :, None] for seed in (0, 5))
    scores = results(tmp_path / "pred")["clips"][0]
    for name in MEASURES:
        assert scores[name] == pytest.approx(getattr(functional, name)(p, t).mean().item(), rel=1e-12)


def remove_frames(pred: Path, _: Path) -> None:
    for t in (9, 11, 12, 13):
        (pred / f"static/0000/pha/{t:04d}.png").unlink()


def remove_true_frame(_: Path, true: Path) -> None:
    (true / "static/0000/pha/0009.png").unlink()


def remove_clip(pred: Path, _: Path) -> None:
    (pred / "static").rename(pred.parent / "elsewhere")


def add_clip(pred: Path, _: Path) -> None:
    write(pred / "static/0009/pha", alphas(0, 2))


def shrink_frame(pred: Path, _: Path) -> None:
    cv2.imwrite(str(pred / "motion/0001/pha/0001.png"), alphas(0, 1, 6, 8)[0])


def drop_colours(pred: Path, true: Path) -> None:
    colours = np.zeros((5, 12, 16, 3), np.uint8)
    write(pred / "motion/0000/fgr", colours)
    write(true / "motion/0000/fgr", colours[:-1])


@pytest.mark.parametrize(
    ("harm", "message", "frames"),
    [
        (remove_frames, "static/0000: missing in pred, frames 9, 11-13", 44),
        (remove_true_frame, "static/0000: missing in true, frame 9", 47),
        (remove_clip, "static/0000 is not in {pred}", 8),
        (add_clip, "static/0009 is not in {true}", 48),
        (shrink_frame, "motion/0001: 8x6 in pred, 16x12 in true, frame 1", 47),
        (drop_colours, "motion/0000: fgr has not the frames that pha has, frame 4", 48),
    ],
)
def test_what_cannot_be_compared_is_named_and_the_rest_scored(
    trees: tuple[Path, Path],
    harm: Callable[[Path, Path], None],
    message: str,
    frames: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pred, true = trees
    harm(pred, true)
    assert evaluate(pred, true) == 1
    message = message.format(pred=pred, true=true)
    assert results(pred)["not_scored"] == [message]
    assert f"not scored: {message}" in capsys.readouterr().out
    assert results(pred)["frames"] == frames


def test_a_long_list_is_cut_on_the_screen_and_whole_in_the_file(
    trees: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pred, true = trees
    write(true / "long/0000/pha", alphas(0, 200))
    write(pred / "long/0000/pha", alphas(0, 200))
    for t in range(1, 200, 2):
        (pred / f"long/0000/pha/{t:04d}.png").unlink()
    assert evaluate(pred, true) == 1
    [problem] = results(pred)["not_scored"]
    assert problem.endswith(", 195, 197, 199")
    assert f"not scored: {problem[:200]}…" in capsys.readouterr().out.splitlines()


def test_a_change_is_not_measured_across_a_missing_frame(trees: tuple[Path, Path]) -> None:
    pred, true = trees
    whole = functional.dtssd(tensors(2, 40), tensors(102, 40))[0]
    (pred / "static/0000/pha/0009.png").unlink()
    evaluate(pred, true)
    scores = {clip["name"]: clip for clip in results(pred)["clips"]}
    kept = torch.cat([whole[:8], whole[10:]])  # neither the change to frame 9 nor that from it
    assert scores["static/0000"]["dtssd"] == pytest.approx(kept.mean().item())


def test_a_frame_that_two_chunks_read_is_named_once(trees: tuple[Path, Path]) -> None:
    pred, true = trees
    cv2.imwrite(str(pred / "static/0000/pha/0031.png"), alphas(0, 1, 6, 8)[0])  # the last of a chunk
    assert evaluate(pred, true) == 1
    assert results(pred)["not_scored"] == ["static/0000: 8x6 in pred, 16x12 in true, frame 31"]
    assert results(pred)["frames"] == 47


def test_clips_may_differ_in_size_and_frames_within_one(tmp_path: Path) -> None:
    sizes = [(12, 16), (12, 16), (24, 32), (24, 32), (6, 8)]
    metrics = matting_metrics()
    for clip, shape in (("a", sizes), ("b", [(9, 30)] * 40)):
        for side in ("pred", "true"):
            (tmp_path / side / clip).mkdir(parents=True)
        for t, size in enumerate(shape):
            pred, true = (alphas(seed, t + 1, *size)[t] for seed in (0, 1))
            cv2.imwrite(str(tmp_path / "pred" / clip / f"{t:04d}.png"), pred)
            cv2.imwrite(str(tmp_path / "true" / clip / f"{t:04d}.png"), true)
            metrics.update(*(torch.from_numpy(x)[None, None, None] for x in (pred, true)), clip=[clip])
    assert evaluate(tmp_path / "pred", tmp_path / "true", workers=2) == 0
    tree = results(tmp_path / "pred")
    assert tree["all"] == pytest.approx({k: v.item() for k, v in metrics.compute().items()}, rel=1e-12)
    assert tree["clips"][0]["dtssd"] == pytest.approx(metrics.per_clip()["a"]["dtssd"])  # of two frames, 1 and 3


def test_colour_of_another_size_is_named_and_the_alpha_scored(trees: tuple[Path, Path]) -> None:
    pred, true = trees
    write(pred / "motion/0001/fgr", np.zeros((3, 6, 8, 3), np.uint8))
    write(true / "motion/0001/fgr", np.zeros((3, 12, 16, 3), np.uint8))
    assert evaluate(pred, true) == 1
    assert results(pred)["not_scored"] == ["motion/0001: fgr of 8x6, pha of 16x12, frames 0-2"]
    assert results(pred)["frames"] == 48
    assert "fgr_mad" not in results(pred)["all"]


def test_cut_out_images_are_scored_by_their_alpha_channel(tmp_path: Path) -> None:
    frames, truth = alphas(0, 2), alphas(1, 2)
    opaque = np.full_like(truth, 255)
    for side, colour, alpha in (("pred", opaque, frames), ("true", truth, opaque)):  # an opaque one says nothing
        (tmp_path / side).mkdir()
        for t in range(2):
            cv2.imwrite(str(tmp_path / side / f"{t:04d}.png"), np.dstack([colour[t]] * 3 + [alpha[t]]))
    assert evaluate(tmp_path / "pred", tmp_path / "true") == 0
    expected = functional.mad(tensors(0, 2), tensors(1, 2)).mean().item()
    assert results(tmp_path / "pred")["all"]["mad"] == pytest.approx(expected, rel=1e-12)


def test_a_folder_that_cannot_be_written_to_is_named_after_the_table(
    trees: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"can be written to, found .* in .*file.*; name another with --output"):
        evaluate(*trees, output=tmp_path / "file")
    assert "= all (frame)" in capsys.readouterr().out


def test_a_video_that_breaks_off_is_named(tmp_path: Path) -> None:
    encode(tmp_path / "pred.mkv", alphas(0, 9, 48, 64), "ffv1", "bgra")
    write(tmp_path / "true", alphas(1, 9, 48, 64))
    whole = (tmp_path / "pred.mkv").read_bytes()
    (tmp_path / "pred.mkv").write_bytes(whole[: len(whole) // 2])
    assert evaluate(tmp_path / "pred.mkv", tmp_path / "true") == 1
    [problem] = results(tmp_path)["not_scored"]
    assert "missing in pred, frames" in problem


def test_frames_that_a_video_promises_and_does_not_hold_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode(tmp_path / "pred.mkv", alphas(0, 9, 48, 64), "ffv1", "bgra")
    write(tmp_path / "true", alphas(1, 12, 48, 64))
    monkeypatch.setattr(VideoFrames, "__len__", lambda _: 12)
    assert evaluate(tmp_path / "pred.mkv", tmp_path / "true") == 1
    assert results(tmp_path)["not_scored"] == ["true: not decoded, frames 9-11"]
    assert results(tmp_path)["frames"] == 9


def test_nothing_to_compare_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "one" / "a", alphas(0, 2))
    write(tmp_path / "one" / "b", alphas(0, 2))
    write(tmp_path / "other" / "c", alphas(0, 2))
    for pred, true, message in [
        ("nowhere", "one", "found nothing in .*nowhere"),
        ("empty", "one", "found none in .*empty"),
        ("other", "one", "such as a, found none, but such as c in .*other"),
    ]:
        with pytest.raises(DataError, match=message):
            evaluate(tmp_path / pred, tmp_path / true)


def test_two_mattes_of_one_clip_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a" / "pha", alphas(0, 2))
    write(tmp_path / "a" / "alpha", alphas(0, 2))
    with pytest.raises(DataError, match="one matte of the clip a"):
        find_mattes(tmp_path)


def test_a_file_that_is_no_video_or_image_is_an_error(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pred, true = trees
    (pred / "motion/0000/pha/0002.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a readable image.*0002\.png"):
        evaluate(pred, true)
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match="a readable video"):
        evaluate(tmp_path / "clip.mp4", tmp_path / "clip.mp4")


def test_the_command_line_takes_what_the_function_takes(
    trees: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pred, true = trees
    words = ["--pred", str(pred), "--true", str(true), "--average", "clip", "--output", str(tmp_path / "out")]
    assert main([*words, "--workers", "1"]) == 0
    assert results(tmp_path / "out")["average"] == "clip"
    for wrong in (["--pred", str(pred)], [*words[:4], "--average", "sum"]):
        with pytest.raises(SystemExit) as stopped:
            main(wrong)
        assert stopped.value.code == 2
    assert "--average" in capsys.readouterr().err


def test_the_report_of_a_test_is_not_written_over(trees: tuple[Path, Path], tmp_path: Path) -> None:
    pred, true = trees
    (tmp_path / "run").mkdir()
    pred.rename(tmp_path / "run/alpha")
    report = tmp_path / "run/results.json"
    report.write_text('{"boosted": {}}')
    with pytest.raises(DataError, match=r"point --pred at .*alpha, or name another folder with --output"):
        evaluate(tmp_path / "run", true)
    assert report.read_text() == '{"boosted": {}}'
    assert evaluate(tmp_path / "run/alpha", true) == 0
