"""A thousand random changes at full speed leave every panel as if only the last were.

Each panel is fired at, and its settings are then given, one after the other, to a
panel that has seen nothing else: both must show the same.
"""

import asyncio
import random
import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from ipywidgets import (
    HTML,
    BoundedFloatText,
    BoundedIntText,
    Box,
    Button,
    Checkbox,
    Dropdown,
    FloatSlider,
    IntSlider,
    SelectionSlider,
    Text,
    Textarea,
    ToggleButtons,
    Widget,
)
from samples import few_or_many

from minigpt.baselines import Baselines
from minigpt.checkpoint import load_checkpoint
from minigpt.config import GPTConfig, TrainConfig
from minigpt.course import widgets
from minigpt.course.widgets import race
from minigpt.course.widgets.attention import LINES as OWN_LINES
from minigpt.course.widgets.playgrounds.view import TextView
from minigpt.model import GPT
from minigpt.paths import TEXTS
from minigpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

FEW, MANY = 200, 1000
LINES = (TEXTS / "fables.txt").read_text(encoding="utf-8")[:20_000].splitlines()
LINES = [line for line in LINES if 0 < len(line) < 60][:40]
BAD = ("", "€", "x" * 30_000, "\ud800", "<b>&", "\0")
WITH_OPTIONS = (Dropdown, SelectionSlider, ToggleButtons)
NUMBERS = (IntSlider, FloatSlider, BoundedIntText, BoundedFloatText)
CONTROLS = (*WITH_OPTIONS, *NUMBERS, Text, Textarea, Checkbox)


def inside(panel: Widget, kinds: tuple) -> Iterator[Widget]:
    """Yield every widget of these kinds in a panel, in the order on the screen."""
    for child in getattr(panel, "children", ()):
        if isinstance(child, kinds):
            yield child
        elif isinstance(child, Box):
            yield from inside(child, kinds)


def a_value(control: Widget, chance: random.Random) -> object:
    """Return any value that a hand could set, bad texts among them."""
    if isinstance(control, WITH_OPTIONS):
        return chance.choice([value for _, value in control._options_full])
    if isinstance(control, Checkbox):
        return chance.random() < 0.5
    if isinstance(control, (Text, Textarea)):
        return chance.choice(BAD) if chance.random() < 0.2 else chance.choice(LINES)
    if isinstance(control, (IntSlider, BoundedIntText)):
        return chance.choice([control.min, chance.randint(control.min, control.max)])
    steps = round((control.max - control.min) / control.step)
    return round(control.min + control.step * chance.randint(0, steps), 6)


def change_one(panel: Widget, chance: random.Random, buttons: bool) -> None:
    """Move one control, or press one button, chosen at random."""
    kinds = (*CONTROLS, Button) if buttons else CONTROLS
    usable = [w for w in inside(panel, kinds) if not w.disabled]
    chosen = chance.choice(usable)
    if isinstance(chosen, Button):
        chosen.click()
    else:
        chosen.value = a_value(chosen, chance)


def settle(panel: Widget) -> None:
    """Give it texts that can be read: after a bad one it shows the last good state."""
    for control in inside(panel, (Text, Textarea)):
        control.value = LINES[0]


def settings(panel: Widget) -> list[object]:
    return [control.value for control in inside(panel, CONTROLS)]


def give(panel: Widget, values: list[object]) -> None:
    for control, value in zip(inside(panel, CONTROLS), values, strict=True):
        control.value = value


def shown(panel: Widget) -> list[str]:
    """What the panel shows, but for the number that counts its texts."""
    views = [view.value for view in inside(panel, (HTML,))]
    views += [str(view.text | {"turn": 0}) for view in inside(panel, (TextView,))]
    return [re.sub(r'data-turn="\d+"', "", view) for view in views]


@pytest.fixture(scope="module")
def checkpoint(trained):
    return load_checkpoint(trained)


def token_explorer(checkpoint):
    text = "\n".join(LINES)
    kinds = {
        "characters": CharTokenizer.from_text(text),
        "pairs": BPETokenizer.train(text, 300),
        "words": WordTokenizer.from_text(text),
    }
    return lambda: widgets.token_explorer(kinds)


def sampling_bars(checkpoint):
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    return lambda: widgets.sampling_bars(model, tokenizer, LINES[0][:20])


def attention_explorer(checkpoint):
    torch.manual_seed(0)
    characters = "".join(sorted(set("".join([*LINES, *OWN_LINES]))))
    shape = GPTConfig(len(characters), 256, n_layer=3, n_head=2, n_embd=32)
    model, tokenizer = GPT(shape).eval(), CharTokenizer(characters)
    return lambda: widgets.attention_explorer(model, tokenizer)


def leak_grid_panel(checkpoint):
    return widgets.leak_grid_panel


def stream_panel(checkpoint):
    return widgets.stream_panel


def reasons_panel(checkpoint):
    characters = "".join(sorted(set("".join(LINES))))
    shape = GPTConfig(len(characters), 64, n_layer=2, n_head=2, n_embd=32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT(shape).eval()
    return lambda: widgets.reasons_panel(model, CharTokenizer(characters), LINES[0])


def episode_panel(checkpoint):
    return widgets.episode_panel


PANELS = [token_explorer, sampling_bars, attention_explorer, leak_grid_panel]
PANELS += [stream_panel, reasons_panel, episode_panel]


@few_or_many("changes", FEW, MANY)
@pytest.mark.parametrize("kind", PANELS, ids=lambda kind: kind.__name__)
def test_panels_that_answer_at_once(kind: Callable, checkpoint, tried, changes):
    make, chance = kind(checkpoint), random.Random(6)
    fired_at = make()
    for _ in range(changes):
        change_one(fired_at, chance, buttons=True)
    settle(fired_at)
    for _ in range(50):  # from a readable text on, so that all of it is seen
        control = chance.choice(list(inside(fired_at, (*NUMBERS, Checkbox))) or [None])
        if control is not None:
            control.value = a_value(control, chance)
    fresh = make()
    give(fresh, settings(fired_at))
    assert settings(fresh) == settings(fired_at)
    assert shown(fresh) == shown(fired_at)
    tried(f"{changes} random changes of {kind.__name__}, the last ones alone remain")


def surgery_panel(checkpoint):
    return widgets.surgery_panel(checkpoint.model, checkpoint.tokenizer)


WRITING = {"playground": widgets.playground, "side_by_side": widgets.side_by_side}
WRITING["surgery_panel"] = surgery_panel


@pytest.mark.parametrize("name", [*WRITING, *PANELS])
def test_global_state_is_left_as_it_was(name, checkpoint):
    make = name(checkpoint) if callable(name) else lambda: WRITING[name](checkpoint)
    checkpoint.model.train()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    panel, chance = make(), random.Random(6)
    for _ in range(20):
        change_one(panel, chance, buttons=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert all(module.training for module in checkpoint.model.modules())
    checkpoint.model.eval()


async def fire(panel: Widget, chance: random.Random, changes: int) -> None:
    """Change at full speed, letting the loop have its turn now and then."""
    for n in range(changes):
        change_one(panel, chance, buttons=True)
        if n % 7 == 0:
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
    settle(panel)


def writers(panel) -> list:
    return getattr(panel, "writers", None) or [panel.writer]


async def written(panel) -> None:
    """Wait until nothing is being written."""
    while any(writer.stream.writing for writer in writers(panel)):
        await asyncio.sleep(0.002)


@few_or_many("changes", FEW, MANY)
@pytest.mark.parametrize("name", WRITING)
def test_panels_that_write(name, checkpoint, tried, changes):
    make, chance = WRITING[name], random.Random(6)

    async def drive():
        fired_at = make(checkpoint)
        await fire(fired_at, chance, changes)
        for _ in range(10):  # turns of the loop, in which what was dropped ends
            await asyncio.sleep(0)
        tasks = len(asyncio.all_tasks())
        await written(fired_at)
        for writer in writers(fired_at):
            assert not writer.problem.value
        fresh = make(checkpoint)
        await written(fresh)
        give(fresh, settings(fired_at))
        await written(fresh)
        give(fresh, settings(fired_at))  # a place is there once its text is
        return fired_at, fresh, tasks

    fired_at, fresh, tasks = asyncio.run(drive())
    assert settings(fresh) == settings(fired_at)
    assert [w.ids for w in writers(fresh)] == [w.ids for w in writers(fired_at)]
    assert shown(fresh) == shown(fired_at)
    # What was dropped is not waiting anywhere: besides the task that made the changes
    # there is one for the last text of each writer.
    assert tasks <= 1 + len(writers(fired_at))
    tried(f"{changes} random changes of {name}, the last text alone is written")


@few_or_many("changes", FEW, MANY)
def test_the_tale_button(checkpoint, tried, changes):
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    panel, chance = widgets.tale_button(model, tokenizer, 50), random.Random(6)
    before = threading.active_count()
    for _ in range(changes):
        change_one(panel, chance, buttons=True)
    settle(panel)
    (press,) = inside(panel, (Button,))
    press.click()
    end = time.monotonic() + 60
    view = list(inside(panel, (HTML,)))[-1]
    while "■" not in view.value and time.monotonic() < end:
        time.sleep(0.01)
    assert LINES[0] in re.sub("&#x27;", "'", view.value) and "■" in view.value
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before
    tried(f"{changes} random changes and presses of tale_button, no thread left over")


SHAPE = GPTConfig(vocab_size=9, block_size=8, n_layer=1, n_head=2, n_embd=16)
RUN = TrainConfig(batch_size=4, max_iters=30, warmup_iters=3, eval_interval=10)
IDS = torch.randint(9, (300,), generator=torch.Generator().manual_seed(0))
KNOWN = Baselines(uniform=2.2, unigram=2.1, bigram=1.9)


@few_or_many("changes", FEW, MANY)
def test_the_race(monkeypatch, tried, changes):
    monkeypatch.setattr(race, "REDRAW_SECONDS", 0.0)
    before = threading.active_count()

    def finished(panel) -> list[str]:
        go = next(inside(panel, (Button,)))
        go.click()
        panel.race.thread.join(60)
        return shown(panel)

    fired_at, chance = widgets.race_panel(IDS, IDS, KNOWN, SHAPE, RUN), random.Random(6)
    for _ in range(changes):
        change_one(fired_at, chance, buttons=True)
    fresh = widgets.race_panel(IDS, IDS, KNOWN, SHAPE, RUN)
    give(fresh, settings(fired_at))
    assert finished(fired_at) == finished(fresh)
    assert threading.active_count() <= before
    tried(f"{changes} random changes and presses of race_panel, no thread left over")
