"""The lessons run wherever they are put, and print the same on other machines.

The plain run of the notebooks uses the folder, the instruction set and the threads of
the machine it is on; these runs are in other places and pretend to be an old machine
and a common one. None of them can reach the network, see guard.py.
"""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import notebook_tools as tools
import pytest


def copy_course(folder: Path) -> None:
    """Copy what a lesson needs; the last lesson trains for seconds, not minutes."""
    tools.copy_course(folder, "pyproject.toml")
    tools.train_shortly(folder, minutes=0.3)


def can_mount() -> bool:
    return os.name == "posix" and os.geteuid() == 0 and bool(shutil.which("mount"))


@contextmanager
def read_only(folder: Path):
    """Make a folder that holds the course, and then takes no more files."""
    folder.mkdir(parents=True)
    if can_mount():  # to root, permissions mean nothing
        words = ["mount", "-t", "tmpfs", "none", str(folder)]
        if subprocess.call(words, stderr=subprocess.DEVNULL):
            pytest.skip("no file system can be mounted here")
        copy_course(folder)
        subprocess.check_call(["mount", "-o", "remount,ro", str(folder)])
        try:
            yield
        finally:
            subprocess.check_call(["umount", str(folder)])
        return
    copy_course(folder)
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)


def run(folder: Path, lessons: list[str], threads: str, instructions: str, how: str):
    """Run lessons of the copy in that folder, which must not be any other's."""
    settings = {
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",  # two runs share the machine
        "ATEN_CPU_CAPABILITY": instructions,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    root = tools.NOTEBOOKS.parent
    paths = [tools.path_of(name).relative_to(root).as_posix() for name in lessons]
    words = ["-q", "-p", "no:cacheprovider", "-o", f"addopts={how} --nbval-current-env"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *paths],
        cwd=folder,
        env=tools.environment_of(folder) | settings,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    return result.stdout.splitlines()[-1]


# One lesson is enough for most runs. In 00 the doctor says that nothing can be saved
# where it is read-only, and 06 has learned less: their outputs are not compared.
FEW = ["03"]
LESSONS = [*tools.COURSE, *tools.BEYOND]
COMPARED = [name for name in LESSONS if name[:2] not in ("00", "06")]
UNTRAINED = [name for name in LESSONS if name[:2] not in ("04", "06")]


def few_or_all(lessons: list[str]) -> pytest.MarkDecorator:
    """Return a decorator that gives a test one lesson or, marked `thorough`, all."""
    every = pytest.param(lessons, marks=pytest.mark.thorough)
    return pytest.mark.parametrize("lessons", [FEW, every], ids=["one", "all"])


@pytest.mark.timeout(900)
@few_or_all(UNTRAINED)
def test_a_path_with_spaces_and_cyrillic_letters_on_an_old_machine(
    lessons, tmp_path, tried
):
    folder = tmp_path / "Мои документы" / "мини GPT (1)"
    copy_course(folder)
    cells = run(folder, lessons, "1", "default", "--nbval")
    tried(f"{len(lessons)} lessons in {folder.name!r}, 1 thread, no AVX: {cells}")


@pytest.mark.timeout(900)
@few_or_all(COMPARED)
def test_a_read_only_checkout_on_a_common_machine(lessons, tmp_path, tried):
    folder = tmp_path / "read-only"
    with read_only(folder):
        with pytest.raises(OSError):
            (folder / "checkpoints" / "model_final.pt").write_bytes(b"")
        cells = run(folder, lessons, "2", "avx2", "--nbval")
        tried(f"{len(lessons)} lessons read-only, 2 threads, AVX2: {cells}")
        if lessons != FEW:
            rest = run(folder, ["00", "06"], "2", "avx2", "--nbval-lax")
            tried(f"00 and 06 read-only, 2 threads, AVX2: {rest}")
