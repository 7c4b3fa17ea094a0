"""How many processor cores there are for this process."""

import os


def cores() -> int:
    """Count the cores that this process may use, which a container or a scheduler can make fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
