"""vmatte: boost a frozen video matting network with small adapters."""

from importlib.metadata import version

__version__ = version("vmatte")
