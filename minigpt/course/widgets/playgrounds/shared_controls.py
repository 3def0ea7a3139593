"""Hold what all texts of a panel share: the model, the prompt, the length, the seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ipywidgets import HTML, BoundedIntText, Button, IntSlider, Layout, Textarea, Widget

from minigpt.checkpoint import Checkpoint
from minigpt.course.widgets.base import control
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer

LONGEST_PROMPT = 5000  # characters
SHORTEST, USUAL, LONGEST = 10, 200, 1000  # tokens
LARGEST_SEED = 2**31 - 1
PROMPTS = ("THE FOX", "ЛИСА", "ROMEO:")


class Source(Protocol):
    """Where a panel takes its model from, anew for each text.

    A checkpoint will do. A training panel also has `newest`, the model and tokenizer
    that belong together, and `about`, which model that is in words.
    """

    @property
    def model(self) -> GPT: ...

    @property
    def tokenizer(self) -> Tokenizer: ...


@dataclass(frozen=True)
class Request:
    """What to write, whatever the settings of the sampling."""

    model: GPT
    tokenizer: Tokenizer
    prompt: list[int]
    length: int
    seed: int


def setting(kind: type[Widget], label: str, **traits: Any) -> Any:
    """Return a control narrow enough for two to stand side by side."""
    # A layout of its own: one that is shared changes all who share it.
    own = {"layout": Layout(width="29em", max_width="100%")}
    made = control(kind, label, **(own | traits))
    made.style.description_width = "7em"
    return made


class SharedControls:
    """The shared controls, and the request that they make together."""

    def __init__(self, source: Source) -> None:
        self.source = source
        wide = Layout(width="59em", max_width="100%", height="4.2em")
        start = usual_prompt(source.tokenizer)
        self.prompt = setting(Textarea, "prompt", value=start, layout=wide)
        self.length = setting(
            IntSlider, "length", value=USUAL, min=SHORTEST, max=LONGEST, step=10
        )
        self.seed = setting(BoundedIntText, "seed", max=LARGEST_SEED)
        self.button = Button(
            description="Write", tooltip="with the newest model", button_style="primary"
        )
        self.other = Button(description="Another seed", tooltip="another text")
        self.other.on_click(lambda _: self._next_seed())
        self.about = HTML()

    def observe(self, restart: Callable[[], None]) -> None:
        """Call `restart` whenever another text is wanted."""
        for widget in (self.prompt, self.length, self.seed):
            widget.observe(lambda _: restart(), names="value")
        self.button.on_click(lambda _: restart())

    def request(self) -> Request:
        """Return what is wanted now, with the newest model.

        Raises:
            ValueError: the prompt is empty, too long, or has an unknown character.
        """
        newest: Source | Checkpoint = getattr(self.source, "newest", self.source)
        text = self.prompt.value
        if not text:
            raise ValueError("the prompt is empty: the model needs a start")
        if len(text) > LONGEST_PROMPT:
            raise ValueError(
                f"the prompt has {len(text):,} characters: {LONGEST_PROMPT:,} fit here"
            )
        ids = newest.tokenizer.encode(text)
        about = getattr(self.source, "about", "")
        self.about.value = f"Written by {about}." if about else ""
        return Request(
            newest.model, newest.tokenizer, ids, self.length.value, self.seed.value
        )

    def _next_seed(self) -> None:
        self.seed.value = (self.seed.value + 1) % (LARGEST_SEED + 1)


def usual_prompt(tokenizer: Tokenizer) -> str:
    """Return a prompt that the tokenizer knows."""
    for prompt in PROMPTS:
        try:
            tokenizer.encode(prompt)
        except ValueError:
            continue
        return prompt
    return tokenizer.decode([0])
