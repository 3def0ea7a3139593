"""The course as a site: whole, linked up, and with nothing to fetch."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import notebook_tools as tools
import pytest

from minigpt.course.lessons import read_lessons
from minigpt.course.site import make_site
from minigpt.course.site.glossary import new_terms
from minigpt.course.site.source import source_files, source_page

VOID = {"meta", "link", "img", "input", "br", "hr"}


class Page(HTMLParser):
    """The ids of a page, where its links lead, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "form":
            self.links.append(found["action"])
        elif "href" in found:
            self.loads.append(found["href"])
        if "src" in found:
            self.loads.append(found["src"])
        if tag == "img":
            self.images.append(found)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def site() -> dict[str, bytes]:
    return make_site(tools.NOTEBOOKS)


@pytest.fixture(scope="module")
def pages(site) -> dict[str, Page]:
    # The published page, which contains a whole model, has tests of its own.
    names = [n for n in site if n.endswith(".html") and n != "model.html"]
    return {name: Page(site[name].decode()) for name in names}


def test_every_lesson_module_and_page_is_there(site):
    assert {f"{name}.html" for name in tools.COURSE} <= site.keys()
    assert {source_page(path) for path in source_files()} <= site.keys()
    more = "index", "play", "model", "glossary", "search", "source"
    assert {f"{name}.html" for name in more} <= site.keys()


def test_links_lead_to_pages_and_places_that_exist(site, pages):
    broken, followed = [], 0
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https", link
                continue
            followed += 1
            target = parts.path or name
            known = target in site
            if known and parts.fragment:
                known = parts.fragment in pages[target].ids
            if not known:
                broken.append((name, link))
    assert broken == []
    assert followed > 1000


def test_nothing_is_fetched_from_elsewhere(site, pages):
    loaded = {address for page in pages.values() for address in page.loads}
    assert {address for address in loaded if address not in site} == {"data:,"}
    for name in ("site.css", "search.js"):
        assert not re.search(rb"https?:|url\(|@import|fetch\(", site[name])


def test_every_page_is_well_formed_and_names_are_unique(pages):
    for name, page in pages.items():
        assert page.open == [], name
        assert len(page.ids) == len(set(page.ids)), name


@pytest.mark.parametrize("name", tools.COURSE)
def test_a_lesson_has_all_its_figures_with_words_for_them(site, pages, name):
    stored = [
        output.data["image/png"]
        for cell in tools.cells(name, "code")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    shown = [i for i in pages[f"{name}.html"].images if i["class"] == "figure"]
    assert len(shown) == len(stored)
    assert all(image["alt"] for image in pages[f"{name}.html"].images)
    for image in shown:
        assert site[image["src"]].startswith(b"\x89PNG")


@pytest.mark.parametrize("name", tools.COURSE)
def test_formulas_are_drawn_without_a_script(site, name):
    text = site[f"{name}.html"].decode()
    prose = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", text, flags=re.DOTALL)
    assert "$" not in prose
    formulas = sum(
        len(re.findall(r"\$\$.+?\$\$|(?<!\$)\$[^$\n]+\$", cell.source, re.DOTALL))
        for cell in tools.cells(name, "markdown")
    )
    assert text.count("<math") >= formulas > -1
    assert text.count("<script") == 1  # that folds the list of sections


def test_a_solution_stays_folded(site):
    text = site["02_attention.html"].decode()
    folded = re.findall(r"<details><summary>Solution</summary>", text)
    assert len(folded) == len(tools.exercise_cells("02"))


def test_the_glossary_has_every_new_term_and_what_it_means(pages):
    lessons = read_lessons(tools.NOTEBOOKS)
    for lesson in lessons:
        terms = new_terms(lesson)
        assert len(terms) >= 4, lesson.title
        for term in terms:
            assert (
                len(term.meaning) > 5 and term.name in lesson.notebook.cells[-1].source
            )
            anchor = re.sub(r"\W+", "-", term.name.lower()).strip("-")
            assert anchor in pages["glossary.html"].ids


def test_the_search_has_every_section_of_every_lesson(site, pages):
    text = site["found.js"].decode()
    entries = json.loads(text.removeprefix("const FOUND = ").removesuffix(";\n"))
    assert "</script" not in text
    addresses = {entry["address"] for entry in entries}
    for name in tools.COURSE:
        for cell in tools.cells(name, "markdown"):
            for heading in re.findall(r"^#{1,3} (.+)", cell.source, re.MULTILINE):
                anchor = re.sub(r"\W+", "-", heading.lower()).strip("-")
                assert f"{name}.html#{anchor}" in addresses, heading
    for address in addresses:
        page, _, anchor = address.partition("#")
        assert not anchor or anchor in pages[page].ids, address


def test_a_lesson_links_to_the_modules_that_it_imports(pages):
    links = pages["05_sampling.html"].links
    assert {"source-sampling.py.html", "source-decoding.py.html"} <= set(links)


# The command


def test_the_command_builds_into_a_new_folder_only(minigpt, monkeypatch, tmp_path):
    made = {"index.html": b"<p>", "figures/a.png": b"png"}
    monkeypatch.setattr("minigpt.cli.site.make_site", lambda folder: made)
    result = minigpt("site", tmp_path / "new" / "site")
    assert result.status == 0 and "2 files" in result.out
    assert (tmp_path / "new/site/figures/a.png").read_bytes() == b"png"
    (tmp_path / "new/site/mine.txt").write_text("mine")
    complaint = minigpt("site", tmp_path / "new" / "site").complaint
    assert "is there already: delete it, or name a folder that is new" in complaint
    assert (tmp_path / "new/site/mine.txt").exists()


def test_without_lessons_or_without_nbconvert(minigpt, monkeypatch, tmp_path):
    monkeypatch.setattr("minigpt.cli.site.LESSONS", tmp_path)
    complaint = minigpt("site", tmp_path / "out").complaint
    assert complaint.startswith(f"there are no lessons in {tmp_path}: run this in a ")
    (tmp_path / "00_start.ipynb").write_text("{}")
    assert "this is no notebook" in minigpt("site", tmp_path / "out").complaint

    def missing(folder):
        raise ModuleNotFoundError("No module named 'nbformat'", name="nbformat")

    monkeypatch.setattr("minigpt.cli.doctor.metadata.version", missing_version)
    monkeypatch.setattr("minigpt.cli.site.make_site", missing)
    complaint = minigpt("site", tmp_path / "out").complaint
    assert complaint.startswith("nbformat is not installed: python -m pip install")
    assert not (tmp_path / "out").exists()


def missing_version(name):
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(name)
