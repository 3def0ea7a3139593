"""The lessons run wherever they are put, and print the same on other machines.

The plain run of the notebooks uses the folder, the instruction set and the threads of
the machine it is on; these runs are in other places and pretend to be an old machine
and a common one. None of them can reach the network, see conftest.py.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import notebook_tools as tools
import pytest
import torch


def copy_course(folder: Path) -> None:
    """Copy what a lesson needs; the last lesson trains for seconds, not minutes."""
    tools.copy_course(folder, "pyproject.toml")
    last = next((folder / "notebooks").glob("06*.ipynb"))
    train = '"trainer.train()"'
    content = last.read_text(encoding="utf-8")
    assert content.count(train) == 1
    shorter = '"trainer.minutes.value = 0.3; trainer.train()"'
    last.write_text(content.replace(train, shorter), encoding="utf-8")


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
        "PYTHONPATH": os.pathsep.join([str(folder), os.environ["PYTHONPATH"]]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    paths = [f"notebooks/{tools.path_of(name).name}" for name in lessons]
    words = ["-q", "-p", "no:cacheprovider", "-o", f"addopts={how} --nbval-current-env"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *words, *paths],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    return result.stdout.splitlines()[-1]


def is_common() -> bool:
    """Whether this machine is what the second run would pretend to be."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2" and (
        torch.get_num_threads() == 2
    )


QUICK = [name for name in tools.COURSE if name[:2] not in ("04", "06")]


def on_an_old_machine(folder: Path) -> str:
    folder = folder / "Мои документы" / "мини GPT (1)"
    copy_course(folder)
    cells = run(folder, QUICK, "1", "default", "--nbval")
    return f"{len(QUICK)} lessons in {folder.name!r}, 1 thread, no AVX: {cells}"


def on_a_common_machine(folder: Path) -> str:
    folder = folder / "read-only"
    # In 00 the doctor says that nothing can be saved here; 06 has learned less.
    other = ["00", "06"]
    same = [name for name in tools.COURSE if name[:2] not in other]
    if is_common():
        same = same[:1]  # the plain run has compared the others just so
    with read_only(folder):
        with pytest.raises(OSError):
            (folder / "checkpoints" / "model_final.pt").write_bytes(b"")
        cells = run(folder, same, "2", "avx2", "--nbval")
        rest = run(folder, other, "2", "avx2", "--nbval-lax")
    return f"{len(same)} lessons read-only, 2 threads, AVX2: {cells}; 00, 06: {rest}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Both runs at once, since each takes more than a minute."""
    machines = on_an_old_machine, on_a_common_machine
    with ThreadPoolExecutor(len(machines)) as pool:
        yield {m: pool.submit(m, tmp_path_factory.mktemp("machine")) for m in machines}


@pytest.mark.timeout(900)
def test_a_path_with_spaces_and_cyrillic_letters_on_an_old_machine(runs, tried):
    tried(runs[on_an_old_machine].result())


@pytest.mark.timeout(900)
def test_a_read_only_checkout_on_a_common_machine(runs, tried):
    tried(runs[on_a_common_machine].result())
