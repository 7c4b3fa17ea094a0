"""Where a virtual camera looks at a layer: rectangles that move over its frames, and the warp to the output.

A view of a foreground may reach beyond the frame, where there is nothing (alpha 0), but not across an edge of
the frame that cuts the subject: there a person would end in mid-air.
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, NamedTuple, Self, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vmatte_pl.data.images import Pixels
from vmatte_pl.data.shots import Decoded, Footage, shape_of, stream

Fit: TypeAlias = Literal["crop", "pad", "stretch"]
Size: TypeAlias = tuple[int, int]  # height, width

_VISIBLE = 16  # of 255: less is JPEG noise, not subject
_UNMOVED = np.eye(2, 3)


class Subject(NamedTuple):
    """What the alpha of some frames covers, in pixels, and the edges of the frame that cut it."""

    left: float
    top: float
    right: float
    bottom: float
    cut_left: bool
    cut_top: bool
    cut_right: bool
    cut_bottom: bool

    @classmethod
    def whole(cls, frame: Size) -> Self:
        """Take the whole frame for the subject, uncut."""
        return cls(0, 0, frame[1], frame[0], False, False, False, False)


def find_subject(pha: Decoded) -> Subject:
    """Find what any of the alpha frames (H, W) covers; the whole frame if there is nothing."""
    seen = np.greater(reduce(np.maximum, pha), _VISIBLE)
    height, width = seen.shape
    ys, xs = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    if not len(xs):
        return Subject.whole((height, width))
    left, top, right, bottom = int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1
    # The outermost line of pixels is often unreliable, so the one inside it counts as the edge, too.
    cuts = (left <= 1, top <= 1, right >= width - 1, bottom >= height - 1)
    return Subject(left, top, right, bottom, *cuts)


@dataclass(frozen=True, slots=True)
class Views:
    """One rectangle for each of T frames, in the layer's pixels.

    Args:
        centre: (T, 2) x and y.
        extent: (T, 2) width and height.
        angle: (T,) radians, the camera turning clockwise.
        mirror: Whether left and right are swapped.
    """

    centre: NDArray[np.float64]
    extent: NDArray[np.float64]
    angle: NDArray[np.float64]
    mirror: bool = False

    @classmethod
    def still(cls, centre: tuple[float, float], extent: tuple[float, float], frames: int) -> Self:
        """Look at the same upright rectangle in every frame."""
        return cls(np.tile(np.array(centre), (frames, 1)), np.tile(np.array(extent), (frames, 1)), np.zeros(frames))

    def inside(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> Self:
        """Move each rectangle into the box from ``low`` to ``high`` (x, y), and shrink it if it has to be."""
        cos, sin = np.abs(np.cos(self.angle)), np.abs(np.sin(self.angle))
        width, height = self.extent.T
        half = np.stack([width * cos + height * sin, width * sin + height * cos], axis=1) / 2
        shrink = np.minimum(1, (high - low) / (2 * half)).min(axis=1, keepdims=True)
        half = half * shrink
        return replace(self, centre=np.clip(self.centre, low + half, high - half), extent=self.extent * shrink)

    def clear_of_cuts(self, subject: Subject, frame: Size, margin: float) -> Self:
        """Keep ``margin`` pixels away from the edges of the frame that cut the subject."""
        height, width = frame
        low = np.where([subject.cut_left, subject.cut_top], margin, -np.inf)
        high = np.where([subject.cut_right, subject.cut_bottom], [width - margin, height - margin], np.inf)
        return self.inside(low, high)

    def reduction(self, size: Size) -> int:
        """Return how much smaller a layer may be, 1, 2, 4 or 8 times, and still have a pixel for each of the output."""
        spare = float((self.extent / size[::-1]).min())
        return max((part for part in (2, 4, 8) if part <= spare), default=1)

    def of_reduced(self, part: int) -> Self:
        """See the same of a layer at a part of its size."""
        return replace(self, centre=self.centre / part, extent=self.extent / part)

    def matrices(self, size: Size) -> NDArray[np.float64]:
        """Return (T, 2, 3) maps from the output's pixels to the layer's."""
        height, width = size
        scale = self.extent / (width, height)
        right = scale[:, :1] * np.stack([np.cos(self.angle), np.sin(self.angle)], axis=1)
        down = scale[:, 1:] * np.stack([-np.sin(self.angle), np.cos(self.angle)], axis=1)
        if self.mirror:
            right = -right
        # Pixel i covers i to i + 1, its centre lies at i + 1/2; OpenCV counts from the centre of pixel 0.
        origin = self.centre - right * (width - 1) / 2 - down * (height - 1) / 2 - 0.5
        return np.stack([right, down, origin], axis=2)


def fit_view(fit: Fit, frame: Size, size: Size, subject: Subject, frames: int) -> Views:
    """Look at a frame so that it fits the output's aspect ratio, the subject in view.

    Args:
        fit: ``crop`` cuts off what is too much, ``pad`` shows the whole frame with nothing beside it,
            ``stretch`` shows the whole frame distorted.
        frame: The layer's size.
        size: The output's size.
        subject: What to keep in view.
        frames: T, the number of frames.
    """
    height, width = frame
    if fit == "stretch":
        return Views.still((width / 2, height / 2), (width, height), frames)
    aspect = size[1] / size[0]
    if fit == "pad":
        tall = max(height, width / aspect)
        return Views.still((width / 2, height / 2), (tall * aspect, tall), frames)
    tall = min(height, width / aspect)
    middle = (subject.top + subject.bottom) / 2
    head = subject.top + 0.45 * tall  # of a subject too tall to be seen whole, the head matters most
    view = Views.still(((subject.left + subject.right) / 2, min(middle, head)), (tall * aspect, tall), frames)
    return view.inside(np.zeros(2), np.array([width, height], float))


def warp(frames: Footage, views: Views, size: Size, border: int, reduced: int = 1) -> Pixels:
    """Render what each view sees of its frame.

    Args:
        frames: T frames of (H, W) or (H, W, 3).
        views: What to see of them.
        size: The output's height and width.
        border: What lies beyond the frames, one of OpenCV's border types.
        reduced: Brings the frames to that part of their size first, see ``stream``.

    Shape:
        - output: (T, H, W) or (T, H, W, 3).
    """
    views = views.of_reduced(reduced)
    matrices = views.matrices(size)
    seen = np.empty((len(frames), *size, *shape_of(frames)[2:]), np.uint8)
    for place, frame in stream(frames, reduced):
        _warp(frame, views.extent[place], matrices[place], border, seen[place])
    return seen


def _warp(frame: Pixels, extent: NDArray[np.float64], matrix: NDArray[np.float64], border: int, seen: Pixels) -> None:
    size = seen.shape[:2]
    if frame.shape[:2] == size and np.abs(matrix - _UNMOVED).max() < 1e-6:
        seen[:] = frame
        return
    height, width = frame.shape[:2]
    # Bilinear sampling sees 2x2 pixels: what is much finer has to be averaged first, or hair flickers.
    shrink = int(max(1, (extent / (size[1], size[0])).min()))
    if shrink > 1:
        small = (max(1, width // shrink), max(1, height // shrink))
        to_small = np.array([small[0] / width, small[1] / height])
        frame = np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix * to_small[:, None]
        matrix[:, 2] += (to_small - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if frame.ndim == 2:
        cv2.warpAffine(frame, matrix, size[::-1], dst=seen, flags=flags, borderMode=border)
        return
    # OpenCV warps four channels in less than half the time of three, to the same values.
    four = cv2.warpAffine(cv2.cvtColor(frame, cv2.COLOR_RGB2RGBA), matrix, size[::-1], flags=flags, borderMode=border)
    cv2.cvtColor(four, cv2.COLOR_RGBA2RGB, dst=seen)
