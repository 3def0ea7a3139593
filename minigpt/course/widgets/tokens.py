"""Show how a tokenizer cuts a text into tokens."""

import html
from collections.abc import Mapping, Sequence

from ipywidgets import HTML, Dropdown, Textarea, VBox

from minigpt.course.colours import ERROR, FAINT
from minigpt.course.widgets.base import connect, control, panel
from minigpt.course.widgets.markup import CODE_FONT, tag
from minigpt.tokenizer import Tokenizer, visible
from minigpt.tokenizer.word import UNKNOWN

MAX_CHARACTERS = 20_000
MAX_SHOWN = 400
# See-through, so that the theme's own text colour reads on them in light and dark.
# Tokens that are equal have the same one.
_TINTS = [f"rgba({rgb}, 0.22)" for rgb in (
    "0, 114, 178", "213, 94, 0", "0, 158, 115", "204, 121, 167",
    "240, 228, 66", "120, 110, 200", "128, 128, 128",
)]  # fmt: skip
_BOX = (
    "display: inline-block; margin: 1px; padding: 2px 4px; border-radius: 4px; "
    "text-align: center; line-height: 1.25; vertical-align: top; "
    f"font-family: {CODE_FONT}; background: "
)


def token_explorer(
    tokenizers: Mapping[str, Tokenizer], text: str = "The crow saw a fox.\n"
) -> VBox:
    """Return a panel that cuts typed text into tokens and shows their ids.

    Args:
        tokenizers: those to choose from, by the names to show.
        text: the text at the start.

    Raises:
        ValueError: `tokenizers` is empty.
    """
    if not tokenizers:
        raise ValueError("there is no tokenizer to choose from: give at least one")
    write = control(Textarea, "text", value=text, rows=3)
    choose = control(Dropdown, "tokenizer", options=list(tokenizers))
    problem, view = HTML(), HTML()

    def redraw() -> None:
        # A view of a text that is not in the box would mislead.
        view.value = ""
        if (length := len(write.value)) > MAX_CHARACTERS:
            raise ValueError(
                f"the text has {length:,} characters, but this panel shows at most "
                f"{MAX_CHARACTERS:,}: use a shorter text"
            )
        tokenizer = tokenizers[choose.value]
        view.value = token_html(tokenizer, tokenizer.encode(write.value), length)

    connect(redraw, [write, choose], problem)
    return panel([write, choose], problem, view)


def token_html(tokenizer: Tokenizer, ids: Sequence[int], n_characters: int) -> str:
    """Return the tokens as coloured boxes above their ids, and how many there are."""
    tokens = tokenizer.tokens
    number = f"font-size: 75%; color: {FAINT}"
    boxes = []
    places = {i: n for n, i in enumerate(dict.fromkeys(ids[:MAX_SHOWN]))}
    for i in ids[:MAX_SHOWN]:
        token = html.escape(visible(tokens[i]))
        look = _BOX + _TINTS[places[i] % len(_TINTS)]
        boxes.append(
            tag("span", token, "<br>", tag("span", str(i), style=number), style=look)
        )
    more = len(ids) - MAX_SHOWN
    rest = tag("div", f"… and {more:,} more tokens") if more > 0 else ""
    summary = f"<b>{_count(ids, n_characters)}</b>{_unknown(tokens, ids)}"
    return tag("div", summary, style="padding: 0.3em 0") + tag("div", *boxes) + rest


def _count(ids: Sequence[int], n_characters: int) -> str:
    if not ids:
        return "0 tokens: type some text"
    tokens = f"{len(ids):,} token{'s' * (len(ids) > 1)}"
    characters = f"{n_characters:,} character{'s' * (n_characters > 1)}"
    each = f"{n_characters / len(ids):.2f} characters per token"
    return f"{tokens} for {characters}: {each}"


def _unknown(tokens: Sequence[str], ids: Sequence[int]) -> str:
    times = sum(tokens[i] == UNKNOWN for i in ids)
    if not times:
        return ""
    what = "one word is" if times == 1 else f"{times:,} words are"
    told = f"{what} not in the vocabulary: replaced by &lt;unk&gt; and lost"
    return tag("div", told, style=f"color: {ERROR}")
