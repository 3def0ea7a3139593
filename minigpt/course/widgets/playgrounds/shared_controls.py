"""Choose what all texts of a panel share: model, prompt, length and seed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from ipywidgets import HTML, BoundedIntText, IntSlider, Layout, Textarea, Widget

from minigpt.course.widgets.base import PROMPTS, button, control, encode_text
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer

LONGEST_PROMPT = 5000  # tokens
SHORTEST, DEFAULT, LONGEST = 10, 200, 1000  # tokens
LARGEST_SEED = 2**31 - 1


class Source(Protocol):
    """Where a panel takes the model for each text from.

    A checkpoint is one. A training panel also has `newest`, the latest model with its
    tokenizer, `about`, a description of that model, and `opening`, how its text begins.
    """

    @property
    def model(self) -> GPT: ...

    @property
    def tokenizer(self) -> Tokenizer: ...


@dataclass(frozen=True)
class Request:
    """What to write; the settings of the sampling are the writer's."""

    model: GPT
    tokenizer: Tokenizer
    prompt: list[int]
    length: int
    seed: int


def setting(kind: type[Widget], label: str, **traits: Any) -> Any:
    """Return a control narrow enough for two to stand side by side."""
    traits.setdefault("layout", Layout(width="29em", max_width="100%"))
    made = control(kind, label, **traits)
    made.style.description_width = "9em"
    return made


class SharedControls:
    """The controls that all texts of a panel share, and the request they make."""

    def __init__(self, source: Source) -> None:
        self.source = source
        wide = Layout(width="59em", max_width="100%", height="4.2em")
        start = getattr(source, "opening", "") or default_prompt(source.tokenizer)
        self.prompt = setting(Textarea, "prompt", value=start, layout=wide)
        self.length = setting(
            IntSlider, "length", value=DEFAULT, min=SHORTEST, max=LONGEST, step=10
        )
        self.seed = setting(BoundedIntText, "seed", max=LARGEST_SEED)
        self.button = button("Write", "Write a text with the newest model", "primary")
        self.other = button("Another seed", "Write another text with these settings")
        self.other.on_click(lambda _: self._next_seed())
        self.about = HTML()

    def observe(self, restart: Callable[[], None]) -> None:
        """Call `restart` whenever a control asks for another text."""
        for widget in (self.prompt, self.length, self.seed):
            widget.observe(lambda _: restart(), names="value")
        self.button.on_click(lambda _: restart())

    def request(self) -> Request:
        """Return what the controls ask for; ValueError if the prompt is unusable."""
        newest: Source = getattr(self.source, "newest", self.source)
        tokenizer = newest.tokenizer
        ids = encode_text(tokenizer, self.prompt.value, LONGEST_PROMPT, "prompt")
        about = getattr(self.source, "about", "")
        self.about.value = f"Written by {about}." if about else ""
        length, seed = self.length.value, self.seed.value
        return Request(newest.model, tokenizer, ids, length, seed)

    def _next_seed(self) -> None:
        self.seed.value = (self.seed.value + 1) % (LARGEST_SEED + 1)


def default_prompt(tokenizer: Tokenizer) -> str:
    """Return a prompt that the tokenizer can encode."""
    for prompt in PROMPTS.values():
        with suppress(ValueError):
            tokenizer.encode(prompt)
            return prompt
    return tokenizer.decode([0])
