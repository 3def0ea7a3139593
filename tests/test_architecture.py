"""The house stands as drawn: no module imports one above it, imports stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minigpt

PACKAGE = Path(minigpt.__file__).parent

# Lowest floor first: a module imports nothing but modules that stand before it.
ROOMS = [
    "config",
    "paths",
    "atomic",
    "text_file",
    "tokenizer",
    "tales",
    "data",
    "modern",
    "attention",
    "model",
    "sampling",
    "decoding",
    "device",
    "distributed",
    "optim",
    "schedule",
    "training",
    "threads",
    "memory",
    "checkpoint",
    "checkpoint_folder",
    "publish",
    "huggingface",
    "run",
    "inspection",
    "baselines",
    "course.colours",
    "course.curves",
    "course.overlap",
    "course.sense",
    "course.faults",
    "course.episode",
    "course.copying",
    "course.plots",
    "course.exercises",
    "course.lessons",
    "course.site",
    "course.editions",
    "course.widgets",
    "cli",
    "__main__",
]


def room_of(module: str) -> str:
    """Return the room of a dotted name below `minigpt`: course.plots, or model."""
    first, _, rest = module.partition(".")
    return f"{first}.{rest.split('.')[0]}" if first == "course" and rest else first


def imports(path: Path) -> set[str]:
    """Return the rooms that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        below = [n.removeprefix("minigpt.") for n in names if n.startswith("minigpt.")]
        found |= set(map(room_of, below))
    return found - {"__version__"}


def source_files() -> list[Path]:
    lazy = {PACKAGE / "__init__.py", PACKAGE / "course" / "__init__.py"}
    return sorted(set(PACKAGE.rglob("*.py")) - lazy)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def test_every_room_is_on_the_plan():
    assert {room_of(name_of(path)) for path in source_files()} == set(ROOMS)


@pytest.mark.parametrize("path", source_files(), ids=name_of)
def test_no_module_imports_one_above_it(path):
    own = room_of(name_of(path))
    above = set(ROOMS[ROOMS.index(own) + 1 :])
    assert imports(path) & above == set()


@pytest.mark.parametrize("path", source_files(), ids=name_of)
def test_every_module_says_what_it_does(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring and docstring.splitlines()[0].endswith((".", ":"))


def loaded_by(code: str, *heavy: str) -> list[str]:
    """Return which of the heavy packages a new Python has loaded after some code."""
    code = f"import sys\n{code}\nprint([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_by("import minigpt", "torch", "matplotlib", "ipywidgets") == []


def test_everything_but_course_material_does_without_figures_and_widgets():
    rooms = [r for r in ROOMS if "." not in r and r != "__main__"]
    code = "import " + ", ".join(f"minigpt.{room}" for room in rooms)
    assert loaded_by(code, "matplotlib", "ipywidgets") == []


def test_every_public_name_can_be_imported():
    for name in minigpt.__all__:
        assert getattr(minigpt, name) is not None
    with pytest.raises(ImportError):
        exec("from minigpt import nonsense")
