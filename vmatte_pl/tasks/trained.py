"""What a run has trained, as a network again: to boost it further, to use it, to export it."""

from pathlib import Path

import yaml
from jsonargparse import ArgumentParser
from torch import Tensor

from vmatte_pl.models.base import MattingNetwork, State
from vmatte_pl.runs import config_text, read_checkpoint
from vmatte_pl.tasks.base import MattingTask


def load_task(checkpoint: str | Path) -> MattingTask:
    """Return the task of a run with the weights of one of its checkpoints, ready for evaluation.

    Raises:
        CheckpointError: The checkpoint cannot be read, holds no config, or its base's weights are not those there are.
    """
    path = Path(checkpoint)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(MattingTask, "model")
    config = parser.parse_object({"model": yaml.safe_load(config_text(path))["model"]})
    task: MattingTask = parser.instantiate_classes(config).model
    content = read_checkpoint(path)
    task.on_load_checkpoint(content)
    task.load_state_dict(content["state_dict"])
    return task.eval()


class Trained(MattingNetwork):
    """The network that a run has trained; as the base of a further run it is boosted once more.

    Args:
        ckpt: A checkpoint of the run, such as ``runs/bwa/version_0/checkpoints/best.ckpt``.

    Raises:
        CheckpointError: As ``load_task``.
    """

    def __init__(self, ckpt: str) -> None:
        super().__init__()
        self.network = load_task(ckpt).network
        self.remembers = self.network.remembers

    def forward(self, frames: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Run the network."""
        return self.network(frames, state)

    def stages(self, frames: Tensor, state: State = None, known: Tensor | None = None) -> tuple[list[Tensor], State]:
        """Return the alphas of all of the network's stages."""
        return self.network.stages(frames, state, known)
