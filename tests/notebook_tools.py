"""Read the notebooks of the course: their cells, their exercises, their solutions.

A lesson's own test runs wrong answers the way a learner would give them:

    verdict_on("02", "02.mask", "def my_mask(T):\\n    return torch.ones(T, T)")
"""

import ast
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from minigpt.course.exercises import Verdict

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
COURSE = [
    "00_start_here",
    "01_tokenization",
    "02_attention",
    "03_block",
    "04_training",
    "05_sampling",
    "06_train_and_play",
]
# They follow the course, and whoever wants to goes on with them.
BEYOND = ["beyond/looking_inside"]

COURSE_FILES = ("minigpt", "notebooks", "data/fables.txt", "data/fables.ru.txt")
COURSE_FILES += ("data/tales.toml", "data/episode.json", "checkpoints/tales.pt")

# The id and a tag of the cell that installs the course, see write_address.py.
INSTALL = "install"

_CHECK = re.compile(r'^exercises\.check\("(\w+\.\w+)", (.+)\)$')
_SOLUTION = re.compile(r"<summary>Solution</summary>(.*?)</details>", re.DOTALL)
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def copy_course(folder: Path, *more: str) -> None:
    """Copy the package, the lessons, the fables and the shipped model, and more."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in (*COURSE_FILES, *more):
        source, target = NOTEBOOKS.parent / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)


def train_shortly(folder: Path, minutes: float) -> None:
    """Let the last lesson of a copied course train for this long."""
    last = next((folder / "notebooks").glob("06*.ipynb"))
    train, content = '"trainer.train()"', last.read_text(encoding="utf-8")
    assert content.count(train) == 1
    shorter = f'"trainer.minutes.value = {minutes}; trainer.train()"'
    last.write_text(content.replace(train, shorter), encoding="utf-8")


def environment_of(folder: Path) -> dict[str, str]:
    """Return an environment in which Python uses the copied course and its folders."""
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    environment = {k: v for k, v in os.environ.items() if k != "MINIGPT_HOME"}
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def existing() -> list[str]:
    """Return the names of the lessons that are there, in the order of the course."""
    lessons = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    return lessons + sorted(
        f"beyond/{p.stem}" for p in NOTEBOOKS.glob("beyond/*.ipynb")
    )


def key_of(name: str) -> str:
    """Return what a lesson's exercises begin with: "02" for "02_attention".

    It is "inside" for "beyond/looking_inside".
    """
    return name[:2] if name[0].isdigit() else name.rpartition("_")[2]


def picture_of(name: str, cell: NotebookNode) -> str:
    """Return the link from a lesson to the static picture of a panel."""
    up = "../" * name.count("/")
    return f"{up}panels/{key_of(name)}-{cell.id}.png"


def path_of(name: str) -> Path:
    """Return the path of a lesson's notebook by its name or its key ("02")."""
    found = sorted(NOTEBOOKS.glob(f"{name}*.ipynb"))
    found += sorted(NOTEBOOKS.glob(f"beyond/*_{name}.ipynb"))
    if not found:
        raise FileNotFoundError(f"there is no notebook {name}")
    return found[0]


@cache
def load(name: str) -> NotebookNode:
    """Return a lesson's notebook; treat it as read-only."""
    return nbformat.read(path_of(name), as_version=4)


def cells(name: str, kind: str) -> list[NotebookNode]:
    """Return the lesson's "code" or "markdown" cells."""
    return [cell for cell in load(name).cells if cell.cell_type == kind]


def neighbours(name: str, cell: NotebookNode) -> tuple[Any, Any]:
    """Return the cells before and after this one, None where there is none."""
    all_cells = load(name).cells
    index = next(i for i, c in enumerate(all_cells) if c.id == cell.id)
    after = all_cells[index + 1] if index + 1 < len(all_cells) else None
    return (all_cells[index - 1] if index else None), after


def has_figure(cell: NotebookNode) -> bool:
    """Whether a code cell stores a picture."""
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


def has_panel(cell: NotebookNode) -> bool:
    """Whether a code cell stores a widget."""
    view = "application/vnd.jupyter.widget-view+json"
    return any(view in output.get("data", {}) for output in cell.outputs)


def texts(cell: NotebookNode) -> str:
    """Return all text and HTML that a code cell stores."""
    found = []
    for output in cell.outputs:
        found.append(output.get("text", ""))
        data = output.get("data", {})
        found += [data.get(kind, "") for kind in ("text/plain", "text/html")]
    return "\n".join(found)


def lesson_code(name: str) -> list[NotebookNode]:
    """Return the lesson's own code cells: all but the one that installs the course."""
    return [cell for cell in cells(name, "code") if cell.id != INSTALL]


def first_code(name: str) -> str:
    """Return the source of the lesson's first own code cell: its imports."""
    return lesson_code(name)[0].source


def exercise_cells(name: str) -> dict[str, NotebookNode]:
    """Return the code cell of each exercise: the one below a `### Exercise` heading."""
    found = {}
    for cell in cells(name, "code"):
        check = _CHECK.match(cell.source.splitlines()[-1]) if cell.source else None
        before, _ = neighbours(name, cell)
        if check and before is not None and "### Exercise" in before.source:
            found[check[1]] = cell
    return found


def folded(name: str, exercise_name: str) -> str:
    """Return the markdown below an exercise: its hints and its solution."""
    _, after = neighbours(name, exercise_cells(name)[exercise_name])
    return after.source if after is not None else ""


def solutions(name: str) -> dict[str, str]:
    """Return the code of each exercise's solution, by the exercise's name."""
    found = {}
    for exercise_name in exercise_cells(name):
        for solution in _SOLUTION.findall(folded(name, exercise_name)):
            found[exercise_name] = "\n".join(_PYTHON.findall(solution))
    return found


def verdict_on(name: str, exercise_name: str, code: str) -> Verdict:
    """Return the verdict on an answer, given as the code a learner would write.

    It runs with the first code cell's imports and nothing else in scope; the check is
    the last line of the exercise's cell.
    """
    scope: dict[str, Any] = {"__name__": "__answer__"}
    exec(compile(first_code(name), f"{name}: imports", "exec"), scope)
    exec(compile(code, f"{name}: answer to {exercise_name}", "exec"), scope)
    check = exercise_cells(name)[exercise_name].source.splitlines()[-1]
    return eval(compile(check, f"{name}: check", "eval"), scope)


def verdict_on_answer(name: str, exercise_name: str, code: str) -> str:
    """Return the verdict's text on `answer` in the code, whatever the cell calls it."""
    check = exercise_cells(name)[exercise_name].source.splitlines()[-1]
    called = check.removesuffix(")").split(", ")[1]
    return verdict_on(name, exercise_name, f"{code}\n{called} = answer").text


def run_solution(name: str, exercise_name: str) -> Verdict:
    """Return the verdict on the solution that the notebook gives."""
    return verdict_on(name, exercise_name, solutions(name)[exercise_name])


def run_stub(name: str, exercise_name: str) -> Verdict:
    """Return the verdict on the exercise as the notebook leaves it to be solved."""
    source = exercise_cells(name)[exercise_name].source
    return verdict_on(name, exercise_name, source.rpartition("\n")[0])


def guesses(name: str) -> list[str]:
    """Return the variables that the learner guesses a number into: my_guess, ..."""
    found = []
    for cell in cells(name, "code"):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Assign):
                names = [t.id for t in node.targets if isinstance(t, ast.Name)]
                found += [n for n in names if "guess" in n]
    return found


def answer_of(first_lines: str, rest: str) -> str:
    """Return the code of an answer that goes on after its first lines."""
    return "\n".join([first_lines, *("    " + line for line in rest.splitlines())])


def wrong_answers(
    wrong: Mapping[str, tuple[str, Sequence[tuple[str, str]]]],
) -> list[tuple[str, str, str]]:
    """Return (exercise, code, what the verdict says) of each wrong answer.

    Args:
        wrong: by exercise, the first lines of all answers, and how each goes on, with
            what the verdict says.
    """
    return [
        (name, answer_of(first, rest), said)
        for name, (first, answers) in wrong.items()
        for rest, said in answers
    ]
