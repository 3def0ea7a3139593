"""Show a text and what is behind its tokens, with the view of a published page."""

from typing import Any

import anywidget
from traitlets import Bool, Dict, List

from minigpt.publish import join_modules, read_styles
from minigpt.tokenizer import Tokenizer
from minigpt.tokenizer.base import UNREADABLE


class TextView(anywidget.AnyWidget):
    """The view: JavaScript shows what the traits hold, and says what is wanted.

    Attributes:
        text: its number (`turn`), its `pieces`, each a [text, place of its first token,
            kind], and whether it is `complete` and `branched`.
        asked: the `turn` and `place` that are to be explained, in so many `rows`.
        explanation: the answer, with that turn and place.
        tinted: whether the tokens are to be tinted by how unsure the model was.
        unsure: the entropy of the choice at each place in nats, or [].
    """

    _esm = join_modules("notebook")
    _css = read_styles("notebook")
    text = Dict().tag(sync=True)
    asked = Dict().tag(sync=True)
    explanation = Dict().tag(sync=True)
    tinted = Bool(False).tag(sync=True)
    unsure: "List[Any]" = List().tag(sync=True)  # in quotes for Colab's traitlets 5.7


class Pieces:
    """A growing text in pieces, each as soon as it is certain.

    A byte-pair token may end in the middle of a character. It is then a part of the
    piece that completes the character.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.found: list[tuple[str, int]] = []  # text, and place of its first token
        self._waiting: list[int] = []
        self._shown = self._count = self._first = 0

    def extend(self, ids: list[int], complete: bool) -> None:
        """Add what is new in the text, all of which is given."""
        for i in ids[self._count :]:
            if not self._waiting:
                self._first = self._count
            self._waiting.append(i)
            self._count += 1
            text = self.tokenizer.decode(self._waiting)
            self._add(text, len(text.removesuffix(UNREADABLE)))
        if complete and self._waiting:
            text = self.tokenizer.decode(self._waiting)
            self._add(text, len(text))

    def _add(self, text: str, certain: int) -> None:
        piece, self._shown = text[self._shown : certain], certain
        if piece:
            self.found.append((piece, self._first))
        if certain == len(text):
            self._waiting, self._shown = [], 0
        elif piece:
            self._first = self._count - 1  # the token that was begun

    def without_first_line_break(self) -> list[tuple[str, int]]:
        """Return the pieces; what a tale begins with joins its first word."""
        if self.tokenizer.end and len(self.found) > 1 and self.found[0][0] == "\n":
            return [(self.found[1][0], 0), *self.found[2:]]
        return self.found
