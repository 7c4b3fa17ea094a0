import platform
import resource

import numpy as np
import pytest

from vmatte_pl.data.loading import keep_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_memory_that_is_freed_is_used_again() -> None:
    keep_memory()
    for _ in range(2):
        np.ones(20_000_000, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(20_000_000, np.uint8)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 2000  # of 24,000 pages
