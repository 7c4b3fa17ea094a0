"""What happens to the frames of one window: geometry and light, drawn once and eased over its frames.

Foreground and alpha always share their geometry; colour never touches the alpha.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels
from vmatte_pl.data.light import Grain, Light, ease, relight
from vmatte_pl.data.shots import Decoded, Footage, Shot, shape_of
from vmatte_pl.data.views import Fit, Size, Subject, Views, find_subject, fit_view, warp

Point: TypeAlias = NDArray[np.float64]  # x and y


class Layers(NamedTuple):
    """The layers of one window, before composition; 0 to 255."""

    fgr: Pixels  # (T, H, W, 3)
    pha: Pixels  # (T, H, W)
    bgr: Pixels  # (T, H, W, 3)


def fit_layers(
    fgr: Footage,
    pha: Decoded,
    bgr: Footage,
    size: Size,
    fit: Fit,
    subject: Subject,
) -> Layers:
    """Bring all layers to ``size`` and change nothing else: for evaluation, or to train without augmentation.

    The background is cropped to the output's aspect ratio, whatever ``fit`` is.
    """
    view, bgr = _fit_subject(fit, pha, size, subject), _of_one_size(bgr, size)
    return _render(fgr, pha, bgr, view, _background_view(bgr, size), size)


def fit_composed(
    fgr: Footage, pha: Decoded, com: Footage, size: Size, fit: Fit, subject: Subject
) -> tuple[Pixels, Pixels, Pixels]:
    """Bring the layers of a composed clip to ``size``, all alike."""
    view = _fit_subject(fit, pha, size, subject)
    return (
        warp(fgr, view, size, cv2.BORDER_REPLICATE),
        warp(pha, view, size, cv2.BORDER_CONSTANT),
        warp(com, view, size, cv2.BORDER_REFLECT_101),
    )


@dataclass(frozen=True, slots=True)
class Augment:
    """Draw a camera for each layer, a light for each layer and a grade for both; ease them over the frames.

    Motion is drawn per frame, so that a longer window moves further, not slower.

    Args:
        size: The output's height and width.
        fit: How a frame fits it, before the camera moves.
        still: Share of windows in which a layer's camera does not move.
        shift: Standard deviation of the camera's path, in picture heights a frame.
        zoom: The same of its zoom, relative, a frame.
        turn: The same of its rotation, degrees a frame.
        tilt: Standard deviation of the foreground's fixed rotation, degrees.
        light: Strength of the colour changes; 0 is none.
        noise: Largest standard deviation of the sensor's noise, of 255; half of the windows have none.
        closeups: Share of the windows of subjects that are seen whole which show their heads alone.
    """

    size: Size
    fit: Fit = "crop"
    still: float = 0.3
    shift: float = 0.008
    zoom: float = 0.006
    turn: float = 0.4
    tilt: float = 3.0
    light: float = 1.0
    noise: float = 6.0
    closeups: float = 0.0

    @classmethod
    def of_strength(cls, size: Size, fit: Fit, strength: float, closeups: float = 0.0) -> Self:
        """Scale motion, light and noise; 1 leaves them as they are by default."""
        scaled = ("shift", "zoom", "turn", "tilt", "light", "noise")
        defaults = cls(size, fit, closeups=closeups)
        return replace(defaults, **{name: strength * getattr(defaults, name) for name in scaled})

    def __call__(self, fgr: Footage, pha: Decoded, bgr: Footage, rng: np.random.Generator) -> Layers:
        """Change the layers of one window: T frames of (H, W, 3), (H, W) and (H, W, 3)."""
        subject = find_subject(pha)
        if self.closeups and not subject.cut_bottom and rng.random() < self.closeups:
            near = self._frame_head(pha, subject, rng)
        else:
            near = self._frame_subject(_size(pha), subject, len(pha), rng)
        near = self._move(near, rng)
        margin = 1 + float((near.extent / self.size[::-1]).max())
        near = near.clear_of_cuts(subject, _size(pha), margin)
        bgr = _of_one_size(bgr, _size(pha))
        far = self._frame_background(bgr, rng)
        return self._relight(_render(fgr, pha, bgr, near, far, self.size), rng)

    def _frame_subject(self, frame: Size, subject: Subject, frames: int, rng: np.random.Generator) -> Views:
        """Frame the subject, from a close-up to a step back."""
        view = fit_view(self.fit, frame, self.size, subject, frames)
        box = np.array([subject.right - subject.left, subject.bottom - subject.top])
        tight = float((box / view.extent[0]).max())
        sharp = 0.6 * self.size[0] / float(view.extent[0, 1])
        low, high = np.clip(max(0.7 * tight, sharp), 0.2, 0.9), max(1.2, 1.1 * tight)
        extent = view.extent[0] * np.exp(rng.uniform(np.log(low), np.log(high)))
        # Of picture and subject, the larger one may lie anywhere as long as it holds the smaller one.
        middle = np.array([subject.left + subject.right, subject.top + subject.bottom]) / 2
        freedom = np.maximum(np.abs(extent - box), 0.3 * np.minimum(extent, box)) / 2
        centre = middle + freedom * np.clip(rng.normal(0, 0.4, 2), -0.8, 0.8)
        return self._view(centre, extent, frames, rng)

    def _frame_head(self, pha: Decoded, subject: Subject, rng: np.random.Generator) -> Views:
        """Frame what is uppermost of a subject: of a person who stands or sits, the head, with or without shoulders."""
        top, height = int(subject.top), subject.bottom - subject.top
        uppermost = slice(top, top + max(1, round(0.12 * height)))
        covered = np.sum([frame[uppermost].sum(axis=0, dtype=float) for frame in pha], axis=0)
        head = np.average(np.arange(len(covered)) + 0.5, weights=covered + 1e-6)  # the middle, if nobody is there
        tall = height * rng.uniform(0.25, 0.6)
        centre = np.array([head + 0.25 * tall * rng.normal(), top + tall * (0.5 - rng.uniform(0.02, 0.25))])
        return self._view(centre, tall * np.array([self.size[1] / self.size[0], 1.0]), len(pha), rng)

    def _view(self, centre: Point, extent: Point, frames: int, rng: np.random.Generator) -> Views:
        return Views(
            centre=np.tile(centre, (frames, 1)),
            extent=np.tile(extent, (frames, 1)),
            angle=np.full(frames, np.radians(rng.normal(0, self.tilt))),
            mirror=bool(rng.random() < 0.5),
        )

    def _frame_background(self, bgr: Footage, rng: np.random.Generator) -> Views:
        view = _background_view(bgr, self.size)
        frame = np.array(_size(bgr)[::-1], float)
        extent = view.extent * rng.uniform(0.5, 1)
        centre = extent / 2 + rng.uniform(0, 1, 2) * (frame - extent)
        view = self._move(replace(view, centre=centre, extent=extent, mirror=bool(rng.random() < 0.5)), rng)
        # A little beyond the frame is fine, reflected; much of it looks like a kaleidoscope.
        return view.inside(-0.05 * frame, 1.05 * frame)

    def _move(self, view: Views, rng: np.random.Generator) -> Views:
        frames = len(view.angle)
        path = (frames - 1) * ease(frames, rng)
        shift, zoom, turn = rng.normal(0, self.shift, 2), rng.normal(0, self.zoom), rng.normal(0, self.turn)
        if rng.random() < self.still:
            return view
        return replace(
            view,
            centre=view.centre + path[:, None] * shift * view.extent[:, 1:],
            extent=view.extent * np.exp(path * zoom)[:, None],
            angle=view.angle + path * np.radians(turn),
        )

    def _relight(self, layers: Layers, rng: np.random.Generator) -> Layers:
        near, far, grade = (Light.draw(len(layers.pha), self.light * share, rng) for share in (0.7, 1.0, 0.6))
        fgr, bgr = relight(layers.fgr, [near, grade]), relight(layers.bgr, [far, grade])
        if rng.random() < 0.5:
            # The same grain on both layers is that grain on their composition.
            grain = Grain.draw(fgr.shape, rng.uniform(0, self.noise), rng)
            fgr, bgr = grain.on(fgr), grain.on(bgr)
        return Layers(fgr, layers.pha, bgr)


def _render(fgr: Footage, pha: Decoded, bgr: Footage, near: Views, far: Views, size: Size) -> Layers:
    reduced = _reduction(fgr, near, size)
    return Layers(
        warp(fgr, near, size, cv2.BORDER_REPLICATE, reduced),
        warp(pha, near, size, cv2.BORDER_CONSTANT, reduced),
        warp(bgr, far, size, cv2.BORDER_REFLECT_101, _reduction(bgr, far, size)),
    )


def _reduction(footage: Footage, views: Views, size: Size) -> int:
    return views.reduction(size) if isinstance(footage, Shot) and footage.reducible else 1


def _fit_subject(fit: Fit, pha: Decoded, size: Size, subject: Subject) -> Views:
    view = fit_view(fit, _size(pha), size, subject, len(pha))
    # Enlarged, the outermost pixels reach beyond the frame's edge by part of a pixel.
    beyond = max(0.0, 1 - float((view.extent[0] / size[::-1]).min())) / 2
    return view.clear_of_cuts(subject, _size(pha), margin=beyond)


def _of_one_size(bgr: Footage, size: Size) -> Footage:
    """Crop and scale frames of several backgrounds, if their sizes differ: one view is to lie over all of them."""
    if isinstance(bgr, Shot) or len({frame.shape for frame in bgr}) == 1:
        return bgr
    return [warp([frame], _background_view([frame], size), size, cv2.BORDER_REFLECT_101)[0] for frame in bgr]


def _background_view(bgr: Footage, size: Size) -> Views:
    frame = _size(bgr)
    return fit_view("crop", frame, size, Subject.whole(frame), len(bgr))


def _size(footage: Footage) -> Size:
    height, width = shape_of(footage)[:2]
    return height, width
