"""Show how a tokenizer cuts a text."""

import html
from collections.abc import Mapping, Sequence

from ipywidgets import HTML, Dropdown, Textarea, VBox

from minigpt.course.widgets.base import connect, control, panel
from minigpt.tokenizer import Tokenizer, visible
from minigpt.tokenizer.word import UNKNOWN

MAX_CHARACTERS = 20_000
MAX_SHOWN = 400
# See-through, so that the theme's own text colour reads on them in light and dark.
_TINTS = [f"rgba({rgb}, 0.22)" for rgb in (
    "0, 114, 178", "213, 94, 0", "0, 158, 115", "204, 121, 167"
)]  # fmt: skip
_BOX = (
    "display: inline-block; margin: 1px; padding: 2px 4px; border-radius: 4px; "
    "text-align: center; line-height: 1.25; vertical-align: top; "
    "font-family: var(--jp-code-font-family, monospace); background: {tint}"
)
_NUMBER = "font-size: 75%; color: var(--jp-ui-font-color2, #666)"


def token_explorer(
    tokenizers: Mapping[str, Tokenizer], text: str = "The crow saw a fox.\n"
) -> VBox:
    """Return a panel that cuts what is typed into tokens and shows their ids.

    Args:
        tokenizers: those to choose from, each under the name to show.
        text: what stands there at first.

    Raises:
        ValueError: there is no tokenizer.
    """
    if not tokenizers:
        raise ValueError("give at least one tokenizer to choose from")
    write = control(Textarea, "text", value=text, rows=3)
    choose = control(Dropdown, "tokenizer", options=list(tokenizers))
    problem, view = HTML(), HTML()

    def redraw() -> None:
        # A view of another text than the one in the box would mislead.
        view.value = ""
        _check_length(write.value)
        tokenizer = tokenizers[choose.value]
        ids = tokenizer.encode(write.value)
        view.value = token_html(tokenizer, ids, len(write.value))

    connect(redraw, [write, choose], problem)
    return panel([write, choose], problem, view)


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"the text has {len(text):,} characters: "
            f"this panel shows texts of up to {MAX_CHARACTERS:,}"
        )


def token_html(tokenizer: Tokenizer, ids: Sequence[int], n_characters: int) -> str:
    """Return the tokens as coloured boxes above their ids, and how many there are."""
    tokens = tokenizer.tokens
    boxes = "".join(
        f'<span style="{_BOX.format(tint=_TINTS[n % len(_TINTS)])}">'
        f'{html.escape(visible(tokens[i]))}<br><span style="{_NUMBER}">{i}'
        "</span></span>"
        for n, i in enumerate(ids[:MAX_SHOWN])
    )
    more = len(ids) - MAX_SHOWN
    rest = f"<div>… and {more:,} more tokens</div>" if more > 0 else ""
    summary = f"<b>{_count(ids, n_characters)}</b>{_unknown(tokens, ids)}"
    return f'<div style="padding: 0.3em 0">{summary}</div><div>{boxes}</div>{rest}'


def _count(ids: Sequence[int], n_characters: int) -> str:
    if not ids:
        return "0 tokens: type some text"
    tokens = "1 token" if len(ids) == 1 else f"{len(ids):,} tokens"
    characters = "1 character" if n_characters == 1 else f"{n_characters:,} characters"
    each = f"{n_characters / len(ids):.2f} characters per token"
    return f"{tokens} for {characters}: {each}"


def _unknown(tokens: Sequence[str], ids: Sequence[int]) -> str:
    times = sum(tokens[i] == UNKNOWN for i in ids)
    if not times:
        return ""
    what = "one word is" if times == 1 else f"{times:,} words are"
    return (
        '<div style="color: var(--jp-error-color1, #b00020)">'
        f"{what} not in the vocabulary and became &lt;unk&gt;: lost for ever</div>"
    )
