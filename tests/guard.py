"""Keep the tests away from a learner's files and from the network, and sum up a run.

The data and models that a test makes go to a temporary folder, `MINIGPT_HOME`. A run
fails if a file in `data/` or `checkpoints/` is not what it was at the beginning, or if
anything but a test of being offline tried to reach the network. Each worker of
pytest-xdist has a temporary folder of its own; what is checked at the end is checked
once, by the process that started the workers.
"""

import hashlib
import os
import runpy
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from network import LOG, attempts

# Read when minigpt and torch are imported, here and in every process started later.
assert not {"minigpt", "torch"} & set(sys.modules), "imported before they were set up"
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
if WORKER and "MINIGPT_HOME" in os.environ:
    HOME = Path(os.environ["MINIGPT_HOME"]) / WORKER
else:
    HOME = Path(tempfile.mkdtemp(prefix="minigpt-home-"))
os.environ["MINIGPT_HOME"] = str(HOME)
# One core for each of the two workers; a thread that waits must not occupy it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

ROOT = Path(__file__).resolve().parent.parent
OFFLINE = Path(__file__).parent / "offline"
LEARNERS_FOLDERS = ("data", "checkpoints")
FILES = pytest.StashKey[dict[str, str]]()
OWN_LOG = pytest.StashKey[str]()
PROBLEMS = pytest.StashKey[list[str]]()

# The files that take longest, longest first: two workers then end at about the same
# time, as only short files are left at the end.
LONGEST = [
    "notebooks/06_train_and_play.ipynb",
    "notebooks/04_training.ipynb",
    "tests/browser/test_under_fire.py",
    "tests/browser/test_publish.py",
    "tests/test_kernel_mishaps.py",
    "tests/test_notebooks_anywhere.py",
    "tests/browser/test_train_and_play.py",
    "tests/test_hostile_text.py",
    "tests/test_cli_train.py",
    "tests/test_killed.py",
    "tests/test_learners_files.py",
    "tests/test_sampling.py",
    "tests/test_distributed.py",
    "tests/test_lint.py",
    "tests/browser/test_lessons.py",
]


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of pytest-xdist's workers."""
    return hasattr(config, "workerinput")


def contents(root: Path) -> dict[str, str]:
    """Return a hash of each file in the folders that hold what a learner has made."""
    hashes = {}
    for folder in LEARNERS_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    name = path.relative_to(root).as_posix()
                    hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Say which files have been added, removed or changed."""
    return (
        [f"{name} was written by the tests" for name in sorted(after.keys() - before)]
        + [f"{name} was removed by the tests" for name in sorted(before.keys() - after)]
        + [
            f"{name} was changed by the tests"
            for name in sorted(before.keys() & after)
            if before[name] != after[name]
        ]
    )


def pytest_configure(config):
    for folder in LEARNERS_FOLDERS:
        (HOME / folder).mkdir(parents=True, exist_ok=True)
    # A shell that runs the tests in the background has them, and all that they start,
    # ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if LOG not in os.environ:  # in a worker, or a run inside another, it is set already
        handle, os.environ[LOG] = tempfile.mkstemp(prefix="network-", suffix=".log")
        os.close(handle)
        config.stash[OWN_LOG] = os.environ[LOG]
        paths = [str(OFFLINE), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        runpy.run_path(str(OFFLINE / "sitecustomize.py"))
    if not is_worker(config):
        config.stash[FILES] = contents(ROOT)


def pytest_collection_modifyitems(items):
    """Put the files that take longest first, and leave the others as they are."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONGEST)))


def pytest_sessionfinish(session):
    """Fail the run if it changed a learner's file or wanted the network."""
    config = session.config
    if is_worker(config):
        return
    unexpected = [line for line in attempts() if "offline" not in line]
    changed = differences(config.stash[FILES], contents(ROOT))
    config.stash[PROBLEMS] = [
        f"network: {len(unexpected)} attempts to reach it",
        *(f"  {line}" for line in unexpected),
        f"files in data/ and checkpoints/: {len(changed)} of them changed",
        *(f"  {line}" for line in changed),
    ]
    if (unexpected or changed) and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config):
    if OWN_LOG in config.stash:
        Path(config.stash[OWN_LOG]).unlink(missing_ok=True)
    if not is_worker(config):  # the folders of the workers are inside
        shutil.rmtree(HOME, ignore_errors=True)


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("what was tried and measured")
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if getattr(report, "when", "") == "call"
    ]
    tried = [v for r in reports for name, v in r.user_properties if name == "tried"]
    problems = config.stash.get(PROBLEMS, [])
    for line in [*tried, *problems, *seconds_of_notebooks(reports)]:
        terminalreporter.write_line(line)


def seconds_of_notebooks(reports) -> list[str]:
    """Return how long the cells of each notebook took, and all of them together."""
    seconds: dict[str, float] = {}
    for report in reports:
        name, _, _ = report.nodeid.partition("::")
        if name.endswith(".ipynb"):
            seconds[name] = seconds.get(name, 0) + report.duration
    lines = [f"{name}: {s:.0f} s" for name, s in seconds.items()]
    together = f"all notebooks: {sum(seconds.values()):.0f} s"
    return [*lines, together] if lines else []
