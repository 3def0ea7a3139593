"""Publish a model as one page that lets it write in any browser, without a server.

The page is put together from `minigpt/web`, where the GPT is written a third time, now
in small JavaScript modules that a browser could also load one by one. To join them, it
is enough to leave out their imports and exports.
"""

import base64
import html
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from minigpt.atomic import write_whole
from minigpt.checkpoint import Checkpoint
from minigpt.decoding import unsupported_reason
from minigpt.paths import PACKAGE
from minigpt.tokenizer import Tokenizer, WordTokenizer

WEB = PACKAGE / "web"
# Of a page, and of the view in a notebook. Each module imports only from those before
# it; `join_modules` makes sure of that.
MODULES = {
    "page": (
        "arithmetic", "model", "weights", "sampling", "writer", "visible", "tokenizer",
        "labels", "view", "app",
    ),
    "notebook": ("visible", "labels", "view", "notebook"),
}  # fmt: skip
STYLES = {"page": ("page", "view"), "notebook": ("view", "notebook")}
IMPORT = re.compile(r"^import \{[^}]*\} from \"\./(\w+)\.js\";\n", re.MULTILINE)
GENERATOR = b'name="generator" content="minigpt publish"'
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
# Beginnings to offer; the one that takes the fewest tokens is likely in its language.
BEGINNINGS = "The fox and the", "Once upon a time", "Лиса и", "Жили-были"


def make_page(
    checkpoint: Checkpoint,
    *,
    title: str | None = None,
    about: str | None = None,
    prompt: str | None = None,
    loss: float | None = None,
    tales: bool = False,
) -> str:
    """Return a page, in HTML, in which the model writes.

    Args:
        title: the heading; None for "A small GPT" in the reader's language.
        about: a sentence about the text that the model has learned, or None.
        prompt: the beginning that the page opens with; None chooses a usual one.
        loss: in nats per token; None takes the last one of the model's training, if
            the checkpoint has it.
        tales: whether the text was the tales of the course.

    Raises:
        ValueError: the page could not run the model: it has other layers than a GPT, or
            weights that are too large for 16 bits, or cannot read the prompt.
    """
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    if reason := unsupported_reason(model):
        raise ValueError(f"this model cannot be published: {reason}")
    weights = {k: w.detach().cpu().numpy() for k, w in model.state_dict().items()}
    if loss is None and checkpoint.training and checkpoint.training.val_losses:
        loss = checkpoint.training.val_losses[-1][1]
    content = {
        "title": title,
        "about": about,
        "tales": tales,
        "loss": loss,
        "prompt": _checked(prompt, tokenizer),
        "parameters": model.num_parameters(),
        "config": asdict(model.config),
        "tokenizer": tokenizer.to_dict(),
        "shapes": [[name, list(w.shape)] for name, w in weights.items()],
    }
    parts = {
        "title": html.escape(title or "A small GPT"),
        "style": read_styles("page"),
        "script": join_modules("page"),
        "content": _as_json(content),
        "weights": encode_weights(weights),
    }
    # In one pass: a title may contain what looks like another part's place.
    return re.sub(r"@@(\w+)@@", lambda place: parts[place[1]], _read("page.html"))


def write_page(page: str, path: str | Path) -> int:
    """Write a page whole or not at all, and return its size in bytes.

    An older page is replaced, but no other file.

    Raises:
        ValueError: the name does not end in .html, or belongs to another file.
        OSError: the page cannot be written; an older one is left as it was.
    """
    check_name(Path(path))
    content = page.encode("utf-8")
    write_whole(path, lambda file: file.write(content))
    return len(content)


def check_name(path: Path) -> None:
    """Raise ValueError if no page may be written there."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the name of the page must end in .html, not {path.name!r}")
    if path.is_file() and GENERATOR not in path.read_bytes()[:4000]:
        raise ValueError(
            f"{path} is not a page that minigpt has written: choose another name, or "
            "remove it first"
        )


def join_modules(home: str) -> str:
    """Return all modules of a page, or of the view in a notebook, as one module.

    Imports and exports are left out, but for a default export.
    """
    joined: list[str] = []
    for number, name in enumerate(MODULES[home]):
        source = _read(f"{name}.js")
        assert set(IMPORT.findall(source)) <= set(MODULES[home][:number]), name
        source = EXPORT.sub("", IMPORT.sub("", source))
        joined.append(f"// {name}.js\n\n{source.strip()}\n")
    return "\n".join(joined)


def read_styles(home: str) -> str:
    """Return the style sheets of a page, or of the view in a notebook, as one."""
    return "\n".join(_read(f"{name}.css") for name in STYLES[home])


def encode_weights(weights: dict[str, np.ndarray]) -> str:
    """Return the numbers of all arrays as 16-bit floats, little-endian, in base64.

    Raises:
        ValueError: a number is too large for 16 bits, or is none.
    """
    with np.errstate(over="ignore"):
        halves = np.concatenate([w.ravel() for w in weights.values()]).astype("<f2")
    if not np.isfinite(halves).all():
        raise ValueError(
            "this model cannot be published: some of its weights do not fit into 16 "
            "bits; train it with a smaller learning rate"
        )
    return base64.b64encode(halves.tobytes()).decode("ascii")


def _checked(prompt: str | None, tokenizer: Tokenizer) -> str:
    """Return a prompt that the tokenizer can read, or raise ValueError."""
    if prompt is not None:
        if not tokenizer.encode(prompt):
            raise ValueError("the prompt is empty: give at least one character")
        return prompt
    costs = {text: _tokens_per_character(text, tokenizer) for text in BEGINNINGS}
    best = min(costs, key=costs.__getitem__)
    if costs[best] < np.inf:
        return best
    # The tokenizer has another alphabet: begin with the first of its letters or words.
    words = (tokenizer.decode([i]) for i in range(tokenizer.vocab_size))
    return next((w for w in words if w.isalpha()), tokenizer.decode([0]))


def _tokens_per_character(text: str, tokenizer: Tokenizer) -> float:
    if isinstance(tokenizer, WordTokenizer) and tokenizer.unknown_words(text):
        return np.inf
    try:
        return len(tokenizer.encode(text)) / len(text)
    except ValueError:
        return np.inf


def _as_json(content: dict[str, Any]) -> str:
    # In a script element, "</script>" inside a string would end the element.
    return json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")


def _read(name: str) -> str:
    return Path(WEB / name).read_text(encoding="utf-8")
