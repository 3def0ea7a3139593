"""`minigpt progress` says how far a class has come, from what it saved."""

import re

import nbformat
import pytest
from notebook_tools import BEYOND, COURSE, NOTEBOOKS, exercise_cells, key_of, path_of
from write_solutions import PAGE, SECTION, section

from minigpt.cli import main
from minigpt.course.exercises import exercise_names
from minigpt.course.exercises.progress import verdicts

AXIS = "✗ Your softmax runs over the wrong axis; each row, over its keys, sums to 1."
VARIANCE = (
    "✗ You divided the variance by C - 1, torch's default; LayerNorm divides by C."
)
ANNA = {"00": "✓✓✓✓", "01": "✓✓✓○✓✓○", "02": "✓✓✗○○○"}
CHEN = {"00": "✓✓○○", "01": "✓✓✓✓✓✓✓", "02": "✓✓✓✓✓✓", "03": "✓✗○○○○○"}


def hand_in(path, lesson, marks, said=AXIS):
    """Save a lesson's notebook with these verdicts, in the order of its exercises."""
    notebook = nbformat.read(path_of(lesson), as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    for cell, mark in zip(exercise_cells(lesson).values(), marks, strict=True):
        text = {"✓": "✓ well done", "○": "○ not started", "✗": said, "·": ""}[mark]
        cells[cell.id].outputs = [
            nbformat.v4.new_output("execute_result", {"text/plain": text})
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def handed_in(tmp_path):
    """Two learners: one has folders, the other's name is in the files' names."""
    for lesson in [*COURSE, *BEYOND]:
        number, width = key_of(lesson), len(exercise_cells(lesson))
        anna, chen = (all_of.get(number, "○" * width) for all_of in (ANNA, CHEN))
        hand_in(tmp_path / "anna" / f"{lesson}.ipynb", lesson, anna)
        name = f"chen_{path_of(lesson).stem} (1).ipynb"
        hand_in(tmp_path / name, lesson, chen, VARIANCE)
    return tmp_path


def test_the_page_for_teachers_shows_what_comes_out(handed_in, capsys):
    main(["progress", str(handed_in)])
    out, err = capsys.readouterr()
    assert "\n".join(line.rstrip() for line in out.splitlines()) in PAGE.read_text(
        encoding="utf-8"
    )
    assert err == ""


def test_what_is_no_notebook_is_said_and_the_others_count(handed_in, capsys):
    broken = {
        "text.ipynb": b"hello",
        "empty.ipynb": b"",
        "bytes.ipynb": b"\xff\xfe\x00",
        "list.ipynb": b"[]",
        "number.ipynb": b'{"cells": [1], "nbformat": 4, "nbformat_minor": 5}',
        "old.ipynb": b'{"cells": [1]}',
        "bare.ipynb": b'{"cells": [{"cell_type": "code"}], "nbformat": 4}',
    }
    main(["progress", str(handed_in)])
    before = capsys.readouterr().out
    for name, content in broken.items():
        (handed_in / "anna" / name).write_bytes(content)
    (handed_in / "anna" / ".ipynb_checkpoints").mkdir()
    (handed_in / "anna" / ".ipynb_checkpoints" / "x.ipynb").write_bytes(b"old")
    (handed_in / "folder.ipynb").mkdir()
    main(["progress", str(handed_in)])
    out, err = capsys.readouterr()
    assert out == before
    assert len(err.splitlines()) == len(broken)
    for name in broken:
        assert f"{name}: this is no notebook" in err


def test_what_jupyter_leaves_beside_is_no_learner(tmp_path, capsys):
    hand_in(tmp_path / "02_attention.ipynb", "02", "✓✗○○○○")
    hand_in(tmp_path / "02_attention-Copy1.ipynb", "02", "○✓○○○○")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "Untitled.ipynb")
    main(["progress", str(tmp_path)])
    rows = capsys.readouterr().out.splitlines()[1:-2]
    assert [row.split()[0] for row in rows] == [tmp_path.name]
    assert "✓✓○○○○" in rows[0]


def test_the_better_of_two_verdicts_counts(tmp_path, capsys):
    hand_in(tmp_path / "anna" / "first.ipynb", "02", "✗✗✓○○·")
    hand_in(tmp_path / "anna" / "second.ipynb", "02", "○✓✗○··")
    main(["progress", str(tmp_path)])
    assert re.search(r"^anna +·+ +·+ +✗✓✓○○· ", capsys.readouterr().out, re.MULTILINE)


def test_a_verdict_is_found_however_the_cell_is_written(tmp_path):
    path = tmp_path / "a.ipynb"
    cells = [
        nbformat.v4.new_code_cell(source, outputs=outputs)
        for source, outputs in (
            ("exercises.check('02.mask', f)", [result("✓ yes")]),
            (
                "x = 1\nexercises.check(\n    '02.scores', f)",
                [stream(), result("✗ no")],
            ),
            ("exercises.check('02.weights', f)", []),
            ("exercises.check(name, f)", [result("✓ yes")]),
            ("exercises.check('00.write', shown)", [result("✗ on purpose")]),
            ("exercises.check('00.write', f)", [result("○ not started")]),
            ("exercises.check('02.mask', again)", [result("✗ no more")]),
        )
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert verdicts(path) == {
        "02.mask": "✓ yes",
        "02.scores": "✗ no",
        "02.weights": "·",
        "00.write": "○ not started",
    }


def result(text):
    return nbformat.v4.new_output("execute_result", {"text/plain": text})


def stream(text="✓ printed by the learner"):
    return nbformat.v4.new_output("stream", text=text)


def shown(text):
    return nbformat.v4.new_output("display_data", {"text/plain": text})


MASK = {"02.mask": "✓ yes (T, T)"}
BOTH = {"02.mask": "✓ yes", "02.scores": "✗ no, not [1, 2]."}
OF_BOTH = 'exercises.check("02.mask", f)', 'exercises.check("02.scores", g)'
WAYS = {
    "the real check stands below one that is commented out": (
        ['# exercises.check("02.scores", f)\nexercises.check("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "a check in a text is none": (
        ['"""exercises.check("02.scores", f)"""\nexercises.check("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "keywords": (
        ['exercises.check(answer=f, name="02.mask")'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "the function imported": (
        ['from minigpt.course.exercises import check\ncheck("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "the function imported under another name, in another cell": (
        ["from minigpt.exercises import check as judge", 'judge("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "the function assigned to another name": (
        ['mine = exercises.check\nmine("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "the module imported under another name": (
        ['import minigpt.course.exercises as ex\nex.check("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "lines that break": (
        ['exercises.check(\n    "02.mask",\n    f,\n)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "printed": (
        ['print("hello")\nprint(exercises.check("02.mask", f))'],
        [stream("✗ a line of the learner's\nhello\n✓ yes (T, T)\n")],
        MASK,
    ),
    "printed with more": (
        ["print(f\"mask: {exercises.check('02.mask', f).text!r}\")"],
        [stream("mask: '✓ yes (T, T'\n")],
        {"02.mask": "✓ yes (T, T"},
    ),
    "displayed": (
        ['display(exercises.check("02.mask", f))\n1'],
        [shown("✓ yes (T, T)"), result("1")],
        MASK,
    ),
    "in a variable": (
        ['v = exercises.check("02.mask", f)\nv'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "in one variable twice": (
        [f"v = {OF_BOTH[0]}\nprint(v)\nv = {OF_BOTH[1]}\nprint(v)"],
        [stream("✓ yes\n✗ no, not [1, 2].\n")],
        BOTH,
    ),
    "two in a tuple": (
        [", ".join(OF_BOTH)],
        [result("(✓ yes, ✗ no, not [1, 2].)")],
        BOTH,
    ),
    "two printed, and an error after the first": (
        [f"print({OF_BOTH[0]})\nprint({OF_BOTH[1]})"],
        [stream("✓ yes\n")],
        {"02.mask": "✓ yes", "02.scores": "·"},
    ),
    "of two lines the last is shown": (
        ["\n".join(OF_BOTH)],
        [result("✗ no, not [1, 2].")],
        {**BOTH, "02.mask": "·"},
    ),
    "all lines are shown": (
        ["\n".join(OF_BOTH)],
        [result("✓ yes"), result("✗ no, not [1, 2].")],
        BOTH,
    ),
    "a name that is no exercise keeps its place": (
        ['print(exercises.check(name, f))\nprint(exercises.check("02.mask", f))'],
        [stream("✗ another\n✓ yes (T, T)\n")],
        MASK,
    ),
    "a check that is shown nowhere": (
        ['exercises.check("02.mask", f);'],
        [],
        {"02.mask": "·"},
    ),
    "nothing shown takes no verdict away": (
        ['exercises.check("02.mask", f)', 'v = exercises.check("02.mask", f)'],
        [result("✓ yes (T, T)")],
        MASK,
    ),
    "a magic": (
        ['%%time\n# exercises.check("02.scores", f)\nexercises.check("02.mask", f)'],
        [stream("CPU times: 1 s\n"), result("✓ yes (T, T)")],
        MASK,
    ),
    "a cell that does not parse": (
        ['def f(T:\n    ...\n\nexercises.check("02.mask", f)'],
        [],
        {"02.mask": "·"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_verdict_is_credited_to_its_exercise(way, tmp_path):
    sources, outputs, right = WAYS[way]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    shows = 0 if way.startswith("nothing shown") else -1
    cells[shows].outputs = outputs
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert verdicts(path) == right


def test_without_a_folder_it_is_the_courses_own(capsys, monkeypatch):
    monkeypatch.setattr("minigpt.cli.progress.NOTEBOOKS", NOTEBOOKS)
    main(["progress"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == NOTEBOOKS.name
    assert lines[1].endswith(f" of {len(exercise_names())}")


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_notebooks_is_refused_in_a_line(exists, tmp_path, capsys):
    folder = tmp_path if exists else tmp_path / "missing"
    with pytest.raises(SystemExit) as stopped:
        main(["progress", str(folder)])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folder) in said


def test_nobodys_notebook_is_changed(handed_in):
    before = {path: path.read_bytes() for path in handed_in.rglob("*.ipynb")}
    main(["progress", str(handed_in)])
    assert before == {path: path.read_bytes() for path in handed_in.rglob("*.ipynb")}


def test_the_page_for_teachers_has_the_solutions_of_the_notebooks():
    [found] = SECTION.findall(PAGE.read_text(encoding="utf-8"))
    assert found == section(), "run python tests/write_solutions.py"
    assert found.count("\n### ") + 1 == len(exercise_names())
