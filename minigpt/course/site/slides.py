"""Put the slides of a lesson on a page that needs nothing but itself."""

from nbformat import NotebookNode

from minigpt.course.lessons import Lesson
from minigpt.course.site.convert import (
    PAGES,
    as_address,
    lesson_to_slides,
    read_template,
)
from minigpt.course.site.source import styles


def slides_page(lesson: Lesson, notebook: NotebookNode) -> bytes:
    """Return the page; `notebook` is the lesson's, its cells marked as slides."""

    def address(link: str) -> str:
        target = lesson.path.parent / link
        if link.endswith(".png") and target.is_file():
            return as_address(target.read_bytes())
        if "://" in link or ".ipynb" not in link:
            return link
        # All slides are in one folder, those of the lessons beyond the course, too.
        return link.rpartition("/")[2].replace(".ipynb", ".html")

    page = PAGES.get_template("slides.html.j2").render(
        title=lesson.title,
        style=read_template("site.css") + styles() + read_template("slides.css"),
        script=read_template("slides.js"),
        body=lesson_to_slides(notebook, address),
    )
    return f"{page}\n".encode()
