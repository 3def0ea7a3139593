"""The installation without a network works as the page for teachers prints it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import notebook_tools as tools
import pytest
from guard import OFFLINE

PAGE = (tools.NOTEBOOKS / "TEACHING.md").read_text(encoding="utf-8")
FILES = "pyproject.toml", "requirements.txt", "README.md", "LICENSE", "data/README.md"


def printed(mark: str) -> str:
    """Return the commands below a mark of the page."""
    [commands] = re.findall(rf"<!-- {mark} -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    return commands


def run(commands: str, folder: Path, env: dict[str, str]):
    return subprocess.run(
        ["sh", "-ec", commands],
        cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


@pytest.mark.thorough
@pytest.mark.timeout(3000)
@pytest.mark.skipif(os.name != "posix", reason="the commands are for Linux and macOS")
def test_installing_from_a_folder_of_wheels_with_an_empty_index(tmp_path, tried):
    teachers, learners = tmp_path / "teacher's", tmp_path / "learner's"
    tools.copy_course(teachers, *FILES)
    settings = {k: v for k, v in os.environ.items() if k != "MINIGPT_HOME"}

    # The tests have no network but for this command, see guard.py.
    online = {k: v for k, v in settings.items() if k != "PYTHONPATH"}
    done = run(printed("with a network"), teachers, online)
    if done.returncode and "CI" not in os.environ:
        pytest.skip(f"the package index cannot be reached: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(teachers / ".venv")
    shutil.copytree(teachers, learners)

    # No index and no folder of wheels but the one that the commands name.
    offline = {k: v for k, v in settings.items() if not k.startswith("PIP_")}
    offline |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    offline["PYTHONPATH"] = str(OFFLINE)
    done = run(printed("without a network"), learners, offline)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The fox") and len(done.stdout) > 100
    assert str(learners / "checkpoints" / "tales.pt") in done.stderr
    look = ".venv/bin/python -c 'import minigpt, torch, jupyterlab, ipywidgets'"
    assert run(look, learners, offline).returncode == 0
    size = sum(path.stat().st_size for path in (learners / "wheels").iterdir())
    tried(f"{len(list((learners / 'wheels').iterdir()))} files, {size / 1e6:.0f} MB")
