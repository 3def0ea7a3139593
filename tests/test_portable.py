"""Nothing in the course is known not to work on Windows, macOS or another file system.

They cannot be run here: this looks for what goes wrong there, and `.github/workflows`
runs all the tests on all three.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = [*ROOT.glob("minigpt/**/*.py"), *ROOT.glob("data/*.py")]
SHIPPED += ROOT.glob("benchmarks/*.py")
TESTS = list(ROOT.glob("tests/**/*.py"))
NOTEBOOKS = list(ROOT.glob("notebooks/**/*.ipynb"))
RESERVED = re.compile(r'[<>:"\\|?*\x00-\x1f]|[. ]$')
DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{d}{n}" for d in ("com", "lpt") for n in "123456789"),
}

# What Windows does not have, or does otherwise.
ABSENT = {
    "os.rename": "fails where the target exists: os.replace",
    "os.fork": "only POSIX: multiprocessing",
    "os.getuid": "only POSIX",
    "os.geteuid": "only POSIX",
    "os.mkfifo": "only POSIX",
    "os.symlink": "needs rights on Windows",
    "os.sync": "only POSIX: os.fsync",
    "signal.SIGKILL": "only POSIX: Popen.kill",
    "signal.SIGALRM": "only POSIX",
    "signal.SIGHUP": "only POSIX",
    "signal.SIGUSR1": "only POSIX",
    "signal.pause": "only POSIX",
    "time.clock_gettime": "only POSIX: time.perf_counter",
}
MODULES = {"fcntl", "termios", "resource", "pwd", "grp", "pty", "tty", "curses"}


def sources(paths: list[Path]) -> Iterator[tuple[str, ast.Module]]:
    """Yield every Python file, and every code cell, with what it parses to."""
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py":
            yield name, ast.parse(path.read_text("utf-8"))
        else:
            for cell in nbformat.read(path, as_version=4).cells:
                if cell.cell_type == "code":
                    yield f"{name}: {cell.id}", ast.parse(cell.source)


def named(node: ast.AST) -> str:
    """Return a dotted name such as os.rename, or nothing."""
    return ast.unparse(node) if isinstance(node, (ast.Attribute, ast.Name)) else ""


def opens_text_by_the_locale(node: ast.Call) -> bool:
    """Whether a call opens a text file in whatever encoding the machine prefers."""
    method = named(node.func).rpartition(".")[2] or getattr(node.func, "attr", "")
    keywords = {keyword.arg for keyword in node.keywords}
    if "encoding" in keywords:
        return False
    if method == "read_text":
        return not node.args
    if method == "write_text":
        return len(node.args) < 2
    if method == "open" and named(node.func) != "os.open":
        mode = node.args[1 if named(node.func) == "open" else 0 :][:1]
        given = [k.value for k in node.keywords if k.arg == "mode"] + mode
        return not any(
            isinstance(m, ast.Constant) and "b" in str(m.value) for m in given
        )
    return False


def findings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for what in faults(node):
            yield f"line {node.lineno}: {what}"


def faults(node: ast.AST) -> Iterator[str]:
    """Say what is wrong with one node of a program, wherever it is not run here."""
    match node:
        case ast.Attribute() if named(node) in ABSENT:
            yield f"{named(node)} ({ABSENT[named(node)]})"
        case ast.Import() | ast.ImportFrom():
            module = getattr(node, "module", None)
            names = {module} if module else {alias.name for alias in node.names}
            yield from (f"import {name} (only POSIX)" for name in names & MODULES)
        case ast.Call():
            if opens_text_by_the_locale(node):
                yield "no encoding (Windows takes another)"
            whole = ast.unparse(node)
            if named(node.func).endswith("get_context") and "'fork'" in whole:
                yield "fork (only POSIX: spawn)"
            if any(k.arg == "shell" for k in node.keywords):
                yield "shell (another on Windows)"
        case ast.Constant(value=str(text)):
            if re.match(r"/(tmp|dev|proc|home|usr)\b", text):
                yield f"the path {text}"


def test_what_is_shipped_works_everywhere(tried):
    found, count = [], 0
    for name, tree in sources(SHIPPED + NOTEBOOKS):
        found += [f"{name}, {finding}" for finding in findings(tree)]
        count += 1
    assert found == []
    tried(f"{count} files and cells hold nothing known to fail on Windows or macOS")


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.rename(a, b)",
        "import fcntl",
        "from resource import getrusage",
        "signal.signal(signal.SIGALRM, f)",
        "open(path)",
        "open(path, 'w')",
        "path.open()",
        "path.read_text()",
        "path.write_text(text)",
        "Path('/tmp/x')",
        "multiprocessing.get_context('fork')",
        "subprocess.run(line, shell=True)",
    ],
)
def test_it_would_be_found(code):
    assert len(list(findings(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "open(path, 'rb')",
        "path.open('wb')",
        "path.open(encoding='utf-8')",
        "path.read_text('utf-8')",
        "path.write_text(text, encoding='utf-8')",
        "os.replace(a, b)",
    ],
)
def test_what_is_fine_is_not_found(code):
    assert list(findings(ast.parse(code))) == []


def tracked() -> list[str]:
    words = ["git", "-C", str(ROOT), "ls-files", "-z"]
    try:
        done = subprocess.run(words, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [name for name in done.stdout.split("\0") if name]


def test_names_of_files_are_possible_everywhere():
    names = tracked()
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        for part in name.split("/"):
            assert not RESERVED.search(part), name
            assert part.split(".")[0].casefold() not in DEVICES, name
        assert len(name) < 100, name


def test_programs_that_start_processes_can_be_started_again():
    """`spawn` imports the main module once more: it must not run by itself then."""
    for path in [*ROOT.glob("benchmarks/*.py"), ROOT / "minigpt/__main__.py"]:
        text = path.read_text("utf-8")
        if "def main" in text or path.name == "__main__.py":
            assert 'if __name__ == "__main__":' in text, path


def test_all_three_are_tested():
    text = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    for system in "ubuntu-latest", "macos-latest", "windows-latest":
        assert system in text
    assert "python -m pytest" in text
