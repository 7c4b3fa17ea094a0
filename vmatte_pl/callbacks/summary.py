"""What a fit is about to train, in a few lines."""

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelSummary
from pytorch_lightning.utilities import rank_zero_info
from torch import nn

from vmatte_pl.tasks.base import MattingTask
from vmatte_pl.tasks.staged import StagedTask


class Summary(ModelSummary):
    """Name the parts of a task at the start of each stage: what is frozen, what trains, what a checkpoint holds.

    It stands in for Lightning's own table of every layer; other modules than tasks of matting get that one.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the summary."""
        if isinstance(pl_module, MattingTask):
            rank_zero_info("\n".join(summary_lines(pl_module)))
        else:
            super().on_fit_start(trainer, pl_module)


def summary_lines(task: MattingTask) -> list[str]:
    """Return a line for the stage, one for each part of the task, and one for its checkpoints."""
    registered = {id(module) for module in task.modules()}
    trained = {id(module) for module in task.trained.modules()}
    outline = task.outline()
    newest = max(i for i, (_, _, part) in enumerate(outline) if id(part) in registered)

    def status(place: int, part: nn.Module) -> str:
        if id(part) not in registered:
            return "later" if place > newest else "dropped"
        return "trains" if id(part) in trained else "frozen"

    rows = [(sign, what, status(i, part), _millions(part)) for i, (sign, what, part) in enumerate(outline)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    parts = [
        f"  {sign:<{widths[0]}}  {what:<{widths[1]}}  {state:<{widths[2]}}  {count:>{widths[3]}} M parameters"
        for sign, what, state, count in rows
    ]
    return ["", _title(task), *parts, _checkpoint(task), ""]


def _title(task: MattingTask) -> str:
    if not isinstance(task, StagedTask):
        return "Training:"
    number, count = task.stage_number
    return f"Stage {number} of {count}:"


def _checkpoint(task: MattingTask) -> str:
    content = {"state_dict": task.state_dict()}
    task.on_save_checkpoint(content)
    size = sum(tensor.nbytes for tensor in content["state_dict"].values())
    left_out = " without the frozen base" if isinstance(task, StagedTask) else ""
    return f"  a checkpoint holds {size / 1e6:.1f} MB of weights{left_out}, and the optimiser's state"


def _millions(part: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in part.parameters()) / 1e6:.2f}"
