"""Build the course as a static site: pages that need neither a server nor a network."""

import json
from functools import partial
from html import escape
from pathlib import Path
from posixpath import normpath
from typing import Any

from bs4 import BeautifulSoup

from minigpt.checkpoint import load_checkpoint
from minigpt.course.lessons import Lesson, headings, panel_pictures, read_lessons, slug
from minigpt.course.site.convert import (
    PAGES,
    lesson_to_html,
    plain,
    read_template,
    render_markdown,
)
from minigpt.course.site.glossary import Term, new_terms
from minigpt.course.site.source import (
    modules_of,
    source_files,
    source_html,
    source_page,
    styles,
    summary,
)
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.publish import make_page

INTRODUCTION = """# minigpt

A course that takes somebody who knows Python from raw text to a GPT that they trained
themselves, on a laptop and in a few minutes. These pages are for reading. To run the
lessons, change them and solve their exercises, open the notebooks in Jupyter.

Curious where it leads? [Let the model write](play.html), here in your browser.
"""


def make_site(folder: Path) -> dict[str, bytes]:
    """Return the files of the site, by their names, made from a folder of notebooks.

    Raises:
        ValueError: there are no lessons in the folder, or one is no notebook.
    """
    lessons = read_lessons(folder)
    builder = _Builder(lessons)
    files = {
        f"panels/{path.name}": path.read_bytes() for path in panel_pictures(folder)
    }
    for lesson in lessons:
        files |= builder.lesson(lesson)
    files |= builder.glossary(
        [term for lesson in lessons for term in new_terms(lesson)]
    )
    files |= builder.source()
    files |= builder.playground()
    files |= builder.home()
    files |= builder.search()  # last: it has read all the others
    files["site.css"] = (read_template("site.css") + styles()).encode()
    return files


class _Builder:
    """Put bodies into pages, and note what the search has to find."""

    def __init__(self, lessons: list[Lesson]) -> None:
        self.lessons = lessons
        self.found: list[dict[str, str]] = []
        self.template = PAGES.get_template("page.html.j2")

    def page(self, name: str, title: str, body: str, **more: Any) -> dict[str, bytes]:
        """Return a page around a body."""
        text = self.template.render(page=name, title=title, body=body, **more)
        return {name: f"{text}\n".encode()}

    def lesson(self, lesson: Lesson) -> dict[str, bytes]:
        """Return the page of a lesson, and its figures."""
        folder = f"figures/{lesson.path.stem}"
        address = partial(_address, lesson)
        body, files = lesson_to_html(lesson.notebook, address, folder)
        name, place = _page_of(lesson), self.lessons.index(lesson)
        around = [
            None,
            *((_page_of(other), other.title) for other in self.lessons),
            None,
        ]
        sections = [
            (slug(text), plain(text))
            for cell in lesson.notebook.cells
            if cell.cell_type == "markdown"
            for level, text in headings(cell.source)
            if level == 2
        ]
        self._note(name, lesson.title, body)
        files |= self.page(
            name, lesson.title, body + _uses(lesson), kind="lesson", sections=sections,
            before=around[place], after=around[place + 2],
        )  # fmt: skip
        return files

    def glossary(self, terms: list[Term]) -> dict[str, bytes]:
        """Return the page of all terms, in alphabetical order."""
        parts = ["<h1>Glossary</h1>", "<p>The new terms of the lessons.</p>", "<dl>"]
        named: dict[str, list[Term]] = {}
        for term in terms:
            named.setdefault(slug(term.name), []).append(term)
        for anchor, same in sorted(named.items()):
            name = render_markdown(same[0].name[:1].upper() + same[0].name[1:])
            name = name.removeprefix("<p>").removesuffix("</p>\n")
            parts.append(f'<dt id="{anchor}">{name}</dt>')
            for term in same:
                address = partial(_address, term.lesson)
                meaning = render_markdown(term.meaning, address).strip()
                where = f"{_page_of(term.lesson)}#{term.section}"
                link = f' <a class="where" href="{where}">{term.lesson.number}</a>'
                parts.append(f"<dd>{meaning.removesuffix('</p>')}{link}</p></dd>")
            text = " ".join(term.meaning for term in same)
            self._found(f"glossary.html#{anchor}", same[0].name, "Glossary", text)
        body = "\n".join([*parts, "</dl>"])
        return self.page("glossary.html", "Glossary", body)

    def source(self) -> dict[str, bytes]:
        """Return a page for each module, and the list of them."""
        files: dict[str, bytes] = {}
        rows = []
        for path in source_files():
            name, shown = source_page(path), f"minigpt/{path.as_posix()}"
            body = f"<h1><code>{shown}</code></h1>\n{source_html(path)}"
            files |= self.page(name, shown, body, kind="source")
            about = summary(path)
            rows.append(f'<dt><a href="{name}">{shown}</a></dt><dd>{about}</dd>')
            self._found(name, shown, "Source", about)
        body = "<h1>Source</h1>\n<dl>\n" + "\n".join(rows) + "\n</dl>"
        return files | self.page("source.html", "Source", body)

    def playground(self) -> dict[str, bytes]:
        """Return the page in which the model that comes with the course writes."""
        page = make_page(load_checkpoint(SHIPPED_CHECKPOINT), tales=True)
        body = (
            '<p><a href="model.html">The same on a page of its own</a>, which you can '
            "also save and take along.</p>\n"
            '<iframe src="model.html" title="The model writes"></iframe>'
        )
        self._found("play.html", "Playground", "Playground", "let the model write")
        own = self.page("play.html", "Playground", body, kind="play")
        return own | {"model.html": page.encode()}

    def home(self) -> dict[str, bytes]:
        """Return the first page, which lists the lessons."""
        rows = []
        for lesson in self.lessons:
            link = (
                f'<a href="{_page_of(lesson)}">{escape(lesson.title, quote=False)}</a>'
            )
            time = f" <small>{lesson.minutes} minutes</small>" if lesson.minutes else ""
            rows.append(f"<li><b>{lesson.number}</b> {link}{time}</li>")
        lessons = '<ul class="lessons">\n' + "\n".join(rows) + "\n</ul>"
        body = render_markdown(INTRODUCTION) + lessons
        return self.page("index.html", "minigpt", body)

    def search(self) -> dict[str, bytes]:
        """Return the page that searches all others, and what it searches in."""
        body = (
            '<h1>Search</h1>\n<p id="count" role="status"></p>\n<ol id="results"></ol>'
        )
        scripts = "found.js", "search.js"
        entries = json.dumps(self.found, ensure_ascii=False, indent=0)
        files = {"found.js": f"const FOUND = {entries};\n".encode()}
        files["search.js"] = read_template("search.js").encode()
        return files | self.page("search.html", "Search", body, scripts=scripts)

    def _note(self, page: str, title: str, body: str) -> None:
        """Note each section of a lesson for the search."""
        anchor, heading = "", title
        words: list[str] = []
        for element in BeautifulSoup(body, "html.parser").find_all(recursive=False):
            for part in element.find_all(["h1", "h2", "h3"]):
                self._found(f"{page}#{anchor}", heading, title, " ".join(words))
                anchor, heading, words = str(part["id"]), part.get_text(), []
            words.append(element.get_text())
        self._found(f"{page}#{anchor}", heading, title, " ".join(words))

    def _found(self, address: str, heading: str, page: str, text: str) -> None:
        if text:
            entry = {"address": address, "heading": heading, "page": page}
            self.found.append(entry | {"text": " ".join(text.split())})


def _page_of(lesson: Lesson) -> str:
    return _page_at(lesson.place)


def _page_at(place: Path) -> str:
    """Return the page of the notebook at a place below the folder of the lessons."""
    return "-".join(place.with_suffix(".html").parts)


def _address(lesson: Lesson, link: str) -> str:
    """Return where a link in a lesson leads on its page."""
    target, mark, anchor = link.partition("#")
    if target and "://" not in target:
        target = normpath(lesson.place.parent.as_posix() + "/" + target)
    if target.endswith(".ipynb"):
        target = _page_at(Path(target))
    return target + mark + anchor


def _uses(lesson: Lesson) -> str:
    """Return links to the modules that a lesson imports."""
    links = [
        f'<a href="{source_page(path)}"><code>{path.as_posix()}</code></a>'
        for path in modules_of(lesson.notebook)
    ]
    return f'<p class="uses">From the package: {", ".join(links)}</p>' if links else ""
