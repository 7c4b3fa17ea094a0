"""The sums of ``portable`` over whole frames, compiled by numba.

Compiling takes about three seconds, once on a machine: the code is kept beside these files or in the user's cache,
or, where neither can be written, for this process.
"""

from vmatte_pl.metrics.compiled.connectivity import connectivity
from vmatte_pl.metrics.compiled.errors import errors
from vmatte_pl.metrics.compiled.gradient import gradient

__all__ = ["connectivity", "errors", "gradient"]
