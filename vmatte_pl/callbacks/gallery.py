"""Which frames of a test are shown, and the pictures made of them."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from vmatte_pl.callbacks.shots import frame_errors, shot
from vmatte_pl.pictures import Picture, Shot, comparison, contact_sheet, panel_box, save_png
from vmatte_pl.types import ClipBatch, StepOutput
from vmatte_pl.video import encode


class Gallery:
    """The frames worth showing, picked out as they pass by.

    Held are one frame a clip for the contact sheet, the one where the base errs most so far, and frames made
    as small as they will be shown for the video: memory does not grow with the number or length of the clips.

    Args:
        clips: Clips on the contact sheet, the first ones met.
        video_clips: Clips in the video, the first ones met.
        video_frames: Frames of a clip in the video, at most.
        width: Of a panel, in pixels.
    """

    def __init__(self, clips: int, video_clips: int, video_frames: int, width: int) -> None:
        self.clips, self.video_clips, self.video_frames = clips, video_clips, video_frames
        self.width = width
        self._worst: dict[str, tuple[float, Shot]] = {}
        self._frames: dict[str, dict[int, Shot]] = {}

    def add(self, batch: ClipBatch, outputs: StepOutput) -> None:
        """Look at a batch's windows, in any order and however they overlap."""
        errors = frame_errors(batch, outputs).cpu()
        for b, clip in enumerate(batch["clip"]):
            if clip in self._worst or len(self._worst) < self.clips:
                t = int(errors[b].argmax())
                if clip not in self._worst or errors[b, t] > self._worst[clip][0]:
                    self._worst[clip] = float(errors[b, t]), shot(batch, outputs, b, t)
            if clip in self._frames or len(self._frames) < self.video_clips:
                self._film(batch, outputs, b)

    def _film(self, batch: ClipBatch, outputs: StepOutput, b: int) -> None:
        frames = self._frames.setdefault(batch["clip"][b], {})
        for t in range(batch["com"].shape[1]):
            index = int(batch["start"][b]) + t
            if index not in frames and len(frames) < self.video_frames:
                taken = shot(batch, outputs, b, t)
                frames[index] = taken.within(panel_box(taken, self.width))

    def save(self, folder: Path, fps: Fraction) -> list[Path]:
        """Write ``contact_sheet.png`` and ``comparison.mp4``, where there is something to show."""
        paths = []
        if self._worst:
            paths.append(folder / "contact_sheet.png")
            save_png(self._sheet(), paths[-1])
        if any(self._frames.values()):
            paths.append(folder / "comparison.mp4")
            encode(self._video(), paths[-1], fps)
        return paths

    def _sheet(self) -> Picture:
        shots = [worst for _, worst in self._worst.values()]
        which = "its worst frame" if shots[0].base is None else "the frame where the base errs most"
        return contact_sheet(shots, self.width, f"Each clip at {which}.  MAD in 1e-3, lower is better.")

    def _video(self) -> Iterator[Picture]:
        shots = [frames[index] for frames in self._frames.values() for index in sorted(frames)]
        box = panel_box(shots[0], self.width)
        return (comparison(shot, box) for shot in shots)
