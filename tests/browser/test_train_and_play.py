"""The final notebook in a real JupyterLab: run all, stop, drag, type, look.

The tests share one page and go through the notebook from top to bottom.
"""

import random
import statistics
import time
from collections.abc import Callable

import lab as tools
import pytest

from minigpt.checkpoint import load_checkpoint
from minigpt.decoding import generate
from minigpt.tokenizer import until_end

PROMPT = "The fox"
WAIT = 60  # seconds until something has surely gone wrong

WATCH = """panel => {
    const text = () => panel.querySelector('.minigpt-text');
    let began = null, turn = null;
    window.firstCharacter = [];
    window.firstLength = [];
    panel.addEventListener('keydown', () => {
        began = performance.now();
        turn = text().dataset.turn;
    }, true);
    new MutationObserver(() => {
        if (began !== null && text() && text().dataset.turn !== turn) {
            window.firstCharacter.push(performance.now() - began);
            window.firstLength.push(text().innerText.length);
            began = null;
        }
    }).observe(panel, {childList: true, subtree: true, characterData: true});
}"""


@pytest.fixture(scope="module")
def notebook(lab):
    opened = lab.open("06_train_and_play.ipynb", by_hand=True)
    opened.run_all()
    yield opened
    opened.page.close()
    lab.end_kernels()


@pytest.fixture(scope="module")
def trainer(notebook):
    """The cell with the training panel."""
    return notebook.cell_with("widgets.training_panel()")


@pytest.fixture(scope="module")
def play(notebook):
    """The cell with the playground, once the training was stopped and all has run."""
    notebook.wait_until_run()
    cell = notebook.cell_with("widgets.playground(trainer)")
    cell.locator(tools.TEXT).wait_for()
    cell.scroll_into_view_if_needed()
    settled(cell)
    return cell


@pytest.fixture(scope="module")
def model(lab, notebook):
    """What the notebook has trained and saved in the end, read from its file."""
    notebook.wait_until_run()
    return load_checkpoint(lab.course / "checkpoints/model_final.pt")


def points(trainer) -> int:
    """How many points the training curve has."""
    line = trainer.locator("svg polyline").last
    return len((line.get_attribute("points") or "").split())


def wait_for_status(notebook, trainer, words: str) -> None:
    trainer.locator("b", has_text=words).first.wait_for(timeout=60_000)


def settled(cell) -> str:
    """Return the text as soon as it has not changed for half a second."""
    text, same_since = "", time.monotonic()
    while time.monotonic() - same_since < 0.5:
        now = cell.locator(tools.TEXT).first.inner_text()
        if now != text:
            text, same_since = now, time.monotonic()
        cell.page.wait_for_timeout(50)
    return text


def expected(model, length=200, prompt=PROMPT, **settings) -> str:
    """What the text must be, written by the saved model in this process."""
    settings = {"temperature": 0.8, "top_k": 50, "seed": 0} | settings
    tokenizer, ids = model.tokenizer, model.tokenizer.encode_prompt(prompt)
    written = generate(model.model, ids, length, **settings)
    return prompt + tokenizer.decode(list(until_end(tokenizer, written)))


def plain(text: str) -> str:
    """The text without what is lost or added where it is shown."""
    return "".join(c for c in text if not c.isspace() and c not in "␣⏎")


def wait_until(page, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not condition() and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert condition()


def shows(cell, text: str) -> None:
    """Wait for the text; nothing else may come after it."""
    shown = cell.locator(tools.TEXT).first
    try:
        wait_until(cell.page, lambda: plain(shown.inner_text()) == plain(text))
    except AssertionError:
        assert plain(shown.inner_text()) == plain(text)  # says where they differ
        raise
    assert plain(settled(cell)) == plain(text)


# Train


def test_opened_from_the_file_browser_and_run_it_trains(notebook, trainer):
    wait_for_status(notebook, trainer, "Training.")
    # A line of one point is not visible.
    trainer.locator("svg polyline").first.wait_for(state="attached", timeout=60_000)


def test_the_curve_grows(trainer):
    before = points(trainer)
    wait_until(trainer.page, lambda: points(trainer) > before + 5)


def test_it_shows_speed_time_left_baselines_and_a_sample(notebook, trainer):
    shown = trainer.inner_text()
    for words in ("tokens per second", "time left", "uniform", "bigram", "entropy"):
        assert words in shown
    trainer.locator("text=Sample after").wait_for(timeout=60_000)
    notebook.screenshot(trainer, "training_light")


def test_pause_and_stop_hold_the_training(notebook, trainer, tried):
    took = []
    for name, status in (("Pause", "Paused."), ("Pause", "Paused."), ("Stop", "Stop")):
        press = tools.button(trainer, name)
        began = time.perf_counter()
        press.click()
        # "Stopping" is not enough: what counts is that nothing is learned any more.
        wait_for_status(notebook, trainer, status if name == "Pause" else "Stopped.")
        took.append(f"{name} {time.perf_counter() - began:.2f} s")
        if name == "Pause":
            at = points(trainer)
            trainer.page.wait_for_timeout(700)
            assert points(trainer) == at
            tools.button(trainer, "Go on").click()
            wait_for_status(notebook, trainer, "Training.")
    tried(f"from the press to the answer: {', '.join(took)}")


def test_what_was_learned_is_saved(notebook, trainer, model):
    trainer.locator("text=The model is saved in").wait_for()
    assert 0 < model.training.iteration < model.training.config.max_iters


def test_the_other_cells_run_without_an_error(notebook):
    notebook.wait_until_run()
    assert notebook.errors() == []


# Play


def test_the_text_is_that_of_the_trained_model(play, model):
    shows(play, expected(model))


def test_twenty_values_by_the_keyboard_leave_only_the_last_text(play, model):
    slider = tools.handle(play, "temperature")
    slider.focus()
    for key in ["ArrowRight"] * 10 + ["ArrowLeft"] * 16:
        play.page.keyboard.press(key)
    assert tools.readout(play, "temperature") == "0.50"
    shows(play, expected(model, temperature=0.5))


def test_twenty_values_by_the_mouse_leave_only_the_last_text(play, model):
    box = tools.handle(play, "temperature").bounding_box()
    track = tools.control(play, "temperature").locator(".noUi-base").bounding_box()
    mouse = play.page.mouse
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    for step in range(1, 21):
        mouse.move(x + step * (track["x"] + track["width"] - x) / 20, y)
    mouse.up()
    assert tools.readout(play, "temperature") == "1.50"
    shows(play, expected(model, temperature=1.5))


def test_a_moved_slider_shows_the_first_character_at_once(play, tried):
    # While the text of the value before is still being written, as when dragging.
    length = tools.handle(play, "length")
    length.focus()
    play.page.keyboard.press("End")
    play.locator(".jp-OutputArea").first.evaluate(WATCH)
    tools.handle(play, "temperature").focus()
    for n in range(20):
        play.page.keyboard.press("ArrowRight" if n % 2 else "ArrowLeft")  # from 1.5
        play.page.wait_for_function(
            "n => window.firstCharacter.length > n", arg=n, timeout=1000 * WAIT
        )
    took = play.page.evaluate("window.firstCharacter")
    lengths = play.page.evaluate("window.firstLength")
    tried(
        f"from a slider's change to the first new character, {len(took)} changes: "
        f"median {statistics.median(took):.0f} ms, longest {max(took):.0f} ms; "
        f"at most {max(lengths)} characters came at once"
    )
    assert max(lengths) < 100  # of a thousand: it does not wait until they are written


def test_length(play, model):
    tools.handle(play, "length").focus()
    play.page.keyboard.press("Home")
    tools.handle(play, "temperature").focus()
    for key in ["Home", *["ArrowRight"] * 14]:
        play.page.keyboard.press(key)
    assert tools.readout(play, "temperature") == "0.80"
    shows(play, expected(model, length=10))
    tools.handle(play, "length").focus()
    play.page.keyboard.press("End")
    shows(play, expected(model, length=1000))


def test_top_k(play, model):
    tools.handle(play, "top-k").focus()
    play.page.keyboard.press("Home")
    shows(play, expected(model, length=1000, top_k=1))
    play.page.keyboard.press("ArrowRight")
    shows(play, expected(model, length=1000, top_k=2))


def test_sampling_off_is_greedy(play, model):
    box = tools.control(play, "sampling").or_(play.locator(".widget-checkbox"))
    box.first.locator("input[type=checkbox]").click()
    shows(play, expected(model, length=1000, greedy=True))
    box.first.locator("input[type=checkbox]").click()


def test_fifty_changes_at_full_speed(play, model, tried):
    chance = random.Random(6)
    keys = ["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End"]
    names = ["temperature", "top-k", "top-p", "length", "seed"]
    for _ in range(50):
        name = chance.choice(names)
        if name == "seed":
            field = tools.control(play, name).locator("input").first
            field.fill(str(chance.randrange(1000)))
            field.press("Enter")
        else:
            tools.handle(play, name).focus()
            play.page.keyboard.press(chance.choice(keys))
    wanted = expected(
        model,
        length=int(tools.readout(play, "length")),
        temperature=float(tools.readout(play, "temperature")),
        top_k=int(tools.readout(play, "top-k")),
        top_p=float(tools.readout(play, "top-p")),
        seed=int(tools.control(play, "seed").locator("input").first.input_value()),
    )
    shows(play, wanted)
    assert play.locator("[role=alert]").count() == 0
    tried("50 random changes of the playground; the text is that of the last settings")


def test_an_unusable_prompt_is_answered_in_words(notebook, play):
    before = settled(play)
    prompt = play.locator("textarea").first
    prompt.fill("fox " * 6000)  # byte pairs can write any character
    alert = play.locator("[role=alert]")
    alert.wait_for()
    assert "at most 5,000 fit" in alert.inner_text()
    assert settled(play) == before
    notebook.screenshot(play, "bad_prompt")
    prompt.fill(PROMPT)
    alert.wait_for(state="detached")


def test_places_are_reached_by_the_keyboard(play):
    settled(play)
    play.locator(".text").focus()
    play.page.keyboard.press("Home")
    chosen = play.locator(".bars tr.chosen")
    wait_until(play.page, lambda: chosen.count() == 0)  # nothing stands before it
    seen = set()
    for _ in range(3):
        play.page.keyboard.press("ArrowRight")
        wait_until(play.page, lambda: chosen.count() == 1)
        wait_until(play.page, lambda: play.locator(".instead").inner_text() not in seen)
        seen.add(play.locator(".instead").inner_text())
    heads = play.locator(".head[title*='looked at']")
    assert heads.count() == play.locator(".layer .head").count() > 0


def test_a_bar_branches_and_one_key_goes_back(play, model):
    first, written = settled(play), play.locator(".piece:not(.given)")
    while written.count() < 5:  # a model of some seconds may end a text at once
        tools.button(play, "Another seed").click()
        first = settled(play)
    written.nth(4).click()
    other = play.locator(".bars tr:not(.chosen) .token").first
    wait_until(play.page, lambda: play.locator(".piece.at").count() == 1)
    other.focus()
    play.page.keyboard.press("Enter")
    play.locator(".piece.branch").wait_for(state="attached")  # a line break is hidden
    assert settled(play) != first
    play.locator(".tinting").check()
    wait_until(play.page, lambda: play.locator(".piece[style*=unsure]").count() > 3)
    play.locator(".tinting").uncheck()
    play.locator(".text").focus()
    play.page.keyboard.press("Backspace")
    wait_until(play.page, lambda: play.locator(".piece.branch").count() == 0)
    assert plain(settled(play)) == plain(first)
    play.page.keyboard.press("Escape")


def test_side_by_side_two_settings_write_two_texts(notebook):
    cell = notebook.cell_with("widgets.side_by_side(trainer)")
    texts = cell.locator(tools.TEXT)
    assert texts.count() == 2
    tools.handle(cell, "length").focus()
    notebook.page.keyboard.press("End")
    settled(cell)
    first, second = texts.all_inner_texts()
    assert plain(first) and plain(second) and plain(first) != plain(second)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_leave_a_screenshot(notebook, trainer, play, theme):
    notebook.use_theme(theme)
    notebook.screenshot(trainer, f"trained_{theme}")
    notebook.screenshot(play, f"playground_{theme}")
    side = notebook.cell_with("widgets.side_by_side(trainer)")
    notebook.screenshot(side, f"side_by_side_{theme}")
