"""Clips and backgrounds -> samples; samples -> batches."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Generic, NotRequired, TypeAlias, TypedDict, TypeVar, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from vmatte_pl.data.clips import Clip, long_enough
from vmatte_pl.data.compose import BackgroundPolicy, background_frames, clip_rng, compose
from vmatte_pl.data.damage import Damage
from vmatte_pl.data.faults import Faults
from vmatte_pl.data.frames import Frames, ImageFrames
from vmatte_pl.data.images import Pixels, decode_shares
from vmatte_pl.data.mattes import redraw_edges
from vmatte_pl.data.shots import Footage, Shot, check_size
from vmatte_pl.data.transforms import Augment, fit_composed, fit_layers
from vmatte_pl.data.views import Fit, Size, Subject, find_subject
from vmatte_pl.data.windows import chunks, of_each, retime, windows
from vmatte_pl.errors import DataError
from vmatte_pl.types import ClipBatch

Ticket: TypeAlias = tuple[int, int]
"""An epoch and the index of a sample in it: together they seed all that is drawn."""

_Key = TypeVar("_Key")


class Sample(TypedDict):
    """The layers of T consecutive frames as they lie in memory; a batch of them has B in front.

    Eight bits a value and colour last, a quarter of what floats would cost on the way to the device;
    ``to_clip_batch`` makes the rest.
    """

    fgr: Tensor  # (T, H, W, 3) uint8
    pha: Tensor  # (T, H, W, 1) uint8
    bgr: NotRequired[Tensor]  # (T, H, W, 3) uint8, or
    com: NotRequired[Tensor]  # (T, H, W, 3) uint8, of a clip that comes composed
    base: NotRequired[Tensor]  # (T, H, W, 1) float32 in [0, 1]: 8 bits would round a backbone's alpha
    clip: str
    start: int


def to_clip_batch(sample: Sample) -> ClipBatch:
    """Turn a sample, or a collated batch of them, into floats and compose it, where its tensors are.

    The result lies in memory with colour last (``torch.channels_last`` once B and T are flattened).
    """
    batch: dict[str, Any] = dict(sample) if sample["pha"].ndim == 5 else default_collate([sample])
    for key in ("fgr", "pha", "bgr", "com"):
        if key in batch:
            batch[key] = batch[key].movedim(-1, -3).float().div_(255)
    if "base" in batch:
        batch["base"] = batch["base"].movedim(-1, -3)
    if "com" not in batch:
        batch["com"] = compose(batch["fgr"], batch["pha"], batch["bgr"])
    return cast(ClipBatch, batch)


class Samples(Dataset[Sample], Generic[_Key]):
    """Fetches a batch at once, and hands an error on as a value: workers lose all but an error's text."""

    def __getitem__(self, key: _Key) -> Sample:
        raise NotImplementedError

    def __getitems__(self, keys: list[_Key]) -> list[Sample] | DataError:
        try:
            return [self[key] for key in keys]
        except DataError as error:
            return error


class TrainWindows(Samples[int | Ticket]):
    """Windows of equal length and size from all clips, in a random order, each over a background of its own.

    ``dataset[i]`` is sample ``i`` of epoch 0, ``dataset[epoch, i]`` of any epoch: always the same one, in
    any process. An epoch takes every window once before it takes one twice, or every window of the same person, from a
    new frame on each time.

    Args:
        clips: The foregrounds, each at least ``window`` frames long.
        backgrounds: What to lay them over.
        window: T, frames a sample.
        size: Height and width of the samples.
        fit: How a foreground of another aspect ratio fits ``size``.
        background: Which background a sample gets.
        augment: Whether to augment.
        strength: Of the augmentation's motion, light and noise.
        closeups: Share of the samples of whole figures that show their heads alone.
        damage: Strength of blur, sharpening, lost resolution and JPEG blocks.
        edges: Share of the samples whose alphas get other edges.
        softest: Softness of the softest patches of these; see ``redraw_edges``.
        tempo: Strength of changes of pace, direction and pauses.
        people: Who each clip shows: as many samples are of each as of any other; None takes every window as often.
        samples: Samples an epoch; None means as many as there are windows.
        seed: Seeds all that is drawn.

    Raises:
        DataError: If a clip is shorter than ``window``.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        backgrounds: Sequence[Frames],
        *,
        window: int,
        size: Size,
        fit: Fit = "crop",
        background: BackgroundPolicy = "per_clip",
        augment: bool = True,
        strength: float = 1.0,
        closeups: float = 0.0,
        damage: float = 0.0,
        edges: float = 0.0,
        softest: float = 0.0,
        tempo: float = 0.0,
        people: Sequence[str] | None = None,
        samples: int | None = None,
        seed: int = 0,
    ) -> None:
        self.clips, self.backgrounds = clips, backgrounds
        self.size, self.fit, self.background, self.seed = size, fit, background, seed
        self.augment = Augment.of_strength(size, fit, strength, closeups) if augment else None
        self.damage = Damage(damage) if damage else None
        self.edges, self.softest, self.tempo = edges, softest, tempo
        spans = windows([len(clip) for clip in long_enough(clips, window, Faults())], window)
        self.spans = of_each(people or [""] * len(clips), spans)
        self.samples = samples or len(spans)

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, ticket: int | Ticket) -> Sample:
        epoch, index = ticket if isinstance(ticket, tuple) else (0, ticket)
        if not 0 <= index < self.samples:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, epoch, index])
        clip, times = self._place(epoch, index, rng)
        if clip.com is not None:
            return _composed_sample(clip, clip.com, times, self.size, self.fit)
        if self.tempo:
            times = retime(times[0], len(times), len(clip), self.tempo, rng)
        fgr, pha = _foreground(clip, times)
        bgr = self._background(clip, times, rng)
        if self.augment:
            layers = self.augment(fgr, pha, bgr, rng)
        else:
            layers = fit_layers(fgr, pha, bgr, self.size, self.fit, find_subject(pha))
        if self.edges and rng.random() < self.edges:
            layers = layers._replace(pha=redraw_edges(layers.pha, rng, self.softest))
        if self.damage:
            damaged = self.damage(*layers, rng)
            return _sample(clip, times, **dict(zip(("fgr", "pha", "bgr", "com"), damaged, strict=True)))
        return _sample(clip, times, **layers._asdict())

    def _background(self, clip: Clip, times: Sequence[int], rng: np.random.Generator) -> Footage:
        if self.background == "fixed":
            return background_frames(self.backgrounds, times, clip_rng(clip.name), clip.fps, reducible=True)
        each = self.background == "per_frame"
        return background_frames(self.backgrounds, range(len(times)), rng, clip.fps, each, reducible=True)

    def _place(self, epoch: int, index: int, rng: np.random.Generator) -> tuple[Clip, Sequence[int]]:
        """Choose the clip and the frames: a person and a window in turn, begun up to half a window earlier or later."""
        turn, person = self._in_turn(epoch, index, len(self.spans), 0, 1)  # 0 alone, at its end, leaves a seed as it is
        _, place = self._in_turn(epoch, turn, len(self.spans[person]), 1 + person)
        span = self.spans[person][place]
        clip = self.clips[span.clip]
        length = span.stop - span.start
        start = span.start + (int(rng.integers(-(length // 2), length // 2 + 1)) if self.augment else 0)
        start = min(max(start, 0), len(clip) - length)
        return clip, range(start, start + length)

    def _in_turn(self, epoch: int, index: int, count: int, *stream: int) -> tuple[int, int]:
        """Take each of ``count`` once before one comes again, each turn in another order: the turn, and which."""
        turn, place = divmod(index, count)
        order = np.random.default_rng([self.seed, epoch, turn, *stream]).permutation(count)
        return turn, int(order[place])


class WholeClips(Samples[int]):
    """Whole clips in chunks, in order, each clip over one background: the same at every run.

    Args:
        clips: The foregrounds.
        backgrounds: What to lay them over; a clip's name decides which one it gets.
        chunk: Frames a sample; the last one of a clip may have fewer.
        size: Height and width of the samples; None leaves each clip at its own.
        fit: How a foreground of another aspect ratio fits ``size``.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        backgrounds: Sequence[Frames],
        *,
        chunk: int,
        size: Size | None = None,
        fit: Fit = "crop",
    ) -> None:
        self.clips, self.backgrounds = clips, backgrounds
        self.size, self.fit = size, fit
        self.spans = chunks([len(clip) for clip in clips], chunk)

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, index: int) -> Sample:
        span = self.spans[index]
        clip, times = self.clips[span.clip], range(span.start, span.stop)
        if clip.com is not None:
            return _composed_sample(clip, clip.com, times, self.size, self.fit)
        fgr, pha = read_frames(clip, times)
        bgr = background_frames(self.backgrounds, times, clip_rng(clip.name), clip.fps)
        size = self.size or clip.size
        subject = subject_of(clip) if self.size else Subject.whole(size)
        return _sample(clip, times, **fit_layers(fgr, pha, bgr, size, self.fit, subject)._asdict())


def read_frames(clip: Clip, times: Sequence[int]) -> tuple[list[Pixels], list[Pixels]]:
    """Decode a clip's foreground and alpha at ``times``.

    Raises:
        DataError: If a frame cannot be read or differs in size from the clip's first.
    """
    # Side by side, so that a video with alpha decodes each frame once.
    both = [(_read(clip.fgr, t, clip.size), _read(clip.pha, t, clip.size, grey=True)) for t in times]
    return [colour for colour, _ in both], [alpha for _, alpha in both]


def _foreground(clip: Clip, times: Sequence[int]) -> tuple[Footage, list[Pixels]]:
    """Decode the alpha, which decides what is seen of the foreground; and that only then, if they are files apart."""
    if not isinstance(clip.fgr, ImageFrames):
        return read_frames(clip, times)
    return Shot(clip.fgr, times, clip.size, reducible=True), [_read(clip.pha, t, clip.size, grey=True) for t in times]


def _read(frames: Frames, t: int, size: Size, grey: bool = False) -> Pixels:
    frame = frames.grey(t) if grey else frames.rgb(t)
    check_size(frame, size, frames.where(t))
    return frame


@lru_cache(maxsize=8)  # the chunks of a clip come one after another
def subject_of(clip: Clip) -> Subject:
    """Find a clip's subject in five frames of it, so that all its chunks are cropped alike."""
    return find_subject([clip.pha.grey(int(t)) for t in np.linspace(0, len(clip) - 1, 5)])


def _composed_sample(clip: Clip, com: Frames, times: Sequence[int], size: Size | None, fit: Fit) -> Sample:
    """Take a clip as it comes composed, at its own size or at ``size``."""
    fgr, pha = read_frames(clip, times)
    layers = (fgr, pha, [_read(com, t, clip.size) for t in times])
    subject = subject_of(clip) if size else Subject.whole(clip.size)
    fitted = fit_composed(*layers, size or clip.size, fit, subject)
    sample = _sample(clip, times, **dict(zip(("fgr", "pha", "com"), fitted, strict=True)))
    if clip.base is not None:
        base = np.stack([decode_shares(clip.base.where(t)) for t in times])
        sample["base"] = torch.from_numpy(base[..., None])
    return sample


def _sample(clip: Clip, times: Sequence[int], pha: Pixels, **colours: Pixels) -> Sample:
    layers = {"pha": pha[..., None], **colours}
    tensors = {key: torch.from_numpy(layer) for key, layer in layers.items()}
    return cast(Sample, {**tensors, "clip": clip.name, "start": times[0]})
