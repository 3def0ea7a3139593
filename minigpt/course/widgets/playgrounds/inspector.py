"""Look behind each place of a text: what could have come there, and where it looked."""

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from minigpt.course.widgets.base import inference
from minigpt.course.widgets.playgrounds.view import Pieces, TextView
from minigpt.course.widgets.playgrounds.writer import Text, Writer
from minigpt.inspection import attention_maps
from minigpt.model import GPT
from minigpt.sampling import (
    context_start,
    most_probable,
    next_token_probabilities,
    penalize_repetition,
)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model computed for the token after a context."""

    model: GPT
    context: list[int]
    logits: Tensor  # (V,)
    attention: list[Tensor]  # (H, T) for each layer: the weights of the last token


class Inspector:
    """The writer's text in a view that can be pointed at, and lets the text branch.

    The model runs once for each new place or text. Its logits are kept, so the sliders
    of the sampling answer without running it again.
    """

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.view = TextView()
        self.past: list[Text] = []  # the texts before the branches, the last at the end
        self.seen: Seen | None = None
        self._pieces: tuple[int, Pieces] | None = None  # of the text with a number
        writer.grown = self.show
        self.view.observe(lambda _: self._try(self.explain), names="asked")
        self.view.observe(lambda _: self._try(self.tint), names="tinted")
        self.view.on_msg(lambda _, message, __: self._try(self._obey, message))

    def _try(self, act: Any, *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as error:  # a learner may have changed parts of the model
            self.writer.fail(error)

    def show(self) -> None:
        """Show as much of the text as there is."""
        text, turn = self.writer.text, self.writer.stream.turn
        assert text is not None
        if not text.branch:  # the text was begun anew
            self.past.clear()
        if self._pieces is None or self._pieces[0] != turn:
            self._pieces = turn, Pieces(text.request.tokenizer)
        pieces = self._pieces[1]
        pieces.extend(text.ids, text.complete)
        given = len(text.request.prompt)
        chosen = {
            given + len(one.branch) - 1 for one in [*self.past, text] if one.branch
        }

        def kind(place: int) -> str:
            return "given" if place < given else "branch" if place in chosen else ""

        found = pieces.without_first_line_break()
        with self.view.hold_sync():
            self.view.unsure = []
            self.view.text = {
                "turn": turn,
                "pieces": [[piece, place, kind(place)] for piece, place in found],
                "complete": text.complete,
                "branched": bool(self.past),
            }
        self.tint()

    # What the view asks for

    def _obey(self, message: dict[str, Any]) -> None:
        if message.get("kind") == "branch":
            self.branch(message["turn"], message["place"], message["id"])
        elif message.get("kind") == "back":
            self.go_back()

    def branch(self, turn: int, place: int, token: int) -> None:
        """Let the text of that number go on with another token at a place."""
        with self.writer.stream.lock:
            text = self.writer.text
            if text is None or turn != self.writer.stream.turn:
                return  # it has been replaced meanwhile
            self.past.append(text)
        prompt = text.request.prompt[:place]
        request = replace(text.request, prompt=prompt)
        self.writer.write(request, [*text.ids[len(prompt) : place], token])

    def go_back(self) -> None:
        """Return to the text before the last branch."""
        with self.writer.stream.lock:
            if not self.past:
                return
            text = self.past.pop()
        self.writer.rewrite(text)

    def explain(self) -> None:
        """Answer the view: what could have stood at the place, and where it looked."""
        with self.writer.stream.lock:
            asked, text = self.view.asked, self.writer.text
            if text is None or asked.get("turn") != self.writer.stream.turn:
                return
            if asked["place"] < len(text.ids):
                found = self._explanation(text, asked["place"], asked["rows"])
                self.view.explanation = asked | found

    def _explanation(self, text: Text, place: int, count: int) -> dict[str, Any]:
        if place == 0:
            return {"rows": None}
        model, ids = text.request.model, text.ids[:place]
        seen = self._look(model, ids)
        before, after = self._probabilities(seen.logits, ids)
        shown = before.argsort(descending=True, stable=True)[:count].tolist()
        chosen = text.ids[place]
        if chosen not in shown:
            shown[-1] = chosen
        tokens = text.request.tokenizer.tokens
        rows = [
            {
                "id": i,
                "token": tokens[i],
                "before": float(before[i]),
                "after": float(after[i]),
                "chosen": i == chosen,
            }
            for i in shown
        ]
        heads = [
            {"layer": layer, "head": head, "weights": row}
            for layer, weights in enumerate(seen.attention)
            for head, row in enumerate(weights.double().round(decimals=4).tolist())
        ]
        return {"rows": rows, "start": place - len(seen.context), "heads": heads}

    def _probabilities(self, logits: Tensor, ids: list[int]) -> tuple[Tensor, Tensor]:
        """Return the probabilities (V,) before and after the writer's settings."""
        settings = self.writer.settings
        greedy, penalty = settings.pop("greedy"), settings["repetition_penalty"]
        before = next_token_probabilities(logits)
        if not greedy:
            return before, next_token_probabilities(logits, occurred=ids, **settings)
        after = torch.zeros_like(before)
        after[most_probable(penalize_repetition(logits, ids, penalty))] = 1.0
        return before, after

    def _look(self, model: GPT, before: list[int]) -> Seen:
        """Run the model on the context of the place, unless it has just done so."""
        context = before[context_start(len(before), model.config.block_size) :]
        if self.seen and self.seen.context == context and self.seen.model is model:
            return self.seen
        with inference(model, context) as ids:
            logits = model(ids)[0, -1].float().cpu()
            attention = [maps[0, :, -1].cpu() for maps in attention_maps(model, ids)]
        self.seen = Seen(model, context, logits, attention)
        return self.seen

    def tint(self) -> None:
        """Tell the view how unsure the model was, if it asks and all is written."""
        with self.writer.stream.lock:
            text = self.writer.text
            if self.view.tinted and text is not None and text.complete:
                self.view.unsure = entropies(text.request.model, text.ids)


def entropies(model: GPT, ids: list[int]) -> list[float | None]:
    """Return the entropy, in nats, of the model's choice at each place of a text.

    None stands for the first place, where there is no choice. The model runs once for
    each context, as the writer has seen it.
    """
    found: list[float | None] = [None]
    block = model.config.block_size
    for start, places in groupby(range(1, len(ids)), lambda n: context_start(n, block)):
        seen = list(places)
        with inference(model, ids[start : seen[-1]]) as context:
            logs = model(context)[0].float().log_softmax(dim=-1)  # (T, V)
            entropy = -(logs.exp() * logs).sum(dim=-1)
        found += [round(float(entropy[n - start - 1]), 3) for n in seen]
    return found
