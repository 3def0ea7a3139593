"""The panels of lessons 02 and 05 in a real JupyterLab."""

import time

import lab as tools
import notebook_tools
import pytest


def opened(lab, name: str, panel: str, *needs: str):
    """Open a lesson, run its imports and what its panel needs, and show the panel.

    `needs` are the ids of the cells, in their order, whose names the panel reads.
    """
    if not (lab.course / "notebooks" / name).exists():
        pytest.skip(f"there is no {name} yet")
    cells = notebook_tools.cells(name[:2], "code")
    ids, sources = [cell.id for cell in cells], [cell.source for cell in cells]
    notebook = lab.open(name)
    # First the course is installed where it is missing, then come the imports and the
    # shipped model.
    shows = next(n for n, s in enumerate(sources) if panel in s)
    notebook.run_cells(0, 1, 2, *map(ids.index, needs), shows)
    cell = notebook.cell_with(panel)
    cell.locator(".jupyter-widgets").first.wait_for(timeout=tools.LONG)
    notebook.wait_until_run()
    cell.scroll_into_view_if_needed()
    return notebook, cell


def changes(cell, keys: list[str], slider: str) -> list[str]:
    """Press keys on a slider; return what the panel shows after each."""
    shown = []
    tools.handle(cell, slider).focus()
    for key in keys:
        before, end = cell.inner_html(), time.monotonic() + 60
        cell.page.keyboard.press(key)
        while cell.inner_html() == before and time.monotonic() < end:
            cell.page.wait_for_timeout(20)
        cell.page.wait_for_timeout(150)
        shown.append(cell.inner_text())
    return shown


@pytest.fixture(scope="module")
def explorer(lab):
    notebook, cell = opened(
        lab,
        "02_attention.ipynb",
        "widgets.attention_explorer(",
        "score-targets",
        "score-forty-tales",
        "score-picture",  # finds the head that the panel begins with
    )
    yield notebook, cell
    notebook.page.close()
    lab.end_kernels()


@pytest.fixture(scope="module")
def bars(lab):
    notebook, cell = opened(lab, "05_sampling.ipynb", "widgets.sampling_bars(")
    yield notebook, cell
    notebook.page.close()
    lab.end_kernels()


def test_explorer_steps_through_positions_and_layers(explorer):
    _, cell = explorer
    assert cell.locator("svg[role=img]").count() == 1
    places = changes(cell, ["ArrowLeft"] * 3, "position that looks")
    assert len(set(places)) == 3 and all("looks most at" in p for p in places)
    layers = changes(cell, ["ArrowRight"], "layer")
    assert layers[0] != places[-1]


def test_explorer_answers_a_bad_sentence_in_words(explorer):
    _, cell = explorer
    box = cell.locator("input[type=text]").first
    box.fill("The fox " * 300)  # more than the model can see
    box.press("Enter")
    alert = cell.locator("[role=alert]")
    alert.wait_for()
    assert "tokens, but at most" in alert.inner_text()


def test_bars_follow_the_sliders(bars):
    _, cell = bars
    shown = changes(cell, ["ArrowRight"] * 3, "temperature")
    assert len(set(shown)) == 3
    few = changes(cell, ["Home"], "top-k")[-1]
    assert "1 of " in few and "cut" in few


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_leave_a_screenshot(explorer, bars, theme):
    for (notebook, cell), name in ((explorer, "explorer"), (bars, "bars")):
        notebook.use_theme(theme)
        notebook.screenshot(cell, f"{name}_{theme}")
