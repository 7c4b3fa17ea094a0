"""Two processes that see different clips, or the same, or none, give what one gives."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from tests.metrics.test_classes import LENGTHS, chunks, clips, fed, numbers
from vmatte_pl.metrics import matting_metrics

SHARES = {
    "uneven": ({"0000", "été", "one"}, {"dancer/3"}),
    "all on one": (set(LENGTHS), set()),
    "some on both": ({"0000", "été", "one"}, {"dancer/3", "été"}),
}
"""Which clips each process sees."""


def work(rank: int, folder: Path) -> None:
    warnings.simplefilter("ignore")  # a process without data computes before it updates
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    found: dict[str, Any] = {}
    metrics = matting_metrics("val/")
    for case, share in SHARES.items():
        for clip in clips():
            if clip.name in share[rank]:
                for chunk in chunks(clip, 2):
                    metrics.update(*chunk)
        found[case] = {"all": numbers(metrics), "clips": metrics.per_clip(), "again": numbers(metrics)}
        metrics.reset()
    pred, true = torch.full((2, 1, 2, 1, 4, 4), 0.2)
    metrics.update(pred * rank, true)  # clips without a name
    found["unnamed"] = {"all": numbers(metrics), "clips": list(metrics.per_clip())}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("processes")
    spawn(work, (folder,), nprocs=2)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("case", SHARES)
def test_processes_together_give_what_one_gives(found: list[dict[str, Any]], case: str) -> None:
    alone = fed(matting_metrics("val/"))
    for of_rank in found:
        assert of_rank[case]["all"] == numbers(alone)
        assert of_rank[case]["clips"] == alone.per_clip()
        assert of_rank[case]["again"] == numbers(alone)


def test_clips_without_a_name_count_on_every_process(found: list[dict[str, Any]]) -> None:
    for of_rank in found:
        assert of_rank["unnamed"]["all"]["val/mad"] == pytest.approx((0 + 200) / 2)
        assert len(of_rank["unnamed"]["clips"]) == 2
