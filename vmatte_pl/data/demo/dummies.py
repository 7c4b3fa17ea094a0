"""Dummies and life-size prints of people, which stand in a place and belong to it.

Footage to train on has backgrounds without people, so a network takes whatever looks like one for foreground. That a
dummy is none, its stillness tells, and sometimes its sharpness.
"""

from numpy.random import Generator

from vmatte_pl.data.demo.people import Person
from vmatte_pl.data.demo.stage import Stage


def put_dummies(stage: Stage, rng: Generator, split: str) -> None:
    """Stand up to two of them before the scene, about as sharp as people who act there."""
    for _ in range(int(rng.choice(3, p=[0.25, 0.5, 0.25]))):
        head = rng.uniform(0.08, 0.26)  # like all lengths here in heights of the stage
        neck = max(rng.uniform(0.8, 0.95) - 6.25 * head, rng.uniform(0.2, 0.35) + 1.2 * head)
        place = float(rng.uniform(0.15, 0.85)) * stage.width, float(neck) * stage.height
        canvas = stage.canvas()
        Person(rng, split, place, float(head) * stage.height, lively=1.0).paint(canvas, float(rng.uniform(0, 1)))
        stage.put(canvas, rng.uniform(0.5, 0.8), rng.uniform(0.25, 0.7))
