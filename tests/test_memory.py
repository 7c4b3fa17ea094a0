import platform
import subprocess
import sys

import pytest

COUNTING = """
import resource, torch
from vmatte_pl.memory import keep_freed_memory
kept = {keep} and keep_freed_memory()
def frame():
    for _ in range(4):
        torch.ones(2**24)
for _ in range(3):
    frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    frame()
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_a_frame_like_the_one_before_needs_hardly_any_new_memory() -> None:
    def faults(keep: bool) -> tuple[int, int]:
        code = COUNTING.format(keep=keep)
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
        kept, count = map(int, run.stdout.split())
        return kept, count

    _, given_back = faults(keep=False)
    kept, held = faults(keep=True)
    assert kept
    assert held < given_back / 10
