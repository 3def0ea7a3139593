"""Draw the static pictures of the panels, from the real panels in JupyterLab.

    python tests/browser/draw_panels.py               # those of all lessons
    python tests/browser/draw_panels.py 02 05         # of some

A web page has no kernel, so there the cell before each panel shows a picture of it,
`notebooks/panels/LESSON-CELL.png`. Draw them again when a panel looks different, and
look at each; it takes some fifteen minutes, on an idle machine.
"""

import ast
import builtins
import io
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

import lab as lab_tools
import notebook_tools as tools
from PIL import Image
from playwright.sync_api import sync_playwright

import conftest as jupyter

FOLDER = tools.NOTEBOOKS / "panels"
WIDTH = 1100  # pixels of the browser's window
COLOURS = 64
QUIET = 5  # seconds without a change: the panel has finished
LONG = 600  # seconds
TRAINING = 5.0  # minutes, in lesson 06
# What is to be done before a panel shows something: a button, or a cell to run.
PRESS = {"00-panel": "Write a tale", "04-race": "Train"}
THEN_RUN = {"training-panel": "train-start-code"}


def needed(cells: list, wanted: int) -> list[int]:
    """Return the places of the cells that define what a cell reads, and its own."""
    found, reads = [wanted], read_names(cells[wanted].source)
    for place in range(wanted - 1, -1, -1):
        bound = bound_names(cells[place].source)
        if reads & bound or place == 0:
            found.append(place)
            reads = (reads - bound) | read_names(cells[place].source)
    return found[::-1]


def read_names(source: str) -> set[str]:
    names = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)]
    loaded = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return loaded - set(dir(builtins))


def bound_names(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
    return found


def wait_until_quiet(panel) -> None:
    """Wait until the panel has not changed for a while."""
    shown, since, end = "", time.monotonic(), time.monotonic() + LONG
    while time.monotonic() - since < QUIET and time.monotonic() < end:
        panel.page.wait_for_timeout(250)
        if (now := panel.inner_html()) != shown:
            shown, since = now, time.monotonic()


def draw_lesson(lab: lab_tools.Lab, name: str) -> None:
    cells = tools.cells(name, "code")
    ids = [cell.id for cell in cells]
    notebook = lab.open(f"{name}.ipynb")
    done: set[int] = set()
    for place in (n for n, cell in enumerate(cells) if tools.has_panel(cell)):
        cell = cells[place]
        places = needed(cells, place)
        if cell.id in THEN_RUN:
            places.append(ids.index(THEN_RUN[cell.id]))
        fresh = [n for n in places if n not in done]
        done.update(fresh)
        notebook.run_cells(*fresh)
        notebook.wait_until_run(LONG * 1000)
        draw(notebook.code_cell(place), tools.key_of(name), cell.id)
    print(*notebook.errors(), file=sys.stderr)
    notebook.page.close()
    lab.end_kernels()


def draw(cell, lesson: str, name: str) -> None:
    panel = cell.locator(".jp-Cell-outputWrapper").first
    if label := PRESS.get(f"{lesson}-{name}"):
        lab_tools.button(cell, label).click()
    if lab_tools.button(cell, "Train").count():  # which cannot be pressed meanwhile
        cell.page.wait_for_timeout(QUIET * 1000)
        idle = cell.locator("button:not([disabled])", has_text="Train")
        idle.first.wait_for(timeout=LONG * 1000)
    wait_until_quiet(panel)
    panel.scroll_into_view_if_needed()
    views = cell.locator(".jp-OutputArea-output").filter(
        has=cell.page.locator(".jupyter-widgets, .widget-html")
    )
    picture = Image.open(io.BytesIO(views.last.screenshot()))
    path = FOLDER / f"{lesson}-{name}.png"
    small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(
        f"{path.name}: {picture.size}, {path.stat().st_size / 1000:.0f} kB", flush=True
    )


def main(keys: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    lessons = tools.COURSE + tools.BEYOND
    chosen = [n for n in lessons if not keys or tools.key_of(n) in keys]
    lab_tools.SIZE.update(width=WIDTH, height=2400)  # the playground is long
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as driver:
        course, state = Path(temporary, "course"), Path(temporary, "state")
        state.mkdir()
        tools.copy_course(course)
        tools.train_shortly(course, TRAINING)
        jupyter.write_settings(state / "settings", "light")
        jupyter.STARTS_WITHIN = LONG
        browser = driver.chromium.launch(
            executable_path=jupyter.CHROMIUM, args=jupyter.FLAGS
        )
        with jupyter.serving(course, state) as address:
            lab = lab_tools.Lab(browser, address, state, course)
            for name in chosen:
                draw_lesson(lab, name)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
