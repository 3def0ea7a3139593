"""The training panel: what it trains, how it stops, what it says when it cannot."""

import asyncio
import random
import shutil
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from thread_tools import at_once

from minigpt import run
from minigpt.baselines import Baselines
from minigpt.checkpoint import load_checkpoint
from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.course import widgets
from minigpt.course.curves import smoothed
from minigpt.course.widgets.base import Throttle
from minigpt.course.widgets.loss_curve import curve_svg
from minigpt.course.widgets.training import TrainingPanel, choices, trainer
from minigpt.course.widgets.training.choices import Choice
from minigpt.course.widgets.training.stop_control import StopControl, Stopped
from minigpt.course.widgets.training.trainer import Trainer
from minigpt.data import Dataset, read_dataset
from minigpt.model import GPT
from minigpt.tokenizer import CharTokenizer
from minigpt.training import evaluate

SHAPE = GPTConfig(block_size=16, n_layer=1, n_head=2, n_embd=16)
CONFIG = TrainConfig(
    batch_size=4, optimizer="muon", learning_rate=4e-3, warmup_iters=5, dtype="float32"
)
ITERATIONS = 60
REAL_CONFIGS = Choice.configs
KNOWN = Baselines(uniform=4.1, unigram=3.2, bigram=2.3)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Models and runs that train within a second, by iterations, not by the clock."""
    config = replace(CONFIG, max_iters=ITERATIONS, eval_interval=20)
    monkeypatch.setattr(Choice, "configs", lambda choice, dataset: (SHAPE, config))


@pytest.fixture
def panel(fables, tmp_path):
    """A panel that trains on the first fables and saves into a folder of its own."""
    made = TrainingPanel(Trainer(tmp_path))
    made.text.options = {"fables": str(fables)}
    yield made
    made.stop()
    finish(made)


def final(panel):
    return panel.trainer.folder / "model_final.pt"


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.002)


def at_iteration(panel, n):
    """Wait until so many iterations are done."""
    wait_for(lambda: panel.trainer.phase != "preparing")
    wait_for(lambda: panel.trainer.run.iteration >= n)


def finish(panel):
    asyncio.run(panel.finished())


def slowly(monkeypatch, seconds=0.01):
    """Make every iteration take its time, so that there is a middle to stop in."""
    fast = run.train

    def slow(*args, **kwargs):
        for step in fast(*args, **kwargs):
            time.sleep(seconds)
            yield step

    monkeypatch.setattr(run, "train", slow)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


# To the end


def test_it_trains_shows_and_saves(panel):
    panel.train()
    finish(panel)
    made = panel.trainer
    assert made.phase == "finished" and made.problem == ""
    assert made.run.iteration == len(panel.trainer.steps) == ITERATIONS
    assert [n for n, _ in made.run.val_losses] == [20, 40, 60]
    assert made.run.val_losses[-1][1] < panel.baselines.uniform
    assert "validation" in panel.curve.value and "bigram" in panel.curve.value
    assert made.sample.startswith("THE SQUI") and made.sample[:40] in panel.sample.value
    saved = load_checkpoint(final(panel))
    assert saved.training.iteration == ITERATIONS
    assert torch.equal(weights(saved.model), weights(panel.model))
    assert not panel.model.training
    assert "Finished." in panel.status.value and "saved in" in panel.status.value


def test_the_thread_ends(panel):
    panel.train()
    finish(panel)
    assert not panel.trainer.busy
    assert not any(t.name == "training" for t in threading.enumerate())


def test_before_training_it_gives_the_shipped_model(panel):
    assert panel.model.config.vocab_size == panel.tokenizer.vocab_size
    assert "comes with the course" in panel.about
    assert panel.trainer.steps == [] and panel.curves == {} and panel.baselines is None
    assert panel.practice == 0
    assert panel.pause_button.disabled and panel.stop_button.disabled


def test_a_click_that_comes_too_late_does_nothing(panel):
    panel.pause_button.click()  # meant to pause a preparation that Stop has ended
    assert (panel.trainer.phase, panel.trainer.problem) == ("ready", "")


def test_panel_is_found_by_name_and_has_a_short_stable_text():
    assert repr(widgets.training_panel()) == "<training panel>"


def test_the_curve_leaves_out_the_practice_of_copying(panel, monkeypatch):
    config = replace(CONFIG, max_iters=60, eval_interval=20, copy_iters=25)
    monkeypatch.setattr(Choice, "configs", lambda choice, data: (SHAPE, config))
    panel.train()
    finish(panel)
    losses = [step.loss for step in panel.trainer.steps]
    assert panel.curves["training"] == smoothed(losses[25:], over=20, first=26)
    assert [n for n, _ in panel.curves["validation"]] == [20, 40, 60]
    panel.trainer.steps = panel.trainer.steps[:25]
    assert panel.trainer.curves["training"] == []
    panel.show()
    assert "Loss curve" in panel.curve.value and "Finished." in panel.status.value


def test_tales_have_a_floor_and_samples_of_one_tale(panel, monkeypatch, tmp_path):
    monkeypatch.setattr("minigpt.data.TRAIN_TALES", 300)
    world = tmp_path / "world.toml"
    world.write_text(
        'titles = ["The {hero}"]\n[slots]\nanimal = ["owl", "fox", "cat"]\n'
        '[[plot]]\nopen = ["A {hero} slept."]\nmoral = ["Sleep.", "Sleep, {other}."]\n',
        encoding="utf-8",
    )
    config = replace(CONFIG, max_iters=150, eval_interval=50)
    monkeypatch.setattr(Choice, "configs", lambda choice, data: (SHAPE, config))
    panel.text.options = {"world": str(world)}
    panel.train()
    finish(panel)
    assert panel.problem.value == "" and panel.trainer.phase == "finished"
    assert panel.opening == "\n" and panel.dataset.entropy == panel.baselines.entropy
    assert f"entropy {panel.baselines.entropy:.2f}" in panel.curve.value
    _, loss = panel.curves["validation"][-1]
    data = panel.dataset
    starts = data.starts(data.val_ids)
    assert loss == pytest.approx(evaluate(panel.model, data.val_ids, starts=starts))
    sample = panel.trainer.sample
    assert sample and "\n\n\n" not in sample and not sample.startswith("\n")


# Pause, stop, go on


def test_paused_and_stopped_is_the_run_that_never_was(panel, tmp_path, monkeypatch):
    panel.train()
    finish(panel)
    never = weights(panel.model)

    slowly(monkeypatch)
    panel.train()
    at_iteration(panel, 10)
    panel.pause()
    wait_for(lambda: panel.trainer.phase == "paused")
    wait_for(lambda: panel.trainer.saved)
    at = panel.trainer.run.iteration
    assert 10 <= at < ITERATIONS
    assert load_checkpoint(final(panel)).training.iteration == at
    time.sleep(0.1)
    assert panel.trainer.run.iteration == at
    panel.go_on()
    at_iteration(panel, at + 5)
    panel.stop()
    finish(panel)
    assert panel.trainer.phase == "stopped"
    assert at + 5 <= panel.trainer.run.iteration < ITERATIONS
    # Taken up from the file by another panel, as after a restart of the kernel.
    other = TrainingPanel(Trainer(tmp_path))
    other.text.options = panel.text.options
    assert other.pause_button.description == "Go on"
    assert not other.pause_button.disabled
    other.pause_button.click()
    finish(other)
    assert other.trainer.phase == "finished"
    assert torch.equal(weights(other.model), never)


def test_a_kernel_that_dies_loses_little(panel, tmp_path, monkeypatch):
    panel.train()
    finish(panel)
    straight = weights(panel.model)
    final(panel).unlink()

    slowly(monkeypatch)
    panel.trainer.saves = Throttle(interval=0.1)
    panel.train()
    wait_for(final(panel).exists)
    assert panel.trainer.phase == "training"
    left = tmp_path / "left" / "model_final.pt"
    left.parent.mkdir()
    shutil.copy(final(panel), left)
    panel.stop()
    # What the file holds is the same run, a little earlier.
    assert 0 < load_checkpoint(left).training.iteration < ITERATIONS
    other = TrainingPanel(Trainer(left.parent))
    other.text.options = panel.text.options
    other.go_on()
    finish(other)
    assert torch.equal(weights(other.model), straight)


def test_a_new_run_keeps_the_saved_one(panel, monkeypatch):
    panel.train()
    finish(panel)
    kept = final(panel).read_bytes()
    slowly(monkeypatch)
    panel.train()
    at_iteration(panel, 10)
    assert final(panel).read_bytes() == kept
    panel.stop()
    finish(panel)
    earlier = panel.trainer.folder / "earlier_1" / "model_final.pt"
    assert earlier.read_bytes() == kept != final(panel).read_bytes()
    assert str(earlier.parent) in panel.status.value


def test_buttons_answer_within_an_iteration_and_a_part_of_an_evaluation(
    panel, monkeypatch, tried
):
    parts, real = [], trainer.evaluation

    def counted(*args):
        for part in real(*args):
            parts.append(part)
            yield part

    slowly(monkeypatch)
    monkeypatch.setattr(trainer, "evaluation", counted)
    panel.train_button.click()
    at_iteration(panel, 3)
    for button, phase in (
        (panel.pause_button, "paused"),
        (panel.stop_button, "stopped"),
    ):
        began = time.perf_counter()
        button.click()
        before = panel.trainer.run.iteration, len(parts)
        wait_for(lambda wanted=phase: panel.trainer.phase == wanted)
        assert panel.trainer.run.iteration <= before[0] + 1
        assert len(parts) <= before[1] + 1
        tried(f"{phase} after {time.perf_counter() - began:.2f} s")


def test_buttons_offer_what_can_be_done(panel, monkeypatch):
    slowly(monkeypatch)
    panel.train_button.click()
    at_iteration(panel, 2)
    buttons = panel.train_button, panel.pause_button, panel.stop_button
    assert [b.disabled for b in buttons] == [True, False, False]
    assert panel.pause_button.description == "Pause"
    panel.pause_button.click()
    assert panel.pause_button.description == "Go on"
    wait_for(lambda: panel.trainer.phase == "paused")
    panel.pause_button.click()
    wait_for(lambda: panel.trainer.phase == "training")
    assert panel.pause_button.description == "Pause"
    panel.stop_button.click()
    finish(panel)
    assert [b.disabled for b in buttons] == [False, False, True]
    assert panel.pause_button.description == "Go on"


def test_an_evaluation_does_not_keep_pause_waiting(panel, monkeypatch):
    real, entered = trainer.evaluation, threading.Event()

    def endless(*args):
        entered.set()
        while True:
            time.sleep(0.005)
            yield 0.0, 1

    monkeypatch.setattr(trainer, "evaluation", endless)
    panel.train()
    assert entered.wait(20)
    panel.pause()
    wait_for(lambda: panel.trainer.phase == "paused")
    assert panel.trainer.run.val_losses == []
    monkeypatch.setattr(trainer, "evaluation", real)
    panel.go_on()
    finish(panel)
    assert panel.trainer.run.val_losses[-1][0] == ITERATIONS


def test_stopped_early_the_curve_has_its_end(panel, monkeypatch):
    slowly(monkeypatch)
    panel.train()
    at_iteration(panel, 4)
    panel.stop()
    finish(panel)
    [(iteration, _)] = panel.curves["validation"]
    assert iteration == panel.trainer.run.iteration < 20


def test_a_finished_run_can_be_trained_on(panel):
    panel.train()
    finish(panel)
    before = weights(panel.model)
    panel.minutes.min = 0.005
    panel.minutes.value = 0.01
    panel.go_on()
    finish(panel)
    assert panel.trainer.phase == "finished"
    assert panel.trainer.run.iteration > ITERATIONS
    assert not torch.equal(weights(panel.model), before)


def test_stop_while_preparing_ends_it(panel, monkeypatch):
    def prepare(dataset, *configs):
        panel.trainer._control.run(lambda: time.sleep(30))

    monkeypatch.setattr(trainer, "begin", prepare)
    panel.train()
    panel.stop()
    finish(panel)
    assert panel.trainer.phase == "ready" and not panel.trainer.problem


@pytest.mark.parametrize(
    ("entropy", "preset"), [(None, "laptop"), (0.2, "tales")], ids=["text", "tales"]
)
def test_the_preset_follows_from_the_text_and_keeps_the_minutes(entropy, preset):
    ids = torch.zeros(9, dtype=torch.uint16)
    dataset = Dataset(ids, ids, CharTokenizer("a"), entropy)
    for size in choices.SIZES.values():
        shape, config = REAL_CONFIGS(Choice("fables", size, 3.0), dataset)
        assert shape == choices.resized(get_preset(preset).model, size)
        assert config.minutes == 3.0
        assert replace(config, minutes=0.0) == get_preset(preset).training


def test_a_pause_takes_nothing_from_the_minutes(panel, monkeypatch):
    timed = replace(CONFIG, minutes=0.02)
    monkeypatch.setattr(Choice, "configs", lambda choice, dataset: (SHAPE, timed))
    slowly(monkeypatch)
    panel.train()
    at_iteration(panel, 3)
    panel.pause()
    wait_for(lambda: panel.trainer.phase == "paused")
    before = panel.trainer.run.clock.seconds
    time.sleep(0.3)
    assert panel.trainer.run.clock.seconds == before
    panel.go_on()
    finish(panel)
    assert panel.trainer.phase == "finished"


def test_stop_while_paused_ends_the_wait(panel, monkeypatch):
    slowly(monkeypatch)
    panel.train()
    at_iteration(panel, 2)
    panel.pause()
    wait_for(lambda: panel.trainer.phase == "paused")
    panel.stop()
    finish(panel)
    assert panel.trainer.phase == "stopped"


def test_an_interrupt_while_waiting_is_stop(panel, monkeypatch):
    slowly(monkeypatch)

    async def interrupted():
        waiting = asyncio.create_task(panel.finished())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    panel.train()
    at_iteration(panel, 2)
    asyncio.run(interrupted())
    finish(panel)
    assert panel.trainer.phase == "stopped" and panel.trainer.saved
    panel.go_on()
    finish(panel)
    assert panel.trainer.phase == "finished"


def test_another_panel_ends_this_one(panel, tmp_path, monkeypatch):
    slowly(monkeypatch)
    panel.train()
    at_iteration(panel, 2)
    other = TrainingPanel(Trainer(tmp_path / "other"))
    other.text.options = panel.text.options
    other.train()
    finish(panel)
    assert panel.trainer.phase == "stopped"
    finish(other)
    assert other.trainer.phase == "finished"
    panel.go_on()
    finish(panel)
    assert panel.trainer.phase == "finished"


def test_a_panel_made_again_goes_on_with_what_is_still_being_saved(panel, monkeypatch):
    fast = run.save_checkpoint

    def slow(*args):
        time.sleep(0.5)
        fast(*args)

    slowly(monkeypatch)
    monkeypatch.setattr(run, "save_checkpoint", slow)
    panel.train()
    at_iteration(panel, 10)
    other = TrainingPanel(Trainer(final(panel).parent))
    assert not other.pause_button.disabled and not final(panel).exists()
    other.text.options = panel.text.options
    other.pause_button.click()
    finish(other)
    assert other.problem.value == "" and other.trainer.phase == "finished"
    assert other.trainer.steps[0].iteration == panel.trainer.run.iteration + 1 > 10
    assert load_checkpoint(final(other)).training.iteration == ITERATIONS


def test_two_panels_never_train_at_once(panel, tmp_path, monkeypatch):
    under_way, most = [], []
    fast = run.train

    def counted(*args, **kwargs):
        under_way.append(1)
        try:
            for step in fast(*args, **kwargs):
                most.append(len(under_way))
                time.sleep(0.005)
                yield step
        finally:
            under_way.pop()

    monkeypatch.setattr(run, "train", counted)
    panels = [panel] + [TrainingPanel(Trainer(tmp_path / str(i))) for i in range(3)]
    for other in panels[1:]:
        other.text.options = panel.text.options
    for number, one in enumerate(panels * 2):
        one.train()
        wait_for(lambda number=number: len(most) > 10 * number)
        wait_for(lambda one=one: one.trainer.phase == "training")
    finish(one)
    assert set(most) == {1}


def test_a_new_run_is_not_said_to_be_saved(panel, monkeypatch):
    real = trainer._measure

    def slow(*args):
        time.sleep(0.2)  # whatever is asked meanwhile
        return real(*args)

    slowly(monkeypatch)
    monkeypatch.setattr(trainer, "_measure", slow)
    panel.train()
    at_iteration(panel, 5)
    panel.stop()
    wait_for(lambda: panel.trainer.phase == "stopped")
    panel.train()
    wait_for(lambda: panel.trainer.phase == "training")
    at_iteration(panel, 5)
    assert panel.trainer.saved == "" and "is saved" not in panel.status.value


def test_stop_is_not_undone_by_pause():
    control = StopControl()
    control.stop()
    control.pause()
    with pytest.raises(Stopped):
        control.wait()


def test_train_twice_is_train_once(panel, monkeypatch):
    slowly(monkeypatch)
    panel.train()
    thread = panel.trainer._thread
    panel.train()
    assert panel.trainer._thread is thread


def test_train_from_several_threads_is_train_once(panel, monkeypatch):
    slowly(monkeypatch)

    def control():
        time.sleep(0.01)  # long enough for the others to come in between
        return StopControl()

    monkeypatch.setattr(trainer, "StopControl", control)
    before = set(threading.enumerate())
    for _ in range(3):
        at_once(*[panel.train_button.click] * 4)
        new = set(threading.enumerate()) - before
        # Others measure and save; one trains.
        assert sum(thread.name == "training" for thread in new) == 1
        panel.stop()
        finish(panel)


# What goes wrong, in words


def says(panel, *words):
    finish(panel)
    assert panel.trainer.phase == "failed"
    for word in words:
        assert word in panel.problem.value
    assert "Traceback" not in panel.problem.value
    assert not panel.train_button.disabled


@pytest.mark.parametrize(
    ("content", "words"),
    [("abc", "at least 11"), ("a short text.", "too few"), ("", "empty")],
)
def test_a_text_that_is_too_short(panel, tmp_path, content, words):
    path = tmp_path / "short.txt"
    path.write_text(content, encoding="utf-8")
    panel.text.options = {"own": str(path)}
    panel.train()
    says(panel, words)


def test_a_download_that_fails(panel, monkeypatch):
    def fail(name):
        raise ValueError("Tiny Shakespeare could not be downloaded (no network)")

    monkeypatch.setattr(trainer, "find_source", fail)
    panel.train()
    says(panel, "could not be downloaded")


def test_a_download_does_not_keep_stop_waiting(panel, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(trainer, "find_source", lambda name: hanging.wait(20))
    panel.train()
    began = time.perf_counter()
    panel.stop()
    finish(panel)
    hanging.set()
    assert time.perf_counter() - began < 0.5
    assert panel.trainer.phase == "ready"


def test_a_loss_that_is_no_number(panel, monkeypatch):
    wild = replace(CONFIG, learning_rate=1e30, warmup_iters=0)
    monkeypatch.setattr(Choice, "configs", lambda choice, dataset: (SHAPE, wild))
    panel.train()
    says(panel, "the loss is nan", "learning rate")
    panel.go_on()
    says(panel, "no checkpoint")


def test_a_full_disk_leaves_the_model_to_play_with(panel, monkeypatch):
    def full(*args):
        raise OSError("could not write model_final.pt: No space left on device")

    monkeypatch.setattr(run, "save_checkpoint", full)
    panel.train()
    finish(panel)
    assert panel.trainer.phase == "finished"
    assert "No space left" in panel.problem.value
    assert "still here to play with" in panel.problem.value
    assert "your model after 60 iterations" in panel.about


def test_no_memory_and_the_unexpected(panel, monkeypatch):
    for error, words in ((MemoryError(), "smaller size"), (KeyError("odd"), "odd")):

        def fail(*args, error=error):
            raise error

        monkeypatch.setattr(trainer, "begin", fail)
        panel.train()
        says(panel, words)


def test_another_text_than_the_saved_model_learned_from(panel, tmp_path):
    panel.train()
    finish(panel)
    path = tmp_path / "digits.txt"
    path.write_text("0123456789 " * 50, encoding="utf-8")
    other = TrainingPanel(Trainer(tmp_path))
    other.text.options = {"own": str(path)}
    other.go_on()
    says(other, "another vocabulary")


# Controls


def test_minutes_keep_to_their_range(panel):
    for typed, kept in ((0.0, 0.1), (-3, 0.1), (10**6, 600.0), (0.5, 0.5)):
        panel.minutes.value = typed
        assert panel.minutes.value == kept


def test_every_text_and_size_can_be_chosen(monkeypatch, tmp_path):
    own = tmp_path / "input.txt"
    monkeypatch.setattr(choices, "OWN", own)
    built_in = ["tales", "fables", "fables-ru", "shakespeare"]
    assert list(choices.texts().values()) == built_in
    own.write_text("mine", encoding="utf-8")
    assert choices.texts()["your own data/input.txt"] == str(own)
    panel = TrainingPanel()
    for size in ("small", "laptop", "large"):
        panel.size.value = size
        assert panel.choice.size == size


@pytest.mark.parametrize("name", ["laptop", "tales"])
def test_sizes_grow_and_the_middle_one_is_the_preset(name):
    shape = get_preset(name).model
    shapes = [choices.resized(shape, size) for size in choices.SIZES.values()]
    counts = [GPT(shape).num_parameters() for shape in shapes]
    assert counts == sorted(counts) and len(set(counts)) == 3
    assert shapes[1] == shape


def test_samples_begin_as_the_text_does(fables):
    assert choices.opening_of("mine.txt", read_dataset(fables)) == "THE SQUI"
    assert choices.opening_of("fables", read_dataset(fables)) == "THE FOX"


def test_shakespeare_is_not_fetched_unasked(monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: 1 / 0)
    panel = TrainingPanel()
    label = next(text for text in choices.texts() if "Shakespeare" in text)
    assert "download" in label or choices.texts()[label] == "shakespeare"
    assert panel.trainer.phase == "ready"


# Its own cost


def test_a_throttle_keeps_to_its_interval_and_its_fraction(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    calls = []

    def work():
        nonlocal now
        calls.append(now)
        now += 0.5

    throttle = Throttle(interval=2.0, fraction=0.1)
    for _ in range(200):
        throttle(work)
        now += 0.1
    gaps = [later - before for before, later in pairwise(calls)]
    assert len(calls) > 2 and all(4.9 < gap < 5.2 for gap in gaps)
    quick = Throttle(interval=2.0)
    quick.postpone()
    quick(work)
    assert len(gaps) + 1 == len(calls)


def test_work_beside_training_is_throttled(panel):
    for throttle in (panel.trainer.redraws, panel.trainer.samples, panel.trainer.saves):
        assert throttle.fraction <= 0.01


def test_work_that_cannot_be_interrupted_gives_results_errors_and_up():
    assert StopControl().run(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        StopControl().run(lambda: 1 / 0)
    control = StopControl()
    control.stop()
    with pytest.raises(Stopped):
        control.run(lambda: time.sleep(0.3))


# The curve


def svg(train, val, max_iters):
    drawn = curve_svg({"training": train, "validation": val}, KNOWN, max_iters)
    return ET.fromstring(drawn), drawn


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ([], []),
        ([(1, 4.2)], []),
        ([], [(5, 3.0)]),
        ([(1, 9.0), (2, 0.001)], [(2, 0.0)]),
        ([(i, 4.0 - i / 40000) for i in range(1, 100_001)], [(100_000, 1.5)]),
    ],
)
def test_curve_is_well_formed_and_light(train, val):
    root, drawn = svg(train, val, 100_000)
    assert len(drawn) < 12_000
    for name in ("uniform", "unigram", "bigram"):
        assert any(name in (text.text or "") for text in root)
    for line in root.findall("polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 720 and 0 <= y <= 280


def test_entropy_is_a_level_that_the_losses_cannot_cross():
    floor = replace(KNOWN, entropy=0.2)
    train, val = [(1, 4.0), (900, 0.3)], [(900, 0.2)]
    drawn = curve_svg({"training": train, "validation": val}, floor, 1000)
    root = ET.fromstring(drawn)
    levels = {
        float(line.get("y1"))
        for line in root.findall("line")
        if line.get("stroke-dasharray")
    }
    assert len(levels) == 4
    # The level is where the validation loss has come to, and below the training loss.
    [dot] = root.findall("circle")
    assert float(dot.get("cy")) == pytest.approx(max(levels), abs=0.1)
    assert max(levels) < 280
    label = next(t for t in root.findall("text") if t.text == "entropy 0.20")
    assert label.get("paint-order")
    # Before the losses have come down, there is room for it already.
    early = ET.fromstring(curve_svg({"training": [], "validation": []}, floor, 1000))
    lines = [x for x in early.findall("line") if x.get("stroke-dasharray")]
    assert max(float(line.get("y1")) for line in lines) <= 238
    without, _ = svg(train, val, 1000)
    assert not any("entropy" in (text.text or "") for text in without)


def test_labels_at_the_end_do_not_touch_the_numbers_below():
    floor = replace(KNOWN, entropy=0.2)
    losses = {"training": [(1000, 0.2)], "validation": [(1000, 0.21)]}
    root = ET.fromstring(curve_svg(losses, floor, 1000))
    labels = [t for t in root.findall("text") if t.get("paint-order")]
    assert {"entropy 0.20", "training 0.20"} <= {t.text for t in labels}
    numbers = min(float(t.get("y")) for t in root.findall("text") if t.text == "1,000")
    assert max(float(t.get("y")) for t in labels) <= numbers - 12.5


def test_labels_of_the_curve_do_not_overlap():
    for end in (4.1, 3.2, 2.3, 1.2):
        root, _ = svg([(900, end + 0.01)], [(900, end)], 1000)
        labels = [
            (float(t.get("x")), float(t.get("y")))
            for t in root.findall("text")
            if t.get("paint-order")
        ]
        assert len(labels) == 5
        for i, (x1, y1) in enumerate(labels):
            for x2, y2 in labels[i + 1 :]:
                assert abs(y1 - y2) >= 14 or abs(x1 - x2) >= 100


def test_smoothing_starts_at_the_first_loss_and_keeps_a_constant():
    assert smoothed([3.0]) == [(1, 3.0)]
    assert smoothed([2.0] * 9, over=3) == [(i, 2.0) for i in range(1, 10)]
    assert smoothed([4.0, 2.0, 3.0], over=2, first=7) == [(7, 4.0), (8, 3.0), (9, 2.5)]
    assert smoothed([]) == []


# Under fire


def test_a_thousand_presses_and_changes(panel, tried):
    """At full speed, in any order: in the end it trains as if nothing had been."""
    chance, threads = random.Random(6), threading.active_count()
    buttons = [panel.train_button, panel.pause_button, panel.stop_button]
    for _ in range(1000):
        what = chance.choice([*buttons, panel.size, panel.minutes])
        if what is panel.size:
            what.value = chance.choice([value for _, value in what._options_full])
        elif what is panel.minutes:
            what.value = chance.uniform(0.1, 600)
        elif not what.disabled:
            what.click()
        if chance.random() < 0.02:
            time.sleep(0.02)
    panel.stop()
    finish(panel)
    assert not panel.problem.value
    # A run that was stopped while it waited leaves the one before it to end by itself.
    wait_for(lambda: threading.active_count() <= threads)
    panel.size.value, panel.minutes.value = "laptop", 2.0
    panel.train()
    finish(panel)
    assert panel.trainer.phase == "finished"
    fresh = TrainingPanel(Trainer(final(panel).parent / "fresh"))
    fresh.text.options = panel.text.options
    fresh.train()
    finish(fresh)
    assert torch.equal(weights(fresh.model), weights(panel.model))
    assert fresh.curves == panel.curves
    tried("1000 random changes and presses of training_panel, then it trains as ever")
