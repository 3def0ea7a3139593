"""Share a prepared text and a model trained on it, and run commands in this process."""

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from console_tools import QUICK, call

from minigpt.paths import TEXTS


@pytest.fixture
def tried(request):
    """Note what a test has counted or measured: `tried("100 kills")`.

    It is printed at the end of the run, see guard.py.
    """
    name, notes = request.path.stem, request.node.user_properties
    return lambda text: notes.append(("tried", f"{name}: {text}"))


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
