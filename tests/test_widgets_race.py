"""Drive lesson 04's race: every switch, Stop, two presses of Train, bad input."""

import re
import threading
import time
from dataclasses import replace

import pytest
import torch
from ipywidgets import Button, Dropdown
from thread_tools import WAIT, at_once

from minigpt.baselines import Baselines
from minigpt.config import GPTConfig, TrainConfig
from minigpt.course import widgets
from minigpt.course.widgets import race as module
from minigpt.course.widgets.race import SWITCHES, live_curve
from minigpt.training import train

SHAPE = GPTConfig(vocab_size=9, block_size=8, n_layer=1, n_head=2, n_embd=16)
RUN = TrainConfig(
    batch_size=4,
    max_iters=30,
    optimizer="muon",
    learning_rate=3e-3,
    warmup_iters=3,
    eval_interval=10,
)
LONG = replace(RUN, max_iters=100_000)
TEXT = torch.randint(9, (300,), generator=torch.Generator().manual_seed(0))
KNOWN = Baselines(uniform=2.2, unigram=2.1, bigram=1.9)


class Panel:
    """The panel, its controls, and what its picture holds."""

    def __init__(self, config=RUN, ids=TEXT) -> None:
        panel = widgets.race_panel(ids, TEXT, KNOWN, SHAPE, config)
        self.race = panel.race
        self.switch, buttons, self.view = panel.children
        self.go, self.halt = buttons.children

    @property
    def iterations(self) -> int:
        """How many the picture says it shows."""
        found = re.search(r"Loss curve, ([\d,]+) of", self.view.value)
        return int(found[1].replace(",", "")) if found else 0

    def wait_for(self, iterations: int) -> None:
        end = time.monotonic() + WAIT
        while self.iterations < iterations and time.monotonic() < end:
            time.sleep(0.01)
        assert self.iterations >= iterations

    def finish(self) -> None:
        self.race.thread.join(WAIT)
        assert not self.race.thread.is_alive()


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(module, "REDRAW_SECONDS", 0.0)


@pytest.fixture
def long_panel():
    panel = Panel(LONG)
    yield panel
    panel.race.stop()


def test_panel_opens_with_words_and_labels():
    panel = Panel()
    assert isinstance(panel.switch, Dropdown) and panel.switch.description == "switch"
    assert all(isinstance(button, Button) for button in (panel.go, panel.halt))
    assert [panel.go.description, panel.halt.description] == ["Train", "Stop"]
    assert "press Train" in panel.view.value
    assert not panel.race.thread.is_alive()


def test_train_pressed_from_several_threads_leaves_one_race(long_panel):
    before = set(threading.enumerate())
    for _ in range(10):
        at_once(*[long_panel.go.click] * 4)
    assert len(set(threading.enumerate()) - before) == 1
    long_panel.halt.click()
    assert set(threading.enumerate()) <= before


def test_stop_before_train_does_nothing():
    panel = Panel()
    panel.halt.click()
    assert "press Train" in panel.view.value


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_runs_to_its_end(switch):
    panel = Panel()
    panel.switch.value = switch
    panel.go.click()
    panel.finish()
    assert panel.iterations == RUN.max_iters
    shown = panel.view.value
    assert ">healthy " in shown and f">{switch} " in shown and "✗" not in shown
    for baseline in "uniform", "unigram", "bigram":
        assert baseline in shown
    assert shown.count("<polyline") == 2


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_stops_within_half_a_second(long_panel, switch):
    long_panel.switch.value = switch
    long_panel.go.click()
    long_panel.wait_for(2)
    start = time.monotonic()
    long_panel.halt.click()
    assert time.monotonic() - start < 0.5
    assert not long_panel.race.thread.is_alive()
    assert 2 <= long_panel.iterations < LONG.max_iters
    assert f">{switch} " in long_panel.view.value, "what was drawn stays"


def test_curve_grows(long_panel):
    long_panel.go.click()
    seen = set()
    for least in 1, 5, 20:
        long_panel.wait_for(least)
        seen.add(long_panel.view.value)
    assert len(seen) == 3


def test_two_presses_of_train_leave_one_thread(long_panel):
    before = threading.active_count()
    long_panel.go.click()
    first = long_panel.race.thread
    long_panel.wait_for(1)
    long_panel.switch.value = "no positions"
    long_panel.go.click()
    assert not first.is_alive() and long_panel.race.thread.is_alive()
    assert threading.active_count() == before + 1
    long_panel.halt.click()
    assert threading.active_count() == before


def test_a_race_can_be_started_again_after_stop(long_panel):
    for _ in range(2):
        long_panel.go.click()
        long_panel.wait_for(1)
        long_panel.halt.click()
    assert not long_panel.race.thread.is_alive()


def test_both_models_are_the_same_but_for_the_switch():
    panel = Panel()
    panel.switch.value = "no warm-up"
    panel.go.click()
    panel.finish()
    lines = re.findall(r'<polyline points="([^ "]+)', panel.view.value)
    assert len(set(lines)) == 1, "both curves start at the same loss"


def test_text_that_is_too_short_is_answered_in_words():
    panel = Panel(ids=TEXT[:5])
    panel.go.click()
    panel.finish()
    assert "too few for a block of 8" in panel.view.value
    assert 'role="alert"' in panel.view.value and "Traceback" not in panel.view.value


def test_a_run_that_diverges_is_answered_in_words():
    panel = Panel(replace(RUN, learning_rate=1e38))
    panel.go.click()
    panel.finish()
    assert "start again with a learning rate below" in panel.view.value


def test_one_message_at_a_time():
    panel = Panel(ids=TEXT[:5])
    for _ in range(2):
        panel.go.click()
        panel.finish()
    assert panel.view.value.count("✗") == 1


# The curve of one run


def steps():
    made = module.faults.make(module.faults.healthy, SHAPE, RUN)
    return train(made.model, TEXT, TEXT, made.config)


def test_live_curve_passes_every_step_on_and_grows():
    live = live_curve(KNOWN, RUN.max_iters)
    pictures = []
    for _ in live.watch(steps()):
        pictures.append(live.value)
    assert len(pictures) == RUN.max_iters == len(set(pictures))
    assert f"{RUN.max_iters} of {RUN.max_iters}" in live.value
    assert ">validation " in live.value and live.value.count("<circle") == 3


def test_live_curve_of_a_run_that_goes_on():
    live = live_curve(KNOWN, RUN.max_iters)
    list(live.watch(step for step in steps() if step.iteration > 20))
    line = re.search(r'<polyline points="([\d.]+),', live.value)
    whole = live_curve(KNOWN, RUN.max_iters)
    list(whole.watch(steps()))
    first = re.search(r'<polyline points="([\d.]+),', whole.value)
    assert f"{RUN.max_iters} of {RUN.max_iters}" in live.value
    assert line and first and float(line[1]) > float(first[1]) + 100


def test_a_switch_that_this_model_has_not_is_told():
    modern = replace(SHAPE, modern=True)
    panel = widgets.race_panel(TEXT, TEXT, KNOWN, modern, RUN)
    switch, buttons, view = panel.children
    switch.value = "no positions"
    buttons.children[0].click()
    panel.race.thread.join(WAIT)
    assert "no position embedding" in view.value


def test_another_panel_ends_the_race_of_this_one():
    first = Panel(LONG)
    first.go.click()
    first.wait_for(3)
    Panel()
    first.finish()


def test_live_curve_draws_seldom(monkeypatch):
    monkeypatch.setattr(module, "REDRAW_SECONDS", 1e6)
    live, drawn = live_curve(KNOWN, RUN.max_iters), []
    live.observe(drawn.append, names="value")
    list(live.watch(steps()))
    assert len(drawn) <= 2, "at the start and at the end"


def test_live_curve_that_is_left_shows_what_it_saw():
    live = live_curve(KNOWN, RUN.max_iters)
    for step in live.watch(steps()):
        if step.iteration == 7:
            break
    assert "7 of 30" in live.value
