"""vmatte: boost a frozen video matting network with small adapters."""

import os
from importlib.metadata import version

__version__ = version("vmatte")

# Read once, when torch is loaded. OpenMP's threads spin for a millisecond before they sleep, in which they keep the one
# that they wait for from running, where another process is busy: a step on two cores took 9 s for 0.4. So long as this
# they lose nothing where none is.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
