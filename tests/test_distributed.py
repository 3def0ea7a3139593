"""Two processes that share a batch train the model that one process trains."""

import os
import re
import signal
import subprocess
import sys

import pytest
import torch
from console_tools import call
from torch import distributed

from minigpt.checkpoint import load_checkpoint
from minigpt.distributed import World

pytestmark = pytest.mark.skipif(
    not distributed.is_available() or not distributed.is_gloo_available(),
    reason="this torch cannot train in several processes",
)


def torchrun(*words):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "minigpt", "train", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture
def options(prepared):
    return "--preset", "tiny", "--data-dir", prepared, "--eval-interval", 1


def test_two_processes_give_the_losses_of_one(options, tmp_path):
    options = *options, "--max-iters", 20, "--save-interval", 10
    two = torchrun(*options, "--out-dir", tmp_path / "two")
    out, err = two.communicate(timeout=120)
    assert two.returncode == 0, err
    words = map(str, [*options, "--out-dir", tmp_path / "one"])
    assert call("train", *words) == 0
    # One process of the two has logged and saved.
    assert [int(i) for i in re.findall(r"iteration +(\d+)", out)] == [*range(1, 21)]
    names = {path.name for path in (tmp_path / "two").iterdir()}
    assert names == {"model_iter_10.pt", "model_iter_20.pt", "model_final.pt"}
    shared, alone = (
        load_checkpoint(tmp_path / folder / "model_final.pt")
        for folder in ("two", "one")
    )
    assert shared.training is not None and alone.training is not None
    for (_, loss), (_, expected) in zip(
        shared.training.val_losses, alone.training.val_losses, strict=True
    ):
        assert loss == pytest.approx(expected, abs=1e-5)
    for weights, expected in zip(
        shared.model.parameters(), alone.model.parameters(), strict=True
    ):
        assert torch.allclose(weights, expected, atol=1e-4)


def test_ctrl_c_stops_both_and_saves(options, tmp_path):
    run = torchrun(*options, "--max-iters", 100_000, "--out-dir", tmp_path)
    assert run.stdout
    while not run.stdout.readline().startswith("iteration"):
        assert run.poll() is None, run.stderr.read()
    os.killpg(run.pid, signal.SIGINT)  # a terminal sends it to all of them
    out, _ = run.communicate(timeout=60)
    assert "to continue: minigpt train --resume" in out
    [iteration] = re.findall(r"stopped after iteration (\d+) of 100,000", out)
    assert (tmp_path / f"model_iter_{iteration}.pt").exists()


def test_a_batch_must_be_shared_evenly():
    world = World()
    world.size = 2
    assert len(world.shard(torch.zeros(4, 3))) == 2
    with pytest.raises(ValueError, match=r"batch_size \(3\).* processes \(2\)"):
        world.shard(torch.zeros(3, 3))
