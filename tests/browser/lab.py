"""Drive JupyterLab as a reader would: open, run, move a slider, look."""

import json
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
SIZE = {"width": 1280, "height": 1400}
LONG = 240_000  # milliseconds: a notebook that runs on a busy machine
TEXT = ".minigpt-text"


class Lab:
    """A JupyterLab and the browser that looks at it."""

    def __init__(self, browser: Any, address: str, state: Path, course: Path) -> None:
        self.browser, self.address = browser, address
        self.state, self.course = state, course

    def open(self, notebook: str, by_hand: bool = False) -> "Notebook":
        """Open a notebook; `by_hand` by clicking through the file browser."""
        page = self.browser.new_page(viewport=SIZE)
        page.set_default_timeout(LONG)
        if by_hand:
            page.goto(f"{self.address}/lab?reset", wait_until="domcontentloaded")
            listing = page.locator(".jp-DirListing-content")
            listing.get_by_text("notebooks", exact=True).dblclick()
            listing.get_by_text(notebook, exact=True).dblclick()
        else:
            where = f"{self.address}/lab/tree/notebooks/{notebook}?reset"
            page.goto(where, wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=LONG)
        opened = Notebook(self, page, notebook)
        opened.wait_for_kernel()
        return opened

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.address}/api/{path}", timeout=10) as answer:
            return json.load(answer)

    def end_kernels(self) -> None:
        for session in self.get("sessions"):
            request = urllib.request.Request(
                f"{self.address}/api/sessions/{session['id']}", method="DELETE"
            )
            urllib.request.urlopen(request, timeout=20).close()


class Notebook:
    """An open notebook."""

    def __init__(self, lab: Lab, page: Any, name: str) -> None:
        self.lab, self.page, self.name = lab, page, name

    def wait_for_kernel(self) -> None:
        """Wait until the notebook has a kernel, and the page knows it."""
        end = time.monotonic() + LONG / 1000
        while time.monotonic() < end:
            kernels = {s["name"]: s["kernel"] for s in self.lab.get("sessions")}
            if kernels.get(self.name, {}).get("execution_state") == "idle":
                break
            self.page.wait_for_timeout(200)
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        self.page.wait_for_selector(idle, state="attached", timeout=LONG)
        self.page.wait_for_timeout(500)

    def run_all(self) -> None:
        """Choose "Run All Cells" from the menu."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()

    def run_cells(self, *numbers: int) -> None:
        """Run some of the code cells, counted from 0, one after the other."""
        for number in numbers:
            cell = self.code_cell(number)
            cell.locator(".jp-InputArea-editor").click()
            self.page.keyboard.press("Control+Enter")

    def code_cell(self, number: int) -> Any:
        return self.page.locator(".jp-CodeCell").nth(number)

    def cell_with(self, source: str) -> Any:
        """Return the code cell whose source holds these words."""
        return self.page.locator(".jp-CodeCell", has_text=source).first

    def wait_until_run(self, timeout: int = LONG) -> None:
        """Wait until no cell is waiting or running."""
        self.page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll(
                    '.jp-CodeCell .jp-InputArea-prompt')];
                return prompts.length && prompts.every(
                    p => !p.textContent.includes('*'));
            }""",
            timeout=timeout,
        )

    def errors(self) -> list[str]:
        """Return what cells wrote to standard error or raised."""
        found = self.page.locator(
            '[data-mime-type="application/vnd.jupyter.stderr"], '
            '[data-mime-type="application/vnd.jupyter.error"]'
        )
        return found.all_inner_texts()

    def screenshot(self, cell: Any, name: str) -> None:
        """Keep a picture of a cell's output."""
        ARTIFACTS.mkdir(exist_ok=True)
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-Cell-outputWrapper").first.screenshot(
            path=ARTIFACTS / f"{name}.png"
        )

    def use_theme(self, theme: str) -> None:
        """Switch between the light and the dark theme from the menu."""
        page = self.page
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.get_by_text("Theme", exact=True).hover()
        page.get_by_text(f"JupyterLab {theme.title()}", exact=True).click()
        page.wait_for_function(
            f"document.body.dataset.jpThemeName === 'JupyterLab {theme.title()}'"
        )
        page.wait_for_timeout(500)


def control(panel: Any, label: str) -> Any:
    """Return the control of a panel that has this label."""
    exact = re.compile(rf"^{re.escape(label)}")
    rows = panel.locator(".jupyter-widgets.widget-inline-hbox")
    return rows.filter(has=panel.page.locator("label", has_text=exact)).first


def handle(panel: Any, label: str) -> Any:
    """Return the handle of a slider, which takes the keyboard."""
    return control(panel, label).locator(".noUi-handle")


def readout(panel: Any, label: str) -> str:
    """Return the number beside a slider."""
    return control(panel, label).locator(".widget-readout").inner_text()


def button(panel: Any, label: str) -> Any:
    return panel.locator("button.jupyter-button", has_text=label).first
