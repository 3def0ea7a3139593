"""What a learner has trained is never replaced unasked, and `--resume` finds it."""

import os
import re
import shutil
import signal
from dataclasses import replace

import pytest
from console_tools import QUICK

from minigpt.checkpoint import load_checkpoint, save_checkpoint
from minigpt.checkpoint_folder import find_furthest
from minigpt.cli.training_logger import TrainingLogger
from minigpt.config import get_preset
from minigpt.data import load_dataset
from minigpt.run import begin, resume

LINE = re.compile(r"iteration +(\d+) +train")


@pytest.fixture
def train(minigpt, prepared, tmp_path):
    """Train six iterations into `checkpoints`, saving every second; options win."""
    folder = tmp_path / "checkpoints"

    def run(*more):
        words = [] if "--resume" in more else [*QUICK, "--save-interval", 2]
        words += ["--max-iters", 6] if "--resume" not in more else []
        if "--out-dir" not in more and not any(str(m).endswith(".pt") for m in more):
            words += ["--out-dir", folder]
        result = minigpt("train", *words, "--data-dir", prepared, *more, "--quiet")
        return result

    return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def contents(folder) -> dict[str, bytes]:
    """Return every file below a folder, by its relative name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


@pytest.mark.parametrize("more", [(), ("--n-layer", 1), ("--seed", 1)])
def test_a_new_run_keeps_the_checkpoints_of_the_one_before(train, folder, more):
    train()
    before = contents(folder)
    assert set(before) == {
        "model_iter_2.pt", "model_iter_4.pt", "model_iter_6.pt", "model_final.pt"
    }  # fmt: skip
    result = train(*more, "--max-iters", 2)
    assert result.status == 0
    assert f"moved the earlier checkpoints to {folder / 'earlier_1'}" in result.out
    after = contents(folder)
    assert set(after) == {"model_iter_2.pt", "model_final.pt"} | {
        f"earlier_1/{name}" for name in before
    }
    assert all(after[f"earlier_1/{name}"] == before[name] for name in before)
    train(*more, "--max-iters", 2)
    assert contents(folder)["earlier_2/model_final.pt"] == after["model_final.pt"]


def test_a_run_that_is_stopped_leaves_the_finished_model_in_place(
    train, folder, monkeypatch
):
    train()
    before = contents(folder)
    log = TrainingLogger.log

    def stopping(self, step):
        if step.iteration == 3:
            signal.raise_signal(signal.SIGINT)
        log(self, step)

    monkeypatch.setattr(TrainingLogger, "log", stopping)
    assert train("--seed", 1).status == 130
    after = contents(folder)
    assert after["model_final.pt"] == before["model_final.pt"]
    assert after["earlier_1/model_iter_6.pt"] == before["model_iter_6.pt"]
    assert load_checkpoint(find_furthest(folder)).training.iteration == 3
    monkeypatch.setattr(TrainingLogger, "log", log)
    assert train("--resume").status == 0
    assert contents(folder)["earlier_2/model_final.pt"] == before["model_final.pt"]


def test_a_run_that_saves_nothing_moves_nothing(train, folder):
    train()
    before = contents(folder)
    assert train("--learning-rate", 1e30, "--save-interval", 50).status == 2
    assert contents(folder) == before


def test_an_exported_or_damaged_model_of_that_name_is_kept_too(
    train, folder, prepared, trained
):
    folder.mkdir()
    model, tokenizer = load_checkpoint(trained).model, load_dataset(prepared).tokenizer
    save_checkpoint(folder / "model_final.pt", model, tokenizer)
    (folder / "model_iter_2.pt").write_bytes(b"half a file")
    before = contents(folder)
    assert train().status == 0
    after = contents(folder)
    assert all(after[f"earlier_1/{name}"] == before[name] for name in before)


def test_resume_goes_by_what_the_files_hold(train, folder):
    train()
    for age, number in enumerate((6, 4, 2)):  # as after a copy without times
        os.utime(folder / f"model_iter_{number}.pt", (10**9 + age, 10**9 + age))
    os.utime(folder / "model_final.pt", (10**8, 10**8))
    before = contents(folder)
    result = train("--resume", "--max-iters", 8, "--eval-interval", 1)
    assert [int(n) for n in LINE.findall(result.out)] == [7, 8]
    last = folder / "model_final.pt"
    losses = ", ".join(f"{x:.4f}" for _, x in load_checkpoint(last).training.val_losses)
    assert f"resumes {last} at iteration 6; validation losses so far: " in result.out
    assert re.search(r"losses so far: ([\d., ]+)\n", result.out)[1] in losses
    after = contents(folder)
    kept = [name for name in before if name.startswith("model_iter")]
    assert all(after[name] == before[name] for name in kept)
    assert not any("earlier" in name for name in after)


def test_resuming_an_earlier_checkpoint_keeps_the_later_ones(train, folder):
    train()
    before = contents(folder)
    result = train("--resume", folder / "model_iter_2.pt", "--learning-rate", 1e-4)
    assert result.status == 0
    after = contents(folder)
    assert after["model_iter_2.pt"] == before["model_iter_2.pt"]
    for name in "model_iter_4.pt", "model_iter_6.pt", "model_final.pt":
        assert after[f"earlier_1/{name}"] == before[name] != after[name]


def test_resuming_a_checkpoint_elsewhere_writes_beside_it(train, folder, tmp_path):
    train()
    mine = contents(folder)
    train("--out-dir", tmp_path / "other", "--seed", 3)
    other = tmp_path / "other" / "model_iter_4.pt"
    result = train("--resume", other, "--max-iters", 8)
    assert result.status == 0 and f"resumes {other} at iteration 4" in result.out
    assert contents(folder) == mine
    assert (
        load_checkpoint(tmp_path / "other" / "model_final.pt").training.iteration == 8
    )


def test_the_run_that_began_last_is_resumed(train, folder, tmp_path):
    train("--max-iters", 4)
    first = contents(folder)
    train("--max-iters", 2, "--n-layer", 1)
    for name, content in first.items():  # somebody copies them back
        (folder / name).write_bytes(content)
    shutil.copy(folder / "earlier_1" / "model_iter_4.pt", folder)
    assert load_checkpoint(find_furthest(folder)).training.iteration == 4
    shutil.rmtree(folder)
    train("--max-iters", 4)
    train("--max-iters", 2, "--n-layer", 1, "--out-dir", tmp_path / "later")
    shutil.copy(tmp_path / "later" / "model_iter_2.pt", folder / "model_iter_3.pt")
    assert find_furthest(folder).name == "model_iter_3.pt"


def test_another_text_of_the_same_characters_is_refused(
    train, minigpt, folder, fables, tmp_path
):
    train()
    text = fables.read_text(encoding="utf-8")
    backwards = tmp_path / "backwards.txt"
    backwards.write_text(text[::-1], encoding="utf-8")
    assert minigpt("prepare", backwards, "--data-dir", tmp_path).status == 0
    words = "--resume", "--max-iters", 8, "--data-dir", tmp_path
    complaint = minigpt("train", *words, "--out-dir", folder).complaint
    assert "was trained on another text than that of the data: prepare" in complaint


def test_another_shape_is_refused(train):
    train()
    assert "has another shape" in train("--resume", "--n-layer", 5).complaint


def test_a_clock_run_ends_on_time_and_can_be_resumed(train, folder):
    result = train("--minutes", 0.05, "--max-iters", 10**6, "--save-interval", 10**6)
    assert result.status == 0 and "0.05 minutes" in result.out
    state = load_checkpoint(folder / "model_final.pt").training
    assert 2.5 < state.seconds < 10 and state.iteration > 0
    assert "has done all of its 0.05 minutes" in train("--resume").complaint
    more = train("--resume", "--minutes", 0.08)
    assert more.status == 0
    again = load_checkpoint(folder / "model_final.pt").training
    assert again.iteration > state.iteration and again.run_id == state.run_id
    fixed = train("--resume", "--max-iters", again.iteration + 1)
    assert fixed.status == 0
    last = load_checkpoint(folder / "model_final.pt").training
    assert last.iteration == again.iteration + 1


# Several runs at once, and branches of one run


@pytest.fixture
def new_run(prepared):
    """Return a new run; `advance(run, n)` trains it until iteration n."""
    shape, config = get_preset("tiny").model, get_preset("tiny").training

    def make(seed, **changes):
        return begin(
            load_dataset(prepared), shape, replace(config, seed=seed, **changes)
        )

    return make


def advance(run, iteration):
    for step in run.steps(measure=lambda *_: None):
        if step.iteration == iteration:
            break
    return run


def models(folder) -> set[bytes]:
    return set(contents(folder).values())


def test_what_was_moved_is_not_replaced_by_what_is_moved_later(new_run, tmp_path):
    path, kept = tmp_path / "model_final.pt", []
    first, second, third = (advance(new_run(seed), 1) for seed in range(3))
    for run in first, second, third, second, third:  # as from two panels and a console
        run.save(path)
        kept.append(path.read_bytes())
        advance(run, run.iteration + 1)
    assert models(tmp_path) == set(kept)


def test_two_branches_of_a_run_do_not_replace_each_other(new_run, prepared, tmp_path):
    path, dataset = tmp_path / "model_final.pt", load_dataset(prepared)
    run = advance(new_run(0), 2)
    run.save(path)
    branch = advance(resume(dataset, path, {"learning_rate": 1e-4}), 3)
    branch.save(path)
    theirs = path.read_bytes()
    advance(run, 4).save(path)  # it has gone on in memory
    assert theirs in models(tmp_path) and theirs != path.read_bytes()
    again = advance(resume(dataset, path), 6)
    again.save(path)
    assert theirs in models(tmp_path)


def test_a_branch_that_is_stopped_is_the_one_that_is_resumed(
    new_run, prepared, tmp_path
):
    run = new_run(0)
    for iteration, name in (
        (2, "model_iter_2"),
        (4, "model_iter_4"),
        (7, "model_final"),
    ):
        advance(run, iteration).save(tmp_path / f"{name}.pt")
    before = models(tmp_path)
    dataset = load_dataset(prepared)
    branch = resume(dataset, tmp_path / "model_iter_2.pt", {"learning_rate": 1e-4})
    advance(branch, 5).save(tmp_path / "model_iter_5.pt")
    assert find_furthest(tmp_path).name == "model_iter_5.pt"
    advance(branch, 9).save(tmp_path / "model_final.pt")
    assert before <= models(tmp_path)


def test_a_full_disk_leaves_the_earlier_model_in_its_place(
    new_run, tmp_path, monkeypatch
):
    path = tmp_path / "model_final.pt"
    advance(new_run(0), 1).save(path)
    before, run = path.read_bytes(), advance(new_run(1), 1)

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("minigpt.checkpoint.torch.save", full)
        with pytest.raises(OSError, match="No space left"):
            run.save(path)
    assert path.read_bytes() == before
    run.save(path)
    assert (run.set_aside / path.name).read_bytes() == before


@pytest.mark.parametrize("name", ["model_final.pt", "model_iter_4.pt", "mine.pt"])
def test_an_export_does_not_replace_what_can_be_resumed(train, folder, name):
    train()
    if name == "mine.pt":
        shutil.copy(folder / "model_final.pt", folder / name)
    before = contents(folder)
    complaint = train("--seed", 1, "--export", folder / name).complaint
    assert "is for a run that can be resumed: give --export another file" in complaint
    assert contents(folder) == before
