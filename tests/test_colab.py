"""The lessons run with the packages that Google Colab has, and its buttons answer.

Everything is as there but Python and, as Colab's PyTorch is a build for GPUs, PyTorch:
it is the one of these tests, or the one that the variable COLAB_TORCH names.
"""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import notebook_tools as tools
import pytest
from guard import OFFLINE
from test_wheel import wheel  # noqa: F401, a fixture

ROOT = Path(__file__).resolve().parent.parent
COLAB = ["ipykernel==6.17.1", "ipython==7.34.0", "ipywidgets==7.7.1", "numpy==2.1.*"]
COLAB += ["matplotlib==3.10.*", "jupyter-client==7.4.9", "traitlets==5.7.1"]
COLAB += ["tornado==6.5.1", "tqdm", "platformdirs"]
TORCH = os.environ.get("COLAB_TORCH", metadata.version("torch"))
TOOLS = ["nbval", "pytest", "nbformat"]

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(3000)]


class Colab:
    """A folder with the lessons and the wheel, and the Python that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "content"
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = folder / "python" / scripts / "python"

    def run(self, *words: object, online: bool = False, folder: Path | None = None):
        settings = os.environ | {"COLAB_RELEASE_TAG": "release-colab"}
        settings["MINIGPT_HOME"] = str(self.folder)
        settings["PYTHONUTF8"] = "1"
        # The tests have no network but for this, see guard.py.
        settings["PYTHONPATH"] = "" if online else str(OFFLINE)
        return subprocess.run(
            [self.python, *map(str, words)],
            cwd=folder or self.folder, env=settings,
            capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip


@pytest.fixture(scope="module")
def colab(wheel, tmp_path_factory):  # noqa: F811
    made = Colab(tmp_path_factory.mktemp("colab"))
    shutil.copytree(tools.NOTEBOOKS, made.folder / "notebooks")
    shutil.copy(wheel, made.folder)
    folder = made.python.parent.parent
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = [*COLAB, f"torch=={TORCH}", *TOOLS]
    done = made.run("-m", "pip", "install", "-q", *wanted, online=True)
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"the package index cannot be reached: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    cell = tools.cells("00", "code")[0].source
    done = made.run("-m", "IPython", "-c", cell, online=True)
    assert done.returncode == 0, done.stderr
    return made


def test_the_first_cell_has_installed_the_course(colab):
    look = "import minigpt, jupyter_ui_poll; print(minigpt.__file__)"
    done = colab.run("-c", look)
    assert "site-packages" in done.stdout, done.stderr
    done = colab.run("-m", "minigpt", "doctor")
    assert done.returncode == 0 and "✗" not in done.stdout, done.stdout
    assert "✓ ipykernel 6.17.1" in done.stdout


@pytest.mark.parametrize("name", tools.COURSE)
def test_lesson(colab, name):
    if name.startswith("06"):
        tools.train_shortly(colab.folder, minutes=0.3)
    lesson = colab.folder / "notebooks" / f"{name}.ipynb"
    how = ["-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    done = colab.run("-m", "pytest", *how, lesson)
    assert done.returncode == 0, done.stdout[-4000:]


def test_panels_and_their_buttons(colab):
    how = ["-q", "-p", "no:cacheprovider", "-o", "addopts=-m 'not thorough'"]
    stop = "tests/test_kernel_mishaps.py::test_stop_answers_while_a_cell_waits"
    panels = sorted(ROOT.glob("tests/test_widgets_*.py"))
    done = colab.run("-m", "pytest", *how, stop, *panels, folder=ROOT)
    assert done.returncode == 0, done.stdout[-4000:]
