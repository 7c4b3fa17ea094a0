"""What is trained and how: LightningModules over plain networks."""

from vmatte_pl.tasks.bare import Bare
from vmatte_pl.tasks.bwa import BwA
from vmatte_pl.tasks.pretrain import Pretrain

__all__ = ["Bare", "BwA", "Pretrain"]
