"""VMFormer: a clip to alpha, with one query that looks at all of its frames."""

from vmatte_pl.models.vmformer.network import VMFormer

__all__ = ["VMFormer"]
