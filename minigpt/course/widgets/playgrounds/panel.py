"""Arrange shared controls, writers and an inspector as the two panels of lesson 06."""

import threading
from collections.abc import Sequence

from ipywidgets import HTML, HBox, Layout, VBox, Widget

from minigpt.course.widgets.playgrounds.inspector import Inspector
from minigpt.course.widgets.playgrounds.shared_controls import SharedControls, Source
from minigpt.course.widgets.playgrounds.writer import Writer

WIDTH = Layout(max_width="64em", padding="0.4em")
WRAP = Layout(flex_flow="row wrap")


class _WritingPanel(VBox):
    """Texts that start anew whenever a control is moved."""

    def __init__(self, source: Source, n_writers: int, height: str) -> None:
        self.problem = HTML(layout=Layout(min_height="1.8em"))
        self.controls = SharedControls(source)
        V = source.tokenizer.vocab_size
        self.writers = [Writer(V, self.problem, height) for _ in range(n_writers)]
        # A cell and a control may restart a text at the same moment, each in its own
        # thread. With the lock, what is written is what was set last.
        self._restarting = threading.RLock()
        self._adapting = False
        super().__init__(self._arranged(), layout=WIDTH)

    def _arranged(self) -> list[Widget]:
        raise NotImplementedError

    def _connect(self) -> None:
        """Let every control restart the texts that depend on it, and start them all."""
        self.controls.observe(lambda: self._restart(self.writers))
        for writer in self.writers:
            for widget in writer.controls:
                widget.observe(lambda _, one=writer: self._restart([one]), "value")
        self._restart(self.writers)

    def _restart(self, chosen: Sequence[Writer]) -> None:
        with self._restarting:
            if self._adapting:  # a writer's own controls are moving
                return
            try:
                self._start(chosen)
            except Exception as error:  # a learner may have changed parts of the model
                self.writers[0].fail(error)

    def _start(self, chosen: Sequence[Writer]) -> None:
        request = self.controls.request()
        self._adapting = True
        try:
            for writer in self.writers:
                writer.adapt(request.tokenizer.vocab_size)
        finally:
            self._adapting = False
        self.problem.value = ""
        # All texts are of one model, so that only their settings are compared.
        shown = [writer.request for writer in self.writers if writer.request]
        if any(old.model is not request.model for old in shown):
            chosen = self.writers
        for writer in chosen:
            writer.write(request)


class Playground(_WritingPanel):
    """One text, and a view of what is behind each of its tokens."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, 1, "14em")
        self._connect()

    def _arranged(self) -> list[Widget]:
        controls, (self.writer,) = self.controls, self.writers
        self.inspector = Inspector(self.writer)
        self.writer.grown = self.inspector.follow
        writer = self.writer
        left = VBox([writer.temperature, writer.top_k, writer.top_p])
        right = VBox([controls.length, controls.seed, writer.sampling])
        return [
            controls.prompt,
            HBox([left, right], layout=WRAP),
            HBox([controls.button, controls.other, controls.about], layout=WRAP),
            self.problem,
            writer.box,
            self.inspector.widget(),
        ]

    def __repr__(self) -> str:
        return "<playground>"


class SideBySide(_WritingPanel):
    """Two texts with the same prompt and seed, each with its own settings."""

    def __init__(self, source: Source) -> None:
        super().__init__(source, 2, "22em")
        self.writers[1].temperature.value = 0.3
        self._connect()

    def _arranged(self) -> list[Widget]:
        controls, columns = self.controls, []
        for name, writer in zip("AB", self.writers, strict=True):
            writer.box.layout.width = "29em"
            column = [HTML(f"<b>{name}</b>"), *writer.controls, writer.box]
            columns.append(VBox(column, layout=Layout(margin="0 0.8em 0 0")))
        return [
            controls.prompt,
            HBox([controls.length, controls.seed], layout=WRAP),
            HBox([controls.button, controls.other, controls.about], layout=WRAP),
            self.problem,
            HBox(columns, layout=WRAP),
        ]

    def __repr__(self) -> str:
        return "<side by side>"


def playground(source: Source) -> Playground:
    """Return a panel to play with the newest model of `source`.

    Args:
        source: a training panel or a checkpoint.
    """
    return Playground(source)


def side_by_side(source: Source) -> SideBySide:
    """Return a panel that continues one prompt under two sets of settings.

    Args:
        source: a training panel or a checkpoint.
    """
    return SideBySide(source)
