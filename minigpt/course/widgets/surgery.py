"""Let a model write with one head silenced, or pushed along a direction."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from ipywidgets import (
    HTML,
    BoundedIntText,
    Checkbox,
    Dropdown,
    FloatSlider,
    HBox,
    IntSlider,
    Layout,
    Text,
    ToggleButtons,
    VBox,
)
from torch import Tensor

from minigpt.course.widgets.base import button, control, encode_text, inference
from minigpt.course.widgets.playgrounds.panel import WRAP, column
from minigpt.course.widgets.playgrounds.shared_controls import (
    LARGEST_SEED,
    LONGEST_PROMPT,
    Request,
    default_prompt,
)
from minigpt.course.widgets.playgrounds.writer import Writer
from minigpt.decoding import generate
from minigpt.inspection import Edit, edited, fold_head, fold_vector, residual_stream
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer

LENGTH = 120  # tokens of each text
SAMPLES, SAMPLE_LENGTH = 8, 100  # what the mean of a head is taken over
NONE, TYPED = "none", "the two texts below"
MEAN, ZERO = "its mean", "nothing (zero)"
Contrast = tuple[Sequence[str], Sequence[str]]


class SurgeryPanel(VBox):
    """A panel that writes one text twice: by the model itself, and with a change.

    A head can be replaced by its mean or by zero, and a direction can be added to the
    stream before a layer: the difference between the mean stream of two groups of
    texts. The control is a random direction of the same length. It opens with head 0
    of layer 0 silenced, so that the two texts differ before anything is chosen.

    What the heads say on average, and the directions of the contrasts, are computed
    when the panel is made, so that a change of a control is answered at once.

    Args:
        contrasts: pairs of groups of texts, by the name of the direction from the
            second group to the first. Those with characters that the model does not
            know are left out; of texts longer than its context the beginning counts.
    """

    def __init__(
        self,
        model: GPT,
        tokenizer: Tokenizer,
        contrasts: Mapping[str, Contrast] | None = None,
    ) -> None:
        super().__init__(layout=Layout(max_width="64em", padding="0.4em"))
        self.model, self.tokenizer = model, tokenizer
        self.problem = HTML(layout=Layout(min_height="1.8em"))
        V, config = tokenizer.vocab_size, model.config
        self.writers = [Writer(V, self.problem) for _ in range(2)]
        self._restarting = threading.RLock()
        self._means = self._mean_heads()
        self.directions = self._directions(contrasts or {})

        late: dict[str, Any] = {"continuous_update": False}
        opening = default_prompt(tokenizer)
        self.prompt = control(Text, "prompt", value=opening, **late)
        self.seed = control(BoundedIntText, "seed", max=LARGEST_SEED)
        heads = [(i, h) for i in range(config.n_layer) for h in range(config.n_head)]
        named = {NONE: None} | {f"layer {i}, head {h}": (i, h) for i, h in heads}
        self.head = control(Dropdown, "silence a head", options=named, value=(0, 0))
        self.instead = control(
            ToggleButtons, "it says instead", options=[MEAN, ZERO], value=MEAN
        )
        names = [NONE, *self.directions, TYPED]
        self.direction = control(Dropdown, "push along", options=names)
        self.dose = control(
            FloatSlider, "dose", value=2.0, min=-12.0, max=12.0, step=0.5, **late
        )
        first = int(config.modern)
        self.layer = control(
            IntSlider,
            "before layer",
            min=first,
            max=config.n_layer,
            value=max(first, config.n_layer // 2),
            **late,
        )
        self.random = control(Checkbox, "a random direction instead")
        self.more = control(Text, "text: more of this", value=opening, **late)
        self.less = control(Text, "text: less of this", value="", **late)
        self._arrange()

    def __repr__(self) -> str:
        return "<surgery panel>"

    def _mean_heads(self) -> list[Tensor]:
        """Return what the heads of each layer say on average, (H, 1, D) each.

        The mean is taken over texts that the model itself writes.
        """
        prompt = self.tokenizer.encode_prompt(default_prompt(self.tokenizer))
        prompt = prompt[: self.model.config.block_size // 2]
        length = min(SAMPLE_LENGTH, self.model.config.block_size - len(prompt))
        texts = [
            prompt + list(generate(self.model, prompt, length, seed=seed))
            for seed in range(SAMPLES)
        ]
        means = []

        def keep(heads: Tensor) -> Tensor:  # (B, H, T, D)
            means.append(heads.mean(dim=(0, 2))[:, None])
            return heads

        layers = range(self.model.config.n_layer)
        with inference(self.model, [0]) as ids:
            copy = edited(self.model, [Edit("heads", layer, keep) for layer in layers])
            copy(ids.new_tensor(texts))
        return means

    def _arrange(self) -> None:
        again = button("Another seed", "Write both texts anew", "primary")
        again.on_click(self._next_seed)
        shared = [self.prompt, self.seed]
        changes = [
            *(self.head, self.instead, self.direction, self.dose, self.layer),
            *(self.random, self.more, self.less),
        ]
        for widget in shared:
            widget.observe(lambda _: self._restart(self.writers), "value")
        for widget in changes:
            widget.observe(lambda _: self._restart(self.writers[1:]), "value")
        names = "the model itself", "with the change"
        columns = [*map(column, names, self.writers)]
        rows = [*shared, again, *changes, self.problem]
        self.children = [*rows, HBox(columns, layout=WRAP)]
        self._restart(self.writers)

    def _next_seed(self, _: Any) -> None:
        self.seed.value = (self.seed.value + 1) % (LARGEST_SEED + 1)

    def _restart(self, chosen: list[Writer]) -> None:
        with self._restarting:
            try:
                prompt = encode_text(
                    self.tokenizer, self.prompt.value, LONGEST_PROMPT, "prompt"
                )
                models = self.model, self.changed()
                self.problem.value = ""
                for writer, model in zip(self.writers, models, strict=True):
                    if writer in chosen:
                        rest = prompt, LENGTH, self.seed.value
                        writer.write(Request(model, self.tokenizer, *rest))
            except Exception as error:  # a learner may have changed parts of the model
                self.writers[1].fail(error)

    def changed(self) -> GPT:
        """Return the model with the changes that the controls ask for."""
        model = self.model
        if self.head.value is not None:
            layer, head = self.head.value
            silenced = self.instead.value == ZERO
            mean = 0.0 if silenced else self._means[layer]
            model = fold_head(model, layer, head, mean)
        if self.direction.value != NONE and self.dose.value:
            vector = self.vector(self.layer.value)
            model = fold_vector(model, self.layer.value, self.dose.value * vector)
        return model

    def vector(self, layer: int) -> Tensor:
        """Return the direction (C,) in the stream before a layer."""
        streams = self.directions.get(self.direction.value)
        if streams is None:
            more, less = map(self._typed, (self.more.value, self.less.value))
            streams = self._mean_stream([more]) - self._mean_stream([less])
        vector = streams[layer]
        if self.random.value:
            generator = torch.Generator().manual_seed(self.seed.value)
            other = torch.randn(vector.shape, generator=generator).to(vector.device)
            return other * vector.norm() / other.norm()
        return vector

    def _directions(self, contrasts: Mapping[str, Contrast]) -> dict[str, Tensor]:
        """Return the directions (N + 1, C) before each of N layers and after them."""
        encode, found = self.tokenizer.encode_prompt, {}
        for name, groups in contrasts.items():
            with suppress(ValueError):  # a character that the model does not know
                ids = [[encode(text) for text in group] for group in groups]
                more, less = map(self._mean_stream, ids)
                found[name] = more - less
        return found

    def _typed(self, text: str) -> list[int]:
        longest = self.model.config.block_size
        return encode_text(self.tokenizer, text, longest, "text of a direction")

    def _mean_stream(self, texts: Sequence[list[int]]) -> Tensor:
        """Return the mean (N + 1, C) of the stream over all positions of the texts."""
        rows = []
        for ids in texts:
            with inference(self.model, ids[: self.model.config.block_size]) as batch:
                rows.append(torch.cat(residual_stream(self.model, batch)))
        return torch.cat(rows, dim=1).mean(dim=1)


surgery_panel = SurgeryPanel
