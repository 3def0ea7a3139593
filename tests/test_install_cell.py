"""The first code cell of a lesson installs the course where it is missing."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import notebook_tools as tools
import pytest
from test_wheel import wheel  # noqa: F401, a fixture
from write_address import README, address, with_address, with_install_cell

LESSONS = tools.COURSE + tools.BEYOND
every_lesson = pytest.mark.parametrize("name", LESSONS)
MENDED_BY = "run `python tests/write_address.py`"


class Shell:
    """Takes the place of IPython, and keeps the magic commands."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run_line_magic(self, name: str, line: str) -> None:
        self.commands.append(f"{name} {line}")


def run_cell(folder: Path, monkeypatch) -> list[str]:
    """Run the cell in a folder; return the magic commands that it gave."""
    monkeypatch.chdir(folder)
    shell = Shell()
    exec(tools.cells("00", "code")[0].source, {"get_ipython": lambda: shell})
    return shell.commands


@pytest.fixture
def missing(monkeypatch):
    """Let it seem that the package is not installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@every_lesson
def test_every_lesson_has_it_with_the_address_of_the_project(name):
    assert with_install_cell(tools.load(name)) == tools.load(name), MENDED_BY
    cell = tools.cells(name, "code")[0]
    assert cell.id == tools.INSTALL and cell.outputs == []
    assert address() in cell.source
    assert sum(bool(line.strip()) for line in cell.source.splitlines()) <= 6


def test_inserting_it_twice_is_inserting_it_once():
    lesson = tools.load("03")
    once = with_install_cell(lesson)
    assert with_install_cell(once) == once
    assert [cell for cell in once.cells if cell.id != tools.INSTALL] != []


def test_it_does_nothing_where_the_package_is_installed(tmp_path, monkeypatch):
    (tmp_path / "minigpt-9.0-py3-none-any.whl").touch()
    assert run_cell(tmp_path, monkeypatch) == []


def test_it_installs_from_the_repository(tmp_path, monkeypatch, missing):
    command = f'pip install -q "minigpt[colab] @ git+{address()}"'
    assert run_cell(tmp_path, monkeypatch) == [command]


def test_it_installs_the_wheel_that_lies_beside_it(
    wheel,  # noqa: F811
    tmp_path,
    monkeypatch,
    missing,
):
    folder = tmp_path / "мой курс (1)"
    folder.mkdir()
    (folder / wheel.name).write_bytes(wheel.read_bytes())
    [command] = run_cell(folder, monkeypatch)
    [wanted] = re.findall(r'^pip install -q "(.*)"$', command)
    site = folder / "site"
    how = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "-q", *how, "--target", str(site)]
    subprocess.run([*pip, wanted], check=True)
    look = "import minigpt; print(minigpt.__file__)"
    settings = os.environ | {"PYTHONPATH": str(site)}
    found = subprocess.check_output(
        [sys.executable, "-c", look], cwd=folder, env=settings, encoding="utf-8"
    )
    assert Path(found.strip()).is_relative_to(site)


def test_the_readme_has_the_address_and_opens_every_lesson():
    readme = README.read_text(encoding="utf-8")
    assert with_address(readme) == readme, MENDED_BY
    assert f"git clone {address()} " in readme
    repository = address().removeprefix("https://github.com/")
    for before in "colab.research.google.com/github", "mybinder.org/v2/gh":
        links = re.findall(rf"\(https://{before}/{repository}/(\S+)\)", readme)
        opened = {link.partition("/notebooks/")[2] for link in links}
        assert opened == {f"{name}.ipynb" for name in LESSONS}, before
    assert "ADDRESS" not in readme


def test_another_address_replaces_this_one(monkeypatch):
    monkeypatch.setattr("write_address.address", lambda: "https://github.com/fox/owl")
    readme = with_address(README.read_text(encoding="utf-8"))
    assert "git clone https://github.com/fox/owl " in readme
    links = 2 * (1 + len(LESSONS))  # to Colab and to Binder: the badges and the table
    assert "OWNER/minigpt" not in readme and readme.count("fox/owl") == 1 + links
