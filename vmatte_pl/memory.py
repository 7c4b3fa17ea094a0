"""Memory that a process keeps between frames."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What glibc's ``mallopt`` calls M_TRIM_THRESHOLD and M_MMAP_THRESHOLD."""


def keep_freed_memory() -> bool:
    """Let the C library keep what PyTorch frees, for the next layer and the next frame.

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
    return bool(mallopt(_MMAP_THRESHOLD, 2**30) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
