"""How people move: smooth random drift, and poses over time for each kind of action."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

ACTIONS = ("talk", "wave", "walk", "dance", "stretch", "turn")
UNSEEN_ACTIONS = {"valid": ("exercise",), "test": ("exercise", "point")}


class Wobble:
    """A smooth random function of time with mean 0: a few sines of random speed and phase.

    Args:
        rng: Source of randomness.
        amplitude: About its largest value.
        slow: Lowest speed in cycles per second.
        fast: Highest speed in cycles per second.
    """

    def __init__(self, rng: Generator, amplitude: float, slow: float = 0.2, fast: float = 1.2) -> None:
        self.speed = 2 * np.pi * rng.uniform(slow, fast, 3)
        self.phase = rng.uniform(0, 2 * np.pi, 3)
        self.amplitude = amplitude * np.array([0.55, 0.3, 0.15])

    def __call__(self, t: float) -> float:
        """Its value at t seconds."""
        return float(self.amplitude @ np.sin(self.speed * t + self.phase))


@dataclass
class Pose:
    """Angles in radians at one instant; limbs hang at 0 and swing outwards with positive angles."""

    x: float = 0.0  # of the neck, in head heights from the person's place
    y: float = 0.0
    lean: float = 0.0  # of the trunk, positive to the right of the picture
    yaw: float = 0.0  # of trunk and head about the vertical, positive to the right
    gaze: float = 0.0  # further yaw of the head
    nod: float = 0.0  # sideways tilt of the head
    arms: tuple[tuple[float, float], tuple[float, float]] = ((0.2, 0.1), (0.2, 0.1))  # left, right
    legs: tuple[tuple[float, float], tuple[float, float]] = ((0.1, 0.05), (0.1, 0.05))
    reach: tuple[float, float] = (1.0, 1.0)  # shortening of the arms towards the camera


class Motion:
    """One person's way to move through one action.

    Args:
        rng: Source of randomness.
        action: One of ``ACTIONS`` or ``UNSEEN_ACTIONS``.
        amount: How lively; 1 is usual.
    """

    def __init__(self, rng: Generator, action: str, amount: float = 1.0) -> None:
        self.action = action
        self.amount = amount
        self.beat = 2 * np.pi * rng.uniform(0.7, 1.4)
        self.phase = rng.uniform(0, 2 * np.pi)
        self.heading = float(rng.choice([-1, 1]))
        self.arm = [float(rng.uniform(0.12, 0.4)), float(rng.uniform(0.12, 0.4))]
        self.bend = [float(rng.uniform(-1.9, 0.1)), float(rng.uniform(-1.9, 0.1))]
        self.raised = int(rng.integers(2))
        self.both = bool(rng.random() < 0.3)
        self.stance = float(rng.uniform(0.04, 0.2))
        self.base_yaw = float(rng.uniform(-0.5, 0.5))
        self.drift = [Wobble(rng, size * amount) for size in (0.12, 0.04, 0.06, 0.2, 0.35, 0.12)]
        self.limbs = [Wobble(rng, 0.22 * amount, 0.3, 1.8) for _ in range(6)]

    def __call__(self, t: float) -> Pose:
        """The pose at t seconds."""
        x, y, lean, yaw, gaze, nod = (wobble(t) for wobble in self.drift)
        pose = Pose(x, y, lean, yaw, gaze, nod)
        pose.yaw += self.base_yaw
        w = [wobble(t) for wobble in self.limbs]
        arms = [[self.arm[k] + 0.5 * w[k], self.arm[k] + self.bend[k] + w[2 + k]] for k in (0, 1)]
        pose.reach = (1 - 0.25 * abs(w[4]), 1 - 0.25 * abs(w[5]))
        pose.legs = ((self.stance, self.stance * 0.5), (self.stance, self.stance * 0.5))
        getattr(self, f"_{self.action}")(pose, arms, t)
        pose.arms = ((arms[0][0], arms[0][1]), (arms[1][0], arms[1][1]))
        return pose

    def _swing(self, t: float, speed: float = 1.0, lag: float = 0.0) -> float:
        return float(np.sin(self.beat * speed * t + self.phase + lag))

    def _talk(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        for k in (0, 1):
            arms[k][1] = -1.7 + 0.55 * self.amount * self._swing(t, 1.2, 2.0 * k) + 0.6 * (self.bend[k] + 0.9)
        pose.nod += 0.05 * self._swing(t, 1.7)

    def _wave(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        for k in (0, 1):
            if self.both or k == self.raised:
                arms[k][0] = 1.5 + 0.12 * self._swing(t) + 0.4 * (self.arm[k] - 0.25)
                arms[k][1] = 2.9 + 0.6 * self._swing(t, 1.7, k)

    def _walk(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        side = self.heading
        pose.yaw = 0.7 * side + 0.1 * self._swing(t)
        pose.x += side * 1.6 * self.amount * (t - 0.5)
        pose.y += 0.06 * abs(self._swing(t))
        pose.lean += 0.05 * side
        legs = []
        for k, sign in ((0, -1), (1, 1)):
            swing = self._swing(t, 1.0, np.pi * k)
            arms[k][0] = -sign * side * 0.55 * swing + 0.08
            arms[k][1] = arms[k][0] + sign * side * (0.35 + 0.25 * swing)
            thigh = side * 0.5 * swing
            shin = thigh - side * (0.25 + 0.45 * max(0.0, self._swing(t, 1.0, np.pi * k + 1.4)))
            legs.append((sign * thigh, sign * shin))
        pose.legs = (legs[0], legs[1])

    def _dance(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        pose.x += 0.3 * self.amount * self._swing(t, 0.5)
        pose.y += 0.12 * self.amount * abs(self._swing(t))
        pose.lean += 0.16 * self._swing(t, 0.5)
        for k in (0, 1):
            arms[k][0] = 1.2 + 0.6 * self._swing(t, 1.0, 1.3 * k) * self.amount
            arms[k][1] = arms[k][0] + 0.7 * self._swing(t, 1.0, 2.2 * k + 1) + 0.4 * (self.bend[k] + 1)
        lift = [0.25 + 0.25 * self._swing(t, 0.5, np.pi * k) for k in (0, 1)]
        pose.legs = ((self.stance + lift[0], -0.25 * lift[0]), (self.stance + lift[1], -0.25 * lift[1]))

    def _stretch(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        for k in (0, 1):
            rise = 0.5 + 0.5 * self._swing(t, 0.5, 0.5 * k)
            arms[k] = [0.3 + 2.3 * rise, 0.1 + 2.8 * rise]
        pose.lean += 0.12 * self._swing(t, 0.4)

    def _turn(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        pose.yaw += 0.8 * self.amount * self._swing(t, 0.6)
        pose.gaze += 0.5 * self._swing(t, 0.6, 0.5)
        for k in (0, 1):
            arms[k][0] += 0.25 * (1 + self._swing(t, 0.6, 0.8))

    def _exercise(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        rise = 0.5 + 0.5 * self._swing(t, 0.6)
        for k in (0, 1):
            arms[k] = [0.25 + 2.5 * rise, 0.25 + 2.7 * rise]
        pose.y -= 0.15 * rise
        pose.legs = ((0.08 + 0.3 * rise, 0.05 + 0.3 * rise), (0.08 + 0.3 * rise, 0.05 + 0.3 * rise))

    def _point(self, pose: Pose, arms: list[list[float]], t: float) -> None:
        sweep = 0.35 * self._swing(t, 0.8)
        arms[self.raised] = [1.4 + sweep, 1.5 + 1.2 * sweep]
        pose.lean += 0.08 * self.heading * self._swing(t, 0.8)
