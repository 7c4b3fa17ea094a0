"""Memory that a process keeps between frames and batches."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What glibc's ``mallopt`` calls M_TRIM_THRESHOLD and M_MMAP_THRESHOLD."""


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed, for the next layer, frame and batch.

    By default glibc gives large blocks back to the system as soon as they are free, and the system clears
    and maps new ones for the next layer. Where layers are cheap for their size, that is up to a third of a
    network's time on a CPU. The peak of memory stays as it is, but is held on to.

    Returns:
        Whether the C library understood; other ones than glibc do not.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return False
    large = mallopt(_MMAP_THRESHOLD, 2**30) or mallopt(_MMAP_THRESHOLD, 2**25)  # the most that older versions take
    return bool(large and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
