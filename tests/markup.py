"""Read the HTML of panels."""

import re
from html.parser import HTMLParser

WITHOUT_END = {"br", "wbr"}


class Balanced(HTMLParser):
    """Fails on a tag that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def plain(markup: str, gap: str = "") -> str:
    """The text of some HTML, whose tags must all be closed; `gap` stands for a tag."""
    parser = Balanced()
    parser.feed(markup)
    assert not parser.open
    return re.sub(r"<[^>]+>", gap, markup)
