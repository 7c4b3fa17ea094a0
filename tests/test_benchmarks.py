"""What the measures' speed is compared with must compute what they compute."""

import numpy as np
import pytest

from benchmarks.metrics import customary, footage, ours
from tests.shared import golden_clips

NAMES = ("mad", "mse", "grad", "conn", "dtssd")


@pytest.mark.parametrize("noise", [0, 2])
def test_both_sides_of_the_comparison_compute_the_same(noise: int) -> None:
    clip = footage(72, 128, noise)
    np.testing.assert_allclose(ours(*clip), customary(*clip), rtol=1e-5)


def test_the_customary_way_gives_what_the_script_of_rvm_gives() -> None:
    recipe, golden = golden_clips()
    for name, (pred, true, _) in recipe.clips().items():
        expected = golden[name]["rvm_script"]
        columns = [[0.0, *expected[n]] if n == "dtssd" else expected[n] for n in NAMES]
        np.testing.assert_allclose(customary(pred, true), np.transpose(columns), rtol=1e-5)
