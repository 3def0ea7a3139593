"""A run that is killed, at whatever moment, has lost nothing that it had saved.

Runs are started from a process that has imported everything already: a new one every
time would spend its life importing.
"""

import contextlib
import io
import multiprocessing
import os
import random
import sys
import time

import pytest
import torch
from console_tools import QUICK, call
from samples import few_or_many

from minigpt.checkpoint import Checkpoint, load_checkpoint
from minigpt.checkpoint_folder import find_furthest

ITERATIONS = 40
EVERY = 2  # iterations between two checkpoints
OPTIONS = [
    *("--max-iters", ITERATIONS, "--save-interval", EVERY, "--eval-interval", 10),
    *("--optimizer", "muon", "--dropout", 0.1),
]
# All that a run imports, also what PyTorch and the command do only when first needed.
PRELOADED = ["pytest", "minigpt.cli.train", "minigpt.cli.parser", "torch._dynamo"]
FORK = "forkserver" in multiprocessing.get_all_start_methods()


def run(words: list) -> None:
    """Train in a process of its own, on one thread, silently."""
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        sys.exit(call("train", *words))


@pytest.fixture(scope="module")
def start():
    """Start `minigpt train` in another process: `start(words)` gives the process."""
    context = multiprocessing.get_context("forkserver" if FORK else "spawn")
    if FORK:
        context.set_forkserver_preload(PRELOADED)

    def begin(words):
        process = context.Process(target=run, args=(words,))
        process.start()
        return process

    return begin


@pytest.fixture(scope="module")
def straight(start, prepared, tmp_path_factory) -> dict[int, Checkpoint]:
    """By seed, how runs end that nothing has happened to."""
    ends = {}
    for seed in 0, 1:
        folder = tmp_path_factory.mktemp("straight")
        process = start(words_for(prepared, folder, "--seed", seed))
        process.join()
        assert process.exitcode == 0
        ends[seed] = load_checkpoint(folder / "model_final.pt")
    return ends


def words_for(prepared, folder, *more) -> list:
    options = [] if "--resume" in more else [*QUICK, *OPTIONS]
    return [*options, "--data-dir", prepared, "--out-dir", folder, *more]


def same(one: Checkpoint, other: Checkpoint) -> bool:
    assert one.training is not None and other.training is not None
    a, b = one.model.state_dict(), other.model.state_dict()
    return (
        all(torch.equal(a[name], b[name]) for name in a)
        and one.training.val_losses == other.training.val_losses
    )


def half_written(folder) -> list:
    return list(folder.glob(".model_*.pt-*.tmp"))


def kill(process, folder, chance: random.Random) -> bool:
    """Kill the process at a random moment; return whether it still ran.

    Every other time the moment is one at which a checkpoint is being written.
    """
    if chance.random() < 0.5:
        while process.is_alive() and not half_written(folder):
            pass
        time.sleep(chance.uniform(0, 0.001))
    else:
        process.join(chance.uniform(0, 0.5))
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


@few_or_many("enough", 5, 100)
def test_killed_at_any_moment(start, straight, prepared, tmp_path, tried, enough):
    chance = random.Random(6)
    kills = writing = finished = run_number = 0
    # How often a kill meets a checkpoint that is being written depends on the machine.
    while kills < enough or writing < enough / 10:
        run_number += 1
        folder, reached = tmp_path / f"run {run_number}", 0
        folder.mkdir()
        while not (folder / "model_final.pt").exists():
            more = ["--resume"] if reached else []
            if kills >= enough and writing >= enough / 10:
                process = start(words_for(prepared, folder, *more))
                process.join()
                assert process.exitcode == 0
            elif kill(start(words_for(prepared, folder, *more)), folder, chance):
                kills += 1
                left = half_written(folder)
                writing += bool(left)
                for path in left:
                    path.unlink()
            if any(folder.glob("*.pt")):
                newest = load_checkpoint(find_furthest(folder)).training
                assert newest is not None and newest.iteration >= reached
                reached = newest.iteration
        for path in folder.glob("*.pt"):
            load_checkpoint(path)
        assert same(load_checkpoint(folder / "model_final.pt"), straight[0])
        finished += 1
    tried(
        f"{kills} kills of a run, {writing} of them while a checkpoint was written; "
        f"{finished} runs brought to their end, all on the same weights"
    )


@few_or_many("times", 1, 3)
def test_two_runs_in_one_folder(start, straight, prepared, tmp_path, tried, times):
    looked = 0
    for _ in range(times):
        runs = [
            start(words_for(prepared, tmp_path, "--seed", seed)) for seed in straight
        ]
        while any(process.is_alive() for process in runs):
            for path in tmp_path.glob("*.pt"):
                try:
                    checkpoint = load_checkpoint(path)
                except ValueError:
                    assert not path.exists()  # a run that begins has renamed it
                    continue
                assert checkpoint.training.config.seed in straight
                looked += 1
        assert [process.exitcode for process in runs] == [0, 0]
        assert not half_written(tmp_path)
        final = load_checkpoint(tmp_path / "model_final.pt")
        assert same(final, straight[final.training.config.seed])
    tried(f"{looked} checkpoints read while two runs wrote them, all whole")


def test_what_a_killed_run_left_is_cleared_away(minigpt, prepared, tmp_path):
    old, new = (tmp_path / f".model_iter_{n}.pt-abc.tmp" for n in (2, 4))
    for path in old, new, tmp_path / "mine.tmp":
        path.write_bytes(b"half")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    os.utime(tmp_path / "mine.tmp", (two_hours_ago, two_hours_ago))
    words = "--max-iters", 1, "--data-dir", prepared, "--out-dir", tmp_path
    assert minigpt("train", *QUICK, *words).status == 0
    assert not old.exists()
    # Another run may be writing it now; and what is not a checkpoint is not ours.
    assert new.exists() and (tmp_path / "mine.tmp").exists()
