"""Hold every notebook to the house style, as far as a machine can see it."""

import ast
import os
import re
from itertools import pairwise
from pathlib import Path

import notebook_tools as tools
import pytest

from minigpt.course.editions import SLIDE_TYPES
from minigpt.course.exercises import exercise_names

LESSONS = tools.existing()
# The trailer (00) and the final notebook (06) are not lessons like the others.
FULL_LESSONS = [name for name in LESSONS if tools.key_of(name) not in ("00", "06")]
MAX_BYTES = 2_000_000
CODE_LINES, CLASS_LINES, IMPORT_LINES = 15, 30, 6
PROSE_WORDS = 85
every_lesson = pytest.mark.parametrize("name", LESSONS)
every_full_lesson = pytest.mark.parametrize("name", FULL_LESSONS)
every_exercise = pytest.mark.parametrize(
    ("name", "exercise"),
    [(name, exercise) for name in LESSONS for exercise in tools.exercise_cells(name)],
)


def words(markdown: str) -> int:
    """Count the words that are read: no code blocks, no formulas, no tags."""
    prose = re.sub(
        r"!\[[^\]]*\]\([^)]*\)|```.*?```|\$\$.*?\$\$|<[^>]+>|\]\([^)]*\)",
        " ",
        markdown,
        flags=re.S,
    )
    return len(re.findall(r"\w+(?:['’-]\w+)*", prose))


def around(name: str) -> list[str]:
    """Return the lessons before and after one; for one beyond the course, its last."""
    if name not in tools.COURSE:
        return tools.COURSE[-1:]
    place = tools.COURSE.index(name)
    return tools.COURSE[max(place - 1, 0) : place] + tools.COURSE[place + 1 :][:1]


def link(name: str, other: str) -> str:
    """Return the address of another lesson, as a link in this one has it."""
    here = tools.path_of(name).parent
    return Path(os.path.relpath(tools.path_of(other), here)).as_posix()


def rejoin(problems: list[str]) -> str:
    return "\n" + "\n".join(problems)


# The notebook as a file


@every_lesson
def test_file_is_small_and_named_as_in_the_course(name):
    assert name in tools.COURSE + tools.BEYOND
    assert tools.path_of(name).stat().st_size < MAX_BYTES


@every_lesson
def test_metadata_is_the_kernel_alone(name):
    metadata = tools.load(name).metadata
    assert set(metadata) == {"kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"
    assert metadata.kernelspec.language == "python"
    for cell in tools.load(name).cells:
        assert set(cell.metadata) <= {"tags"}, cell.id


@every_lesson
def test_cell_ids_are_readable_and_distinct(name):
    ids = [cell.id for cell in tools.load(name).cells]
    assert len(ids) == len(set(ids))
    for cell_id in ids:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cell_id), cell_id
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", cell_id), (
            f"{cell_id} looks random: name the cell after what it does"
        )


# Opening and closing


@every_lesson
def test_opening_asks_a_question_and_says_the_minutes(name):
    opening = tools.load(name).cells[0]
    assert opening.cell_type == "markdown"
    title = opening.source.splitlines()[0]
    assert title.startswith("# ") and title.endswith("?"), title
    assert re.search(r"\d+ minutes", opening.source)


@every_lesson
def test_opening_links_to_the_lessons_around_it(name):
    for other in around(name):
        assert f"]({link(name, other)})" in tools.load(name).cells[0].source


@every_lesson
def test_links_lead_to_lessons_of_the_course(name):
    for cell in tools.cells(name, "markdown"):
        for target in re.findall(r"\]\(([^)#]*\.ipynb)[^)]*\)", cell.source):
            assert target in [link(name, other) for other in LESSONS], target


@every_lesson
def test_closing_says_what_was_built_and_leads_on(name):
    closing = tools.load(name).cells[-1]
    assert closing.cell_type == "markdown"
    assert closing.source.startswith("## What you built")
    built = re.split(r"\n(?=\*\*|##|###)", closing.source)[0]
    lines = [line for line in built.splitlines()[1:] if line.strip()]
    assert 1 <= len(lines) <= 6, "at most five lines and a sentence before them"
    following = [other for other in around(name) if other > name]
    assert all(f"]({link(name, other)})" in closing.source for other in following)


@every_full_lesson
def test_closing_gives_its_sources(name):
    assert "](https://" in tools.load(name).cells[-1].source


@every_lesson
def test_first_code_cell_imports_and_nothing_else(name):
    source = tools.first_code(name)
    assert source.rstrip().endswith("plots.use_house_style()")
    statements = ast.parse(source).body
    assert all(isinstance(s, ast.Import | ast.ImportFrom) for s in statements[:-1])
    assert not tools.lesson_code(name)[0].outputs
    assert sum(bool(line.strip()) for line in source.splitlines()) <= IMPORT_LINES


@every_lesson
def test_second_code_cell_shows_something(name):
    assert tools.lesson_code(name)[1].outputs


# Cells


@every_lesson
def test_code_cells_are_short(name):
    problems = []
    for cell in tools.cells(name, "code"):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        has_class = re.search(r"^class ", cell.source, re.M)
        limit = CLASS_LINES if has_class else CODE_LINES
        if len(lines) > limit:
            problems.append(f"{cell.id}: {len(lines)} lines, limit {limit}")
        problems += [f"{cell.id}: wider than 88: {x}" for x in lines if len(x) > 88]
    assert not problems, rejoin(problems)


@every_lesson
def test_prose_is_short(name):
    problems = []
    for cell in tools.load(name).cells[1:-1]:
        if cell.cell_type != "markdown" or "### Exercise" in cell.source:
            continue
        if "<details>" not in cell.source and words(cell.source) > PROSE_WORDS:
            problems.append(f"{cell.id}: {words(cell.source)} words")
    assert not problems, rejoin(problems)


@every_lesson
def test_prose_stands_before_code(name):
    kinds = "".join(cell.cell_type[0] for cell in tools.load(name).cells)
    assert "ccc" not in kinds, "three code cells in a row: say what they do"


@every_lesson
def test_nothing_comes_from_a_network_or_is_installed(name):
    # The pictures of the panels come with the course.
    images = r"!\[[^\]]*\]\((?!(\.\./)?panels/[\w-]+\.png\))|<img|<script|<iframe"
    network = r"\bpip\b|\burllib\b|\brequests\b|fetch_shakespeare|^\s*[!%]|urlopen"
    for cell in tools.load(name).cells:
        assert not re.search(images, cell.source), cell.id
        if cell.cell_type == "code" and cell.id != tools.INSTALL:
            assert not re.search(network, cell.source, re.M), cell.id


@every_lesson
def test_no_way_of_output_that_nbval_cannot_compare(name):
    for cell in tools.cells(name, "code"):
        found = re.search(
            r"\bclear_output\b|\bwidgets\.Output\b|\binteract\w*\(|NBVAL_|\bexcept:",
            cell.source,
        )
        assert found is None, f"{cell.id}: {found[0]}"


# Outputs


@every_lesson
def test_every_code_cell_was_run_in_order(name):
    counts = [cell.execution_count for cell in tools.cells(name, "code")]
    assert counts == list(range(1, len(counts) + 1))


@every_lesson
def test_no_errors_and_nothing_on_standard_error(name):
    for cell in tools.cells(name, "code"):
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", cell.id


@every_lesson
def test_printed_text_is_stored_in_one_piece(name):
    for cell in tools.cells(name, "code"):
        names = [output.get("name") for output in cell.outputs]
        assert not any(a == b == "stdout" for a, b in pairwise(names)), cell.id


@every_lesson
def test_outputs_hold_no_paths_and_no_addresses(name):
    for cell in tools.cells(name, "code"):
        # A widget's plain text is its repr, with its HTML and thus "/" in it.
        if not tools.has_panel(cell):
            found = re.search(
                r"(?<!\w)/(home|root|tmp|work|usr|Users)/|0x[0-9a-f]{6}|"
                r"[A-Z]:\\",
                tools.texts(cell),
            )
            assert found is None, f"{cell.id}: {found[0]}"


@every_lesson
def test_few_outputs_go_uncompared(name):
    shown = [cell for cell in tools.lesson_code(name) if cell.outputs]
    tags = [set(cell.metadata.get("tags", [])) for cell in tools.lesson_code(name)]
    ignored = "nbval-ignore-output"
    assert set().union(*tags) <= {ignored, *SLIDE_TYPES}, "only these are allowed"
    assert sum(ignored in found for found in tags) <= len(shown) / 10


@every_lesson
def test_figures_are_pictures_with_a_sentence_beside_them(name):
    for cell in tools.cells(name, "code"):
        assert not any("image/svg+xml" in o.get("data", {}) for o in cell.outputs)
        if tools.has_figure(cell):
            assert cell.source.rstrip().endswith("plt.show()"), cell.id
            beside = [c for c in tools.neighbours(name, cell) if c is not None]
            prose = [c.source for c in beside if c.cell_type == "markdown"]
            assert any(words(source) >= 8 for source in prose), cell.id


@every_lesson
def test_a_panel_has_a_picture_before_it_for_those_without_a_kernel(name):
    for cell in filter(tools.has_panel, tools.cells(name, "code")):
        picture = tools.picture_of(name, cell)
        assert f"]({picture})" in tools.neighbours(name, cell)[0].source, picture
        folder = tools.path_of(name).parent
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")


@every_full_lesson
def test_lesson_has_pictures_a_panel_and_guesses(name):
    code = tools.cells(name, "code")
    assert sum(tools.has_figure(cell) for cell in code) >= 6
    assert any(tools.has_panel(cell) for cell in code)
    assert len(tools.guesses(name)) >= 2, 'name them "guess" or "my_guess_..."'


# Exercises


@every_full_lesson
def test_lesson_has_exercises(name):
    assert len(tools.exercise_cells(name)) >= 4


@every_lesson
def test_exercises_are_those_that_have_a_check(name):
    known = [e for e in exercise_names() if e.startswith(tools.key_of(name) + ".")]
    assert list(tools.exercise_cells(name)) == known, "in the same order"


@every_exercise
def test_exercise_states_its_minutes_and_folds_its_hints(name, exercise):
    before, _ = tools.neighbours(name, tools.exercise_cells(name)[exercise])
    assert re.search(r"\d+ minutes?", before.source), exercise
    folded = tools.folded(name, exercise)
    summaries = re.findall(r"<summary>(.*?)</summary>", folded)
    hints = [f"Hint {n}" for n in range(1, len(summaries))]
    assert 1 <= len(hints) <= 3
    assert summaries == [*hints, "Solution"], "hints one at a time, the solution last"
    assert folded.count("<details>") == folded.count("</details>") == len(summaries)
    assert folded.lstrip().startswith("<details>") and "<details open" not in folded
    assert "</details>" not in re.sub(r"\n</details>", "", folded), (
        "a blank line and a line of its own, or what is folded is not rendered"
    )


@every_exercise
def test_exercise_is_left_to_be_solved(name, exercise):
    cell = tools.exercise_cells(name)[exercise]
    assert tools.texts(cell).strip() == "○ not started"
    assert tools.run_stub(name, exercise).text == "○ not started"


@every_exercise
def test_solution_passes(name, exercise):
    assert tools.solutions(name)[exercise].strip()
    verdict = tools.run_solution(name, exercise)
    assert verdict.passed, verdict.text
