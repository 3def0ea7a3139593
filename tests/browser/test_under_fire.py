"""Fifty random changes of every panel by hand: the last settings alone remain.

The panels stand in a notebook of their own. What a panel shows in the end is compared,
in the kernel, with a new one that is given the same settings and nothing else.
"""

import random

import lab as tools
import nbformat
import pytest

pytestmark = pytest.mark.thorough
CHANGES = 50
KEYS = ["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"]
CONTROLS = ".noUi-handle, select, input[type=checkbox], textarea, input[type=text]"
TESTS = tools.ARTIFACTS.parents[1]
IMPORTS = f"""
import asyncio, re, sys
sys.path.append({str(TESTS)!r})
import test_panels_under_fire as fire
from minigpt.course import widgets
from minigpt.checkpoint import load_checkpoint
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.course.widgets.training import TrainingPanel
checkpoint = load_checkpoint(SHIPPED_CHECKPOINT)

def offline_panel():  # without the one text that has to be downloaded
    panel = TrainingPanel()
    texts = dict(panel.text.options)
    panel.text.options = {{k: v for k, v in texts.items() if v != "shakespeare"}}
    return panel

async def calm(panel):  # what was done by hand arrives in a thread of its own, later
    seen, since, end = None, 0, asyncio.get_running_loop().time() + 20
    while since < 30 and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.05)
        now = fire.settings(panel), fire.shown(panel)
        seen, since = now, since + 1 if now == seen else 0
"""
# Each panel, and how a new one is made.
AT_ONCE = {kind: f"fire.{kind}(checkpoint)" for kind in (
    "token_explorer", "sampling_bars", "attention_explorer", "leak_grid_panel",
    "stream_panel", "reasons_panel", "episode_panel",
)}  # fmt: skip
WRITING = {
    kind: f"lambda: widgets.{kind}(checkpoint)"
    for kind in ("playground", "side_by_side")
}
WRITING["surgery_panel"] = "lambda: fire.surgery_panel(checkpoint)"
THREADED = {
    "tale_button": "lambda: widgets.tale_button(checkpoint.model, "
    "checkpoint.tokenizer, 60)",
    "race_panel": "lambda: widgets.race_panel(fire.IDS, fire.IDS, fire.KNOWN, "
    "fire.SHAPE, fire.RUN)",
    "training_panel": "offline_panel",
}
COMPARE = """
await calm({0})
fire.settle({0})
alone = make_{0}()
for _ in range(2):  # a place in a text is there once its text is
    fire.give(alone, fire.settings({0}))
    for panel in ({0}, alone):
        while {1} and any(w.stream.writing for w in fire.writers(panel)):
            await asyncio.sleep(0.01)
print("verdict on {0}:", fire.shown(alone) == fire.shown({0}))
"""
# Of a panel that works in a thread: afterwards it works again, to its end.
ENDS = {
    "tale_button": """
await calm(tale_button)
fire.settle(tale_button)
next(fire.inside(tale_button, (fire.Button,))).click()
view = list(fire.inside(tale_button, (fire.HTML,)))[-1]
for _ in range(1000):
    await asyncio.sleep(0.01)
    if "■" in view.value: break
print("verdict on tale_button:", "■" in view.value)
""",
    "race_panel": """
await calm(race_panel)
go = next(fire.inside(race_panel, (fire.Button,)))
go.click(); race_panel.race.thread.join(60)
alone = make_race_panel()
fire.give(alone, fire.settings(race_panel))
next(fire.inside(alone, (fire.Button,))).click(); alone.race.thread.join(60)
print("verdict on race_panel:", fire.shown(alone) == fire.shown(race_panel))
""",
    "training_panel": """
await calm(training_panel)
training_panel.stop(); await training_panel.finished()
trainer = training_panel.trainer
ended = not trainer.busy and not trainer.problem
found = trainer.phase, trainer.problem
training_panel.size.value = "small"; training_panel.minutes.value = 0.1
training_panel.train(); await training_panel.finished()
again = trainer.phase == "finished"
found += trainer.phase, trainer.problem
print("verdict on training_panel:", (ended and again) or found)
""",
}
PANELS = AT_ONCE | WRITING | THREADED


@pytest.fixture(scope="module")
def notebook(lab):
    """A notebook that makes every panel, and can be asked for a verdict on each."""
    sources = [IMPORTS]
    sources += [
        f"make_{n} = {make}\n{n} = make_{n}()\n{n}" for n, make in PANELS.items()
    ]
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source.strip()) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    # What is asked in the end waits in cells that are not run before.
    for name in PANELS:
        source = ENDS.get(name) or COMPARE.format(name, name in WRITING)
        made.cells.append(nbformat.v4.new_code_cell(source.strip()))
    nbformat.write(made, lab.course / "notebooks/under_fire.ipynb")
    opened = lab.open("under_fire.ipynb")
    opened.run_cells(*range(len(PANELS) + 1))
    opened.wait_until_run()
    assert opened.errors() == []
    yield opened
    opened.page.close()
    lab.end_kernels()


def change_one(cell, chance: random.Random, texts: list[str]) -> None:
    """Move one control by hand, or press one button, chosen at random."""
    # Handles: what is disabled a moment later is not waited for.
    buttons = cell.locator("button.jupyter-button:not([disabled])").element_handles()
    controls = cell.locator(CONTROLS)
    n = controls.count()
    chosen = chance.randrange(n + len(buttons))
    if chosen >= n:
        buttons[chosen - n].dispatch_event("click")
        return
    control = controls.nth(chosen)
    if control.is_disabled():
        return
    kind = control.evaluate("e => e.type || e.tagName.toLowerCase()")
    if kind == "select-one":
        options = control.locator("option").count()
        control.select_option(index=chance.randrange(options))
    elif kind == "checkbox":
        control.dispatch_event("click")
    elif kind in ("text", "textarea", "number"):
        control.fill(chance.choice(texts))
        control.press("Tab")
    else:
        control.focus()
        cell.page.keyboard.press(chance.choice(KEYS))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", PANELS)
def test_fifty_changes_by_hand(notebook, name, tried):
    chance, number = random.Random(6), list(PANELS).index(name) + 1
    cell = notebook.code_cell(number)
    cell.scroll_into_view_if_needed()
    for _ in range(CHANGES):
        change_one(cell, chance, ["THE FOX", "The crow", "€", "0.5", ""])
    notebook.page.wait_for_timeout(500)
    asked = number + len(PANELS)
    notebook.run_cells(asked)
    notebook.wait_until_run()
    answer = notebook.code_cell(asked).locator(".jp-OutputArea-output").last
    answer.wait_for(timeout=tools.LONG)
    assert answer.inner_text().strip() == f"verdict on {name}: True"
    assert notebook.errors() == []
    tried(f"{CHANGES} random changes of {name} by hand")
