"""What is trained and how: LightningModules over plain networks."""

from vmatte_pl.tasks.bare import Bare
from vmatte_pl.tasks.bue import BuE
from vmatte_pl.tasks.bwa import BwA
from vmatte_pl.tasks.pretrain import Pretrain
from vmatte_pl.tasks.stages import fit_stages
from vmatte_pl.tasks.trained import Trained, load_task

__all__ = ["Bare", "BuE", "BwA", "Pretrain", "Trained", "fit_stages", "load_task"]
