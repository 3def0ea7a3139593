"""A run of the tests leaves what a learner has written and trained as it was.

The run that this file belongs to is held to it as well, see guard.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import notebook_tools as tools
import pytest
from guard import HOME, contents, differences

from minigpt import paths

TESTS = Path(__file__).parent
GUARD = ("guard.py", "network.py", "offline")
# Without the plugins that take seconds to load.
BARE = ("-p", "no:nbval", "-p", "no:hypothesispytest", "-o", "addopts=")


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a checkout of its own, with the guard of this one."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env=tools.environment_of(folder) | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def copy_guard(folder: Path) -> None:
    """Copy what keeps a run of pytest away from a learner's files."""
    (folder / "tests").mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in GUARD:
        if (TESTS / name).is_dir():
            shutil.copytree(TESTS / name, folder / "tests" / name, ignore=ignored)
        else:
            shutil.copy(TESTS / name, folder / "tests" / name)
    for name in "conftest.py", "pyproject.toml":
        shutil.copy(TESTS.parent / name, folder / name)


def make_learners_files(folder: Path) -> None:
    """Write what a learner has made; none of it is what the tests would make."""
    for name in ("data/input.txt", "data/train.bin", "checkpoints/model_final.pt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())


@pytest.fixture
def checkout(tmp_path):
    """A folder with a learner's files, the guard and no tests yet."""
    copy_guard(tmp_path)
    make_learners_files(tmp_path)
    return tmp_path


def test_what_the_tests_make_goes_to_a_folder_of_its_own():
    assert paths.DATA == HOME / "data" and paths.CHECKPOINTS == HOME / "checkpoints"
    assert os.environ["MINIGPT_HOME"] == str(HOME)
    assert not HOME.is_relative_to(TESTS.parent)
    code = "from minigpt import paths; print(paths.CHECKPOINTS)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == HOME / "checkpoints"


HARM = """
def test_it():
    open("data/mine.txt", "w").close()
    os.remove("data/input.txt")
    open("checkpoints/model_final.pt", "ab").write(b".")
"""


def test_a_run_that_changes_them_fails(checkout):
    (checkout / "tests" / "test_it.py").write_text("import os\n" + HARM, "utf-8")
    run = run_pytest(checkout, *BARE, "-n", "2")
    assert "1 passed" in run.stdout, run.stdout + run.stderr
    assert run.returncode == 1
    for said in (
        "data/mine.txt was written",
        "data/input.txt was removed",
        "checkpoints/model_final.pt was changed",
    ):
        assert said in run.stdout


def test_a_run_that_does_not_passes(checkout):
    (checkout / "tests" / "test_it.py").write_text(
        "def test_it():\n    pass\n", "utf-8"
    )
    run = run_pytest(checkout, *BARE, "-n", "0")
    assert "1 passed" in run.stdout and "0 of them changed" in run.stdout
    assert run.returncode == 0


def test_only_what_differs_is_named():
    before, after = {"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"}
    assert [line.split()[0] for line in differences(before, after)] == ["d", "a", "c"]
    assert differences(before, dict(before)) == []


def test_the_last_notebook_trains_and_replaces_nothing(tmp_path):
    """It trains a model and saves it, and must not do so where a learner's own is."""
    tools.copy_course(tmp_path)
    copy_guard(tmp_path)
    make_learners_files(tmp_path)
    tools.train_shortly(tmp_path, minutes=0.02)
    last = tmp_path / "notebooks" / tools.path_of("06").name
    notebook = nbformat.read(last, as_version=4)
    saved = next(n for n, c in enumerate(notebook.cells) if c.id == "saved-code")
    notebook.cells = notebook.cells[: saved + 1]
    nbformat.write(notebook, last)
    before = contents(tmp_path)
    run = run_pytest(tmp_path, "-n", "0", str(last))
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr
    assert contents(tmp_path) == before
