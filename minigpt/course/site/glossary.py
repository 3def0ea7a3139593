"""Make a glossary of the new terms that the lessons list at their ends."""

import re
from dataclasses import dataclass

from minigpt.course.lessons import Lesson, headings, slug

NEW_TERMS = re.compile(r"^\*\*New terms\.\*\* (.+)$", re.MULTILINE)
EMPHASISED = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")
SENTENCE = re.compile(r"(?<=\.)\s+(?=[*A-Z])")


@dataclass(frozen=True)
class Term:
    """A term, what a lesson says that it means, and the section that introduces it."""

    name: str
    meaning: str
    lesson: Lesson
    section: str


def new_terms(lesson: Lesson) -> list[Term]:
    """Return the terms that a lesson lists, in italics, with their meanings.

    A meaning stands after the colon, as in "*Byte*: a number from 0 to 255.", or it is
    the whole sentence, as in "The *temperature* sets how daring the choice is."
    """
    listed = NEW_TERMS.search(lesson.notebook.cells[-1].source)
    terms = []
    for sentence in SENTENCE.split(listed[1]) if listed else []:
        before, colon, after = sentence.partition(": ")
        meaning = after[:1].upper() + after[1:] if colon else sentence
        for name in EMPHASISED.findall(before):
            terms.append(Term(name, meaning, lesson, _introduced(name, lesson)))
    return terms


def _introduced(name: str, lesson: Lesson) -> str:
    """Return the anchor of the first section that has the term in bold, or the last."""
    bold = re.compile(rf"\*\*[^*]*\b{re.escape(name)}", re.IGNORECASE)
    section = ""
    for cell in lesson.notebook.cells:
        if cell.cell_type == "markdown":
            for _, text in headings(cell.source):
                section = slug(text)
            if bold.search(cell.source):
                break
    return section
