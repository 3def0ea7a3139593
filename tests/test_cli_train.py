"""`minigpt train` learns, saves, stops when told to, and goes on as if it had not."""

import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest
import torch
from console_tools import QUICK, call
from terminal import Terminal

from minigpt.checkpoint import load_checkpoint, save_checkpoint
from minigpt.cli.parser import parse
from minigpt.cli.train import start
from minigpt.cli.training_logger import TrainingLogger
from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.data import load_dataset
from minigpt.run import resume

LINE = re.compile(r"iteration +(\d+) +train ([\d.]+) +validation ([\d.]+)")


@pytest.fixture
def train(minigpt, prepared, tmp_path):
    """Train a tiny model into tmp_path; the options given win."""

    def run(*more):
        words = ["--data-dir", prepared, "--out-dir", tmp_path, *more]
        return minigpt("train", *(words if "--resume" in more else [*QUICK, *words]))

    return run


def weights(path):
    return load_checkpoint(path).model.state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_losses_are_logged_and_checkpoints_saved(train, tmp_path):
    result = train("--eval-interval", 15, "--save-interval", 25)
    assert result.status == 0 and result.err == ""
    logged = [match.groups() for match in LINE.finditer(result.out)]
    assert [int(iteration) for iteration, *_ in logged] == [15, 30, 45, 60]
    losses = [float(validation) for *_, validation in logged]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 3.2
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model_iter_25.pt", "model_iter_50.pt", "model_final.pt"}
    saved = load_checkpoint(tmp_path / "model_final.pt").training
    assert saved is not None and saved.iteration == 60
    assert [round(loss, 4) for _, loss in saved.val_losses] == losses
    assert f"minigpt generate --checkpoint {tmp_path / 'model_final.pt'}" in result.out


def test_the_logged_mean_leaves_out_the_practice_of_copying(train, prepared):
    words = "--copy-iters", 25, "--eval-interval", 20
    result = train(*words)
    unknown, *logged = re.findall(r"train +(\S+) +validation", result.out)
    assert unknown == "–"
    changes = {"copy_iters": 25, "eval_interval": 20}
    losses = [step.loss for step in start("tiny", prepared, changes).steps()]
    means = sum(losses[25:40]) / 15, sum(losses[40:]) / 20
    assert logged == [f"{mean:.4f}" for mean in means]


def test_no_bar_is_drawn_where_there_is_no_terminal(minigpt, prepared, tmp_path):
    words = "--preset", "tiny", "--data-dir", prepared, "--out-dir", tmp_path
    assert minigpt("train", *words, "--max-iters", 2).err == ""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_in_a_terminal_a_bar_shows_loss_speed_and_time_left(prepared, tmp_path):
    words = "--preset", "tiny", "--data-dir", prepared, "--out-dir", tmp_path
    terminal = Terminal("train", *words, "--max-iters", 100_000)
    terminal.read_until("0%|")
    terminal.read_until("/100000, ")
    terminal.read_until(" left, loss ")
    terminal.read_until(" tokens/s")
    terminal.type("\x03")
    terminal.read_until("stopped after iteration ")
    terminal.read_until("to continue: minigpt train --resume")
    assert terminal.close() == 130


def test_the_preset_is_laptop_if_none_is_given(minigpt, prepared, tmp_path):
    words = "--max-iters", 1, "--batch-size", 1, "--data-dir", prepared
    result = minigpt("train", *words, "--out-dir", tmp_path)
    assert result.status == 0
    laptop = get_preset("laptop")
    saved = load_checkpoint(tmp_path / "model_final.pt")
    V = saved.tokenizer.vocab_size
    assert saved.model.config == replace(laptop.model, vocab_size=V)
    assert saved.training is not None
    assert saved.training.config == replace(laptop.training, max_iters=1, batch_size=1)


def test_the_readme_preset_is_that_of_the_classic_script():
    preset = get_preset("readme")
    shape = asdict(preset.model)
    del shape["vocab_size"]
    assert shape == {
        "block_size": 64, "n_embd": 128, "n_head": 4, "n_layer": 3, "dropout": 0.1,
        "modern": False,
    }  # fmt: skip
    config = preset.training
    assert (config.batch_size, config.max_iters) == (32, 100)
    assert config.learning_rate == 3e-4
    assert (config.eval_interval, config.save_interval) == (20, 50)


@pytest.mark.parametrize("hyphens", [False, True])
@pytest.mark.parametrize(
    "field",
    [
        f
        for cls in (GPTConfig, TrainConfig)
        for f in fields(cls)
        if f.name != "vocab_size"
    ],
    ids=lambda f: f.name,
)
def test_every_field_can_be_set(field, hyphens):
    name = field.name.replace("_", "-") if hyphens else field.name
    value = {int: 3, float: 0.25, bool: True, str: "cpu"}[field.type]
    command, options = parse(["train", f"--{name}", str(value).lower()])
    assert command == "train" and options["changes"] == {field.name: value}


def test_what_is_set_is_what_is_trained(train, tmp_path):
    train("--n-layer", 1, "--n_embd=16", "--optimizer", "muon", "--max-iters", 1)
    saved = load_checkpoint(tmp_path / "model_final.pt")
    assert (saved.model.config.n_layer, saved.model.config.n_embd) == (1, 16)
    assert saved.training is not None and saved.training.config.optimizer == "muon"
    assert saved.training.config.batch_size == 16  # the preset's


def test_two_runs_of_one_seed_are_the_same(train, trained, tmp_path):
    train()
    assert same(weights(tmp_path / "model_final.pt"), weights(trained))
    train("--seed", 1)
    assert not same(weights(tmp_path / "model_final.pt"), weights(trained))


def stop_at(iteration, monkeypatch, number=signal.SIGINT):
    """Let a signal come while that iteration is being kept."""
    log = TrainingLogger.log

    def stopping(self, step):
        if step.iteration == iteration:
            signal.raise_signal(number)
        log(self, step)

    monkeypatch.setattr(TrainingLogger, "log", stopping)


KINDS = {
    "adamw": ["--optimizer", "adamw"],
    "muon": ["--optimizer", "muon"],
    "dropout": ["--optimizer", "adamw", "--dropout", "0.2"],
    "bfloat16": ["--optimizer", "muon", "--dtype", "bfloat16"],
}
LONG = "--max-iters", "120", "--eval-interval", "50", "--save-interval", "500"


@pytest.fixture(scope="module", params=KINDS)
def straight(request, prepared, tmp_path_factory):
    """The options of a run that is never stopped, and the checkpoint of its end."""
    options = [*KINDS[request.param], *LONG]
    folder = tmp_path_factory.mktemp("straight")
    words = ["--data-dir", prepared, "--out-dir", folder, *options]
    assert call("train", *QUICK, *words) == 0
    return options, folder / "model_final.pt"


def check_equal(path, other):
    assert same(weights(path), weights(other))
    one, two = load_checkpoint(path).training, load_checkpoint(other).training
    assert one is not None and two is not None
    assert one.val_losses == two.val_losses and len(one.val_losses) == 3


def test_ctrl_c_and_resume_is_the_run_that_was_never_stopped(
    straight, train, minigpt, monkeypatch, tmp_path
):
    options, final = straight
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        stop_at(60, patch)
        stopped = train(*options)
    assert stopped.status == 130
    assert [path.name for path in tmp_path.iterdir()] == ["model_iter_60.pt"]
    assert "stopped after iteration 60 of 120" in stopped.out
    printed = stopped.out.partition("to continue: ")[2]
    resumed = minigpt(*shlex.split(printed)[1:], "--quiet")
    assert resumed.status == 0, resumed.err
    assert [int(m[1]) for m in LINE.finditer(resumed.out)] == [100, 120]
    check_equal(tmp_path / "model_final.pt", final)
    assert handlers[0] == signal.getsignal(signal.SIGINT)
    assert handlers[1] == signal.getsignal(signal.SIGTERM)


def test_break_and_going_on_is_the_run_that_was_never_stopped(
    straight, prepared, tmp_path
):
    options, final = straight
    dataset = load_dataset(prepared)
    run = start("tiny", prepared, parse(["train", *options])[1]["changes"])
    for step in run.steps():
        if step.iteration == 60:
            break
    path = tmp_path / "stopped.pt"
    save_checkpoint(path, run.model, dataset.tokenizer, run.state())
    torch.manual_seed(99)  # what happens in between does not matter
    run = resume(dataset, path)
    for _ in run.steps():
        pass
    assert run.finished
    save_checkpoint(path, run.model, dataset.tokenizer, run.state())
    check_equal(path, final)


def test_a_model_to_be_shipped(train, minigpt, monkeypatch, tmp_path):
    shipped = tmp_path / "ship" / "small.pt"
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        stopped = train("--max-iters", 5, "--export", shipped)
    assert not shipped.exists()
    printed = shlex.split(stopped.out.partition("to continue: ")[2])
    result = minigpt(*printed[1:], "--quiet")
    assert result.status == 0 and f"exported {shipped}" in result.out
    assert load_checkpoint(shipped).training is None
    whole = (tmp_path / "model_final.pt").stat().st_size
    assert shipped.stat().st_size < whole / 3  # half the weights, and no optimizer
    exact, rounded = weights(tmp_path / "model_final.pt"), weights(shipped)
    assert all(torch.allclose(exact[n], rounded[n], atol=1e-3) for n in exact)


def test_a_block_of_one_is_trained_and_saved(train, tmp_path):
    assert train("--block-size", 1, "--max-iters", 4).status == 0
    assert load_checkpoint(tmp_path / "model_final.pt").model.config.block_size == 1


def test_a_folder_to_ship_to_is_refused_before_training(train, tmp_path):
    folder = tmp_path / "ships"
    folder.mkdir()
    assert "is a folder: give --export a file" in train("--export", folder).complaint
    assert not (tmp_path / "model_final.pt").exists()


def test_what_was_shipped_beside_a_run_is_not_taken_for_it(train, tmp_path):
    assert train("--export", tmp_path / "model_small.pt").status == 0
    assert train("--resume", "--max-iters", 62).status == 0


def test_a_reader_that_leaves_does_not_end_the_training(prepared, tmp_path):
    words = ["train", *map(str, QUICK), "--data-dir", prepared, "--out-dir", tmp_path]
    command = [sys.executable, "-m", "minigpt", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
    assert (tmp_path / "model_final.pt").exists()


def test_a_polite_kill_saves_too(train, monkeypatch, tmp_path):
    stop_at(7, monkeypatch, signal.SIGTERM)
    assert train().status == 143
    assert (tmp_path / "model_iter_7.pt").exists()


def test_a_second_ctrl_c_does_not_wait(train, monkeypatch, tmp_path):
    log = TrainingLogger.log

    def stopping(self, step):
        log(self, step)
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainingLogger, "log", stopping)
    assert train().status == 130
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_the_last_iteration_ends_the_run(train, monkeypatch, tmp_path):
    stop_at(60, monkeypatch)
    result = train()
    assert result.status == 0 and "minigpt generate" in result.out


def test_killed_just_before_its_end_a_run_is_brought_to_it(train, tmp_path):
    train("--max-iters", 6, "--save-interval", 3)
    final = tmp_path / "model_final.pt"
    before = weights(final)
    assert train("--resume").status == 2  # there is nothing left to do
    final.unlink()
    assert train("--resume").status == 0
    assert same(weights(final), before)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_resumed_run_takes_new_settings(prepared, train, tmp_path, kind):
    train("--max-iters", 2, "--optimizer", kind)
    changes = {"max_iters": 9, "learning_rate": 0.5, "weight_decay": 0.03}
    run = resume(load_dataset(prepared), tmp_path / "model_final.pt", changes)
    assert run.config.learning_rate == 0.5 and run.config.max_iters == 9
    groups = run.optimizer.param_groups
    adamw = [group for group in groups if group["kind"] == "adamw"]
    assert {group["max_lr"] for group in adamw} == {0.5}
    assert {group["weight_decay"] for group in groups} == {0.03, 0.0}
    assert len(run.optimizer.state) == len(list(run.model.parameters()))


# What follows starts a process of its own.
def test_ctrl_c_in_a_process(prepared, tmp_path):
    out = tmp_path / "a folder"
    words = [*QUICK, "--data-dir", prepared, "--out-dir", out, "--max-iters", 100_000]
    process = subprocess.Popen(
        [sys.executable, "-m", "minigpt", "train", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    # The lines come while it trains, though they go into a pipe.
    while not process.stdout.readline().startswith("iteration"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == ""
    iteration = int(re.search(r"stopped after iteration (\d+) of 100,000", rest)[1])
    printed = shlex.split(rest.partition("to continue: ")[2])
    assert call(*printed[1:], "--max-iters", iteration + 1, "--quiet") == 0
    assert (out / "model_final.pt").exists()
