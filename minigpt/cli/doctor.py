"""Check this computer and the installation: `minigpt doctor`."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from minigpt import SPINNING
from minigpt.paths import ASSETS, CHECKPOINTS, DATA, HOME, SHIPPED_CHECKPOINT, TEXTS

PIP = "python -m pip install"
REINSTALL = "install minigpt again, or run 'git checkout data checkpoints' in a clone"
INSTALL_KERNEL = "python -m ipykernel install --sys-prefix"
OLDEST_PYTHON = (3, 11)
# What the lessons need besides PyTorch, by the extra in pyproject.toml that has it.
LESSONS = {
    "notebooks": ("jupyterlab", "ipywidgets", "anywidget", "matplotlib", "ipykernel"),
    "colab": ("ipywidgets", "anywidget", "matplotlib", "ipykernel", "jupyter-ui-poll"),
}


@dataclass(frozen=True)
class Finding:
    """The result of a check: "✓" good, "✗" to be repaired, "○" good to know."""

    mark: str
    text: str


good, bad, note = (partial(Finding, mark) for mark in "✓✗○")


def run() -> None:
    """Print one line for each finding; exit with status 1 if something is wrong."""
    failed = False
    for check in CHECKS:
        try:
            findings = list(check())
        # A broken installation can raise anything; the other checks still help.
        except Exception as error:
            name = check.__name__.replace("_", " ")
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            findings = [bad(f"{name} fails: {reason}")]
        for finding in findings:
            print(finding.mark, finding.text, flush=True)
            failed = failed or finding.mark == "✗"
    if failed:
        sys.exit(1)


def check_python() -> Iterator[Finding]:
    """Check the version of Python."""
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield bad(f"Python {version}: install Python {oldest} or newer")
    else:
        yield good(f"Python {version} ({sys.executable})")


def check_course() -> Iterator[Finding]:
    """Check that the course's own files are there, and show where yours go."""
    if not all((TEXTS / name).is_file() for name in ("tales.toml", "fables.txt")):
        yield bad(f"the texts of the course are not in {TEXTS}: {REINSTALL}")
        return
    yield good(f"course in {ASSETS}")
    if HOME != ASSETS:
        yield good(f"your data and models go to {HOME}")


def check_torch() -> Iterator[Finding]:
    """Check the version of PyTorch, and import it."""
    yield check_package("torch")
    import torch

    if torch.cuda.is_available():
        yield good(f"CUDA on {torch.cuda.get_device_name()}")


def check_notebooks() -> Iterator[Finding]:
    """Check the packages that the lessons need where they run."""
    for package in LESSONS[extra()]:
        yield check_package(package)


def extra() -> str:
    """Return the extra that has what the lessons need here."""
    return "colab" if "COLAB_RELEASE_TAG" in os.environ else "notebooks"


def check_package(name: str) -> Finding:
    """Check that a package is installed and new enough."""
    oldest = lower_bound(name)
    too_old = "too old"
    if name == "ipykernel":
        too_old += " for the live panels, whose Stop buttons may not answer"
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return bad(f"{name} is not installed: {PIP} '{name}>={oldest}'")
    if _numbers(found) < _numbers(oldest):
        return bad(f"{name} {found} is {too_old}: {PIP} -U '{name}>={oldest}'")
    return good(f"{name} {found}")


def lower_bound(name: str) -> str:
    """Return the oldest version of a package that minigpt declares to work with."""
    for line in metadata.requires("minigpt") or []:
        requirement, _, marker = line.partition(";")
        needed = "extra" not in marker or extra() in marker
        if needed and (match := re.match(rf"{re.escape(name)}>=([\d.]+)", requirement)):
            return match[1]
    return "0"


def _numbers(version: str) -> list[int]:
    """Return [2, 13, 0] for "2.13.0+cpu"."""
    release = re.match(r"\d+(\.\d+)*", version)
    return [int(number) for number in release[0].split(".")] if release else []


def check_kernel() -> Iterator[Finding]:
    """Check that the Python that runs the notebooks has the package."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError:
        return  # JupyterLab is missing, which another check reports
    command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    # Jupyter uses its own Python for a kernel that asks for just "python".
    any_python = {"python", "python3", f"python3.{sys.version_info.minor}"}
    python = sys.executable if command in any_python else shutil.which(command)
    if python is None:
        problem = f"{command}, which does not exist"
    elif python != sys.executable and not _has_minigpt(python):
        problem = f"{python}, where minigpt is not installed"
    else:
        yield good(f"kernel python3 ({python})")
        return
    yield bad(f"the kernel python3 uses {problem}: {INSTALL_KERNEL}")


def _has_minigpt(python: str) -> bool:
    look = "import sys, importlib.util as u; sys.exit(not u.find_spec('minigpt'))"
    # Not in a clone, where every Python finds the package.
    elsewhere = tempfile.gettempdir()
    done = subprocess.run([python, "-c", look], cwd=elsewhere, capture_output=True)
    return done.returncode == 0


def check_data() -> Iterator[Finding]:
    """Load the prepared text."""
    from minigpt.data import load_dataset

    if not (DATA / "train.bin").exists():
        yield note("no text has been prepared yet: run 'minigpt prepare'")
        return
    try:
        dataset = load_dataset(DATA)
    except ValueError as error:
        yield bad(f"the prepared text cannot be loaded: {error}")
    else:
        tokens = len(dataset.train_ids) + len(dataset.val_ids)
        V = dataset.tokenizer.vocab_size
        yield good(f"prepared text, {tokens:,} tokens, vocabulary size {V:,}")


def check_models() -> Iterator[Finding]:
    """Load the model that comes with the course, and the learner's own."""
    yield check_model("shipped model", SHIPPED_CHECKPOINT, REINSTALL)
    own = CHECKPOINTS / "model_final.pt"
    if own.exists():
        yield check_model("your model", own, "delete it and train again")
    else:
        yield note("no model of your own yet: run 'minigpt train'")


def check_model(name: str, path: Path, remedy: str) -> Finding:
    """Load a model."""
    from minigpt.checkpoint import load_checkpoint

    try:
        model = load_checkpoint(path).model
    except ValueError as error:
        return bad(f"{name} cannot be loaded ({error}): {remedy}")
    return good(f"{name}, {model.num_parameters():,} parameters")


def check_folders() -> Iterator[Finding]:
    """Check that the folders for data and models can be written, or created."""
    for folder in DATA, CHECKPOINTS:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=existing):
                yield good(f"{folder} can be written")
        except OSError as error:
            yield bad(
                f"{folder} cannot be written ({error.strerror}): make it writable, or "
                "use --data-dir and --out-dir"
            )


def check_threads() -> Iterator[Finding]:
    """Compare PyTorch's threads with the cores that this process may use."""
    import torch

    threads, cores = torch.get_num_threads(), count_cores()
    text = f"PyTorch threads: {threads}, cores: {cores}"
    if threads > cores:
        yield note(f"{text}: set OMP_NUM_THREADS={cores}, as more threads are slower")
    elif threads < cores and "OMP_NUM_THREADS" in os.environ:
        yield note(f"{text}: unset OMP_NUM_THREADS to train faster")
    else:
        yield good(text)
    yield check_spinning()


def check_spinning() -> Finding:
    """Check how long threads spin while they wait, as `minigpt/__init__.py` sets it.

    Whether PyTorch had been loaded by then, and so had read it before, is not known.
    """
    name = "GOMP_SPINCOUNT" if sys.platform == "linux" else "KMP_BLOCKTIME"
    usual, value = SPINNING[name], os.environ.get(name)
    if value == usual:
        return good(f"threads that wait spin for a moment only ({name}={value})")
    found = f"{name} is not set" if value is None else f"you have set {name}={value}"
    return note(f"{found}: with minigpt's {usual} waiting threads spin only briefly")


def count_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many cores this process may use, in a container too."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text(encoding="utf-8").split()
        return min(cores, max(int(allowed) // int(period), 1))
    except (OSError, ValueError):  # no such file, or no limit in it
        return cores


CHECKS: list[Callable[[], Iterator[Finding]]] = [
    check_python,
    check_course,
    check_torch,
    check_notebooks,
    check_kernel,
    check_data,
    check_models,
    check_folders,
    check_threads,
]
