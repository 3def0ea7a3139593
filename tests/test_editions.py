"""Each edition of the lessons has what its readers need, and nothing more."""

import re

import nbformat
import notebook_tools as tools
import pytest

from minigpt.course.editions import EDITIONS, FOLDED, as_slides

LESSONS = tools.COURSE + tools.BEYOND
FOLDED_IN_COURSE = {
    name: [m for c in tools.cells(name, "markdown") for m in FOLDED.findall(c.source)]
    for name in LESSONS
}


@pytest.fixture(scope="module")
def editions() -> dict[str, dict[str, bytes]]:
    return {kind: make(tools.NOTEBOOKS) for kind, make in EDITIONS.items()}


def notebook(edition: dict[str, bytes], name: str):
    found = nbformat.reads(edition[f"{name}.ipynb"].decode(), as_version=4)
    nbformat.validate(found)
    return found


def text_of(cells) -> str:
    return "\n\n".join(cell.source for cell in cells)


@pytest.mark.parametrize("name", LESSONS)
def test_learners_get_the_hints_and_no_solution(editions, name):
    cells = notebook(editions["learner"], name).cells
    text = text_of(cells)
    for exercise, code in tools.solutions(name).items():
        assert code.strip() not in text, exercise
    for summary, content in FOLDED_IN_COURSE[name]:
        assert (content in text) == (summary != "Solution")
    assert [c for c in cells if c.cell_type == "code"] == tools.cells(name, "code")


@pytest.mark.parametrize("name", LESSONS)
def test_teachers_get_every_solution_unfolded_and_notes(editions, name):
    cells = notebook(editions["teacher"], name).cells
    ids = [cell.id for cell in cells]
    solutions = tools.solutions(name)
    assert solutions
    for exercise, code in solutions.items():
        stub = tools.exercise_cells(name)[exercise]
        below = cells[ids.index(stub.id) + 1].source
        in_sight = FOLDED.sub("", below)
        assert "**Solution**" in in_sight and code.strip() in in_sight, exercise
    folded = [summary for c in cells for summary, _ in FOLDED.findall(c.source)]
    assert folded and all(summary.startswith("Hint") for summary in folded)
    notes = cells[1].source
    assert notes.startswith("> **For the teacher.** ") and "one idea" in notes
    assert len(notes.split()) > 80 and "\n\n" not in notes
    assert "TEACHING.md" in editions["teacher"]


@pytest.mark.parametrize("kind", ["learner", "teacher"])
def test_pictures_that_a_notebook_shows_come_along(editions, kind):
    for name in tools.COURSE:
        text = text_of(notebook(editions[kind], name).cells)
        assert set(re.findall(r"\]\((panels/[^)]+)\)", text)) <= editions[kind].keys()


@pytest.mark.parametrize("name", tools.COURSE)
def test_slides_show_one_idea_each(editions, name):
    page = editions["slides"][f"{name}.html"].decode()
    slides = re.findall(r"^<section>(.*?)^</section>", page, re.DOTALL | re.MULTILINE)
    cells = as_slides(tools.load(name)).cells
    begun = [c.metadata.slideshow.slide_type in ("slide", "subslide") for c in cells]
    assert len(slides) == sum(begun)
    for slide in slides:
        assert len(re.findall(r"<h[1-3]", slide)) + slide.count('class="figure"') <= 2
        assert slide.count('class="prose"') <= 1
        assert re.search(r'class="(prose|cell)"', slide), "a slide with nothing on it"
    figures = [c for c in tools.cells(name, "code") if tools.has_figure(c)]
    assert page.count('class="figure"') >= len(figures)


@pytest.mark.parametrize("name", tools.COURSE)
def test_slides_fetch_nothing_and_give_nothing_away(editions, name):
    page = editions["slides"][f"{name}.html"].decode()
    sources = re.findall(r'\bsrc="([^"]{1,40})', page)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "<link rel" not in page.replace('<link rel="icon" href="data:,">', "")
    assert "Solution</summary>" not in page and "Hint 1" not in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert "url(" not in style and "@import" not in style


@pytest.mark.parametrize("name", tools.COURSE + tools.BEYOND)
def test_links_between_lessons_lead_to_their_slides(editions, name):
    page = editions["slides"][f"{name.rpartition('/')[2]}.html"].decode()
    links = re.findall(r'\bhref="([^"#:]+\.html)', page)
    assert links and set(links) <= set(editions["slides"])


def test_a_tag_decides_what_a_slide_is():
    changed = nbformat.from_dict(tools.load("02"))
    changed = as_slides(changed)  # a copy
    cell = next(c for c in changed.cells if c.metadata.slideshow.slide_type == "slide")
    cell.metadata.tags = ["skip"]
    found = next(c for c in as_slides(changed).cells if c.id == cell.id)
    assert found.metadata.slideshow.slide_type == "skip"


@pytest.mark.parametrize("kind", EDITIONS)
def test_a_second_run_writes_the_same_bytes(editions, kind):
    assert EDITIONS[kind](tools.NOTEBOOKS) == editions[kind]


def test_the_command(minigpt, tmp_path):
    result = minigpt("edition", "learner", tmp_path / "class")
    assert result.status == 0
    assert (tmp_path / "class" / "00_start_here.ipynb").exists()
    again = minigpt("edition", "teacher", tmp_path / "class").complaint
    assert "is there already" in again
    assert not (tmp_path / "class" / "TEACHING.md").exists()


def test_a_teacher_needs_the_notes(minigpt, monkeypatch, tmp_path):
    monkeypatch.setattr("minigpt.cli.edition.LESSONS", tmp_path)
    complaint = minigpt("edition", "teacher", tmp_path / "out").complaint
    assert complaint == f"there is no TEACHING.md in {tmp_path}"
