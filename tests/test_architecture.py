"""The house stands as drawn: no module imports one above it, imports stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minigpt

PACKAGE = Path(minigpt.__file__).parent

# Lowest floor first; a module may import those below it.
FLOORS = [
    {"config", "files", "tokenizer", "modern", "sampling", "distributed"}
    | {"baselines", "precision"},
    {"attention", "optim", "data", "decoding", "novelty"},
    {"model", "training", "inspection", "plots"},
    {"checkpoint"},
    {"museum", "exercises", "widgets"},
    {"cli", "__main__"},
]
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
# decoding rebuilds the model's arithmetic, so it stands above it.
FLOOR["decoding"] = FLOOR["model"] + 0.5


def imports(path: Path) -> set[str]:
    """The modules of minigpt that a file imports, by their first name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {n.split(".")[1] for n in names if n.startswith("minigpt.")}
    return found


def source_files() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", source_files(), ids=lambda p: p.name)
def test_no_module_imports_one_above_it(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imports(path) - {own, "__version__"}:
        assert FLOOR[other] <= FLOOR[own], f"{own} imports {other}, which is above it"
        if FLOOR[other] == FLOOR[own]:
            assert own not in imports_of(other), f"{own} and {other} import each other"


def imports_of(module: str) -> set[str]:
    single = PACKAGE / f"{module}.py"
    files = [single] if single.exists() else (PACKAGE / module).rglob("*.py")
    return set().union(*(imports(path) for path in files))


@pytest.mark.parametrize("path", source_files(), ids=lambda p: p.name)
def test_every_module_says_what_it_does(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring and docstring.splitlines()[0].endswith((".", ":"))


def test_importing_the_package_loads_no_plots_and_no_widgets():
    modules = ["checkpoint", "training", "decoding", "sampling", "data", "cli"]
    code = "import sys, minigpt, " + ", ".join(f"minigpt.{name}" for name in modules)
    code += "; print([m for m in ('matplotlib', 'ipywidgets') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.stdout.strip() == "[]", result.stderr
