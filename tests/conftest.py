"""Share a prepared text and a model trained on it, and run commands in this process.

No test may reach the network, and tests say at the end of the run how much they tried.
"""

import io
import os
import runpy
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from console_tools import QUICK, call
from network import LOG, attempts

from minigpt.paths import TEXTS

TRIED = pytest.StashKey[list[str]]()
OWN_LOG = pytest.StashKey[str]()
OFFLINE = Path(__file__).parent / "offline"


def pytest_configure(config):
    config.stash[TRIED] = []
    # A shell that runs the tests in the background has them, and all that they start,
    # ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if LOG not in os.environ:  # in a run of pytest inside another it is set already
        handle, os.environ[LOG] = tempfile.mkstemp(prefix="network-", suffix=".log")
        os.close(handle)
        config.stash[OWN_LOG] = os.environ[LOG]
        paths = [str(OFFLINE), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        runpy.run_path(str(OFFLINE / "sitecustomize.py"))


@pytest.fixture
def tried(request):
    """Note what a test has counted or measured: `tried("100 kills")`."""
    name = f"{request.path.stem}: "
    return lambda text: request.config.stash[TRIED].append(name + text)


def pytest_sessionfinish(session):
    """Fail the run if anything but a test of being offline wanted the network."""
    unexpected = [line for line in attempts() if "offline" not in line]
    if unexpected and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    session.config.stash[TRIED].append(
        f"network: {len(unexpected)} attempts to reach it"
        + "".join(f"\n  {line}" for line in unexpected)
    )


def pytest_unconfigure(config):
    if OWN_LOG in config.stash:
        Path(config.stash[OWN_LOG]).unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.section("what was tried and measured")
    for line in [*config.stash[TRIED], *seconds_of_notebooks(terminalreporter)]:
        terminalreporter.write_line(line)


def seconds_of_notebooks(terminalreporter) -> list[str]:
    """Return how long the cells of each notebook took, and all of them together."""
    seconds: dict[str, float] = {}
    for outcome in "passed", "failed":
        for report in terminalreporter.stats.get(outcome, []):
            name, _, _ = report.nodeid.partition("::")
            if name.endswith(".ipynb"):
                seconds[name] = seconds.get(name, 0) + report.duration
    lines = [f"{name}: {s:.0f} s" for name, s in seconds.items()]
    together = f"all notebooks: {sum(seconds.values()):.0f} s"
    return [*lines, together] if lines else []


@dataclass(frozen=True)
class Result:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error of a command that refused its input."""
        assert self.status == 2, (self.out, self.err)
        assert self.err.startswith("minigpt: ") and self.err.endswith("\n"), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("minigpt: ").rstrip("\n")


@pytest.fixture
def minigpt(capsys, monkeypatch):
    """Run a command: `minigpt("prepare", path, stdin="...")` gives a `Result`."""

    def run(*args: object, stdin: str = "") -> Result:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        status = call(*args)
        return Result(status, *capsys.readouterr())

    return run


def start_of(path: Path, characters: int, folder: Path) -> Path:
    """Return a copy of the beginning of a text, up to a whole line."""
    text = path.read_text(encoding="utf-8")[:characters]
    copy = folder / path.name
    copy.write_text(text[: text.rindex("\n") + 1], encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def fables(tmp_path_factory) -> Path:
    """The first fables, a text file of 20,000 characters."""
    return start_of(TEXTS / "fables.txt", 20_000, tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="session")
def prepared(fables, tmp_path_factory) -> Path:
    """A folder with those fables prepared, by characters. Not to be changed."""
    folder = tmp_path_factory.mktemp("data")
    assert call("prepare", fables, "--data-dir", folder) == 0
    return folder


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory) -> Path:
    """A checkpoint of a tiny model trained on them a little. Not to be changed."""
    folder = tmp_path_factory.mktemp("model")
    assert call("train", *QUICK, "--data-dir", prepared, "--out-dir", folder) == 0
    return folder / "model_final.pt"


@pytest.fixture(scope="session")
def trained_ru(tmp_path_factory) -> Path:
    """The same, trained on Russian fables."""
    folder = tmp_path_factory.mktemp("ru")
    text = start_of(TEXTS / "fables.ru.txt", 20_000, folder)
    assert call("prepare", text, "--data-dir", folder) == 0
    assert call("train", *QUICK, "--data-dir", folder, "--out-dir", folder) == 0
    return folder / "model_final.pt"
