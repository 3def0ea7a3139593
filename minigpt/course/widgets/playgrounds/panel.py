"""Put a desk, writers and an inspector together into the two panels of the lesson."""

import threading
from collections.abc import Sequence

from ipywidgets import HTML, HBox, Layout, VBox, Widget

from minigpt.course.widgets.playgrounds.inspector import Inspector
from minigpt.course.widgets.playgrounds.shared_controls import SharedControls, Source
from minigpt.course.widgets.playgrounds.writer import Writer

WIDTH = Layout(max_width="64em", padding="0.4em")
WRAP = Layout(flex_flow="row wrap")


class Playground(VBox):
    """One text that starts anew with every move of a control, and what is behind it."""

    def __init__(self, source: Source) -> None:
        self.problem = HTML(layout=Layout(min_height="1.8em"))
        self.desk = SharedControls(source)
        self.writer = Writer(source.tokenizer.vocab_size, self.problem)
        self.inspector = Inspector(self.writer)
        self.writer.grown = self.inspector.follow
        super().__init__(self._arranged(), layout=WIDTH)
        _connect(self.desk, [self.writer], self.problem)

    def _arranged(self) -> list[Widget]:
        desk, writer = self.desk, self.writer
        left = VBox([writer.temperature, writer.top_k, writer.top_p])
        right = VBox([desk.length, desk.seed, writer.sampling])
        return [
            desk.prompt,
            HBox([left, right], layout=WRAP),
            HBox([desk.button, desk.other, desk.about], layout=WRAP),
            self.problem,
            writer.box,
            self.inspector.widget(),
        ]

    def __repr__(self) -> str:
        return "<playground>"


class SideBySide(VBox):
    """Two texts with the same prompt and seed, and settings of their own."""

    def __init__(self, source: Source) -> None:
        self.problem = HTML(layout=Layout(min_height="1.8em"))
        self.desk = SharedControls(source)
        V = source.tokenizer.vocab_size
        self.writers = [Writer(V, self.problem, height="22em") for _ in range(2)]
        self.writers[1].temperature.value = 0.3
        super().__init__(self._arranged(), layout=WIDTH)
        _connect(self.desk, self.writers, self.problem)

    def _arranged(self) -> list[Widget]:
        desk, columns = self.desk, []
        for name, writer in zip("AB", self.writers, strict=True):
            writer.box.layout.width = "29em"
            column = [HTML(f"<b>{name}</b>"), *writer.controls, writer.box]
            columns.append(VBox(column, layout=Layout(margin="0 0.8em 0 0")))
        return [
            desk.prompt,
            HBox([desk.length, desk.seed], layout=WRAP),
            HBox([desk.button, desk.other, desk.about], layout=WRAP),
            self.problem,
            HBox(columns, layout=WRAP),
        ]

    def __repr__(self) -> str:
        return "<side by side>"


def _connect(desk: SharedControls, writers: Sequence[Writer], problem: HTML) -> None:
    """Let every control begin the texts that it has a say in, and begin all now."""
    # A cell and a control may ask at the same moment, from threads of their own: what
    # was set last is what is to be written.
    restarting = threading.RLock()
    adapting = False

    def restart(chosen: Sequence[Writer]) -> None:
        with restarting:
            if not adapting:
                begin(chosen)

    def begin(chosen: Sequence[Writer]) -> None:
        nonlocal adapting
        try:
            request = desk.request()
            adapting = True
            for writer in writers:
                writer.adapt(request.tokenizer.vocab_size)
            adapting = False
            problem.value = ""
            # Texts of two models would be compared under the name of one.
            if any(w.request and w.request.model is not request.model for w in writers):
                chosen = writers
            for writer in chosen:
                writer.write(request)
        except Exception as error:
            writers[0].fail(error)
        finally:
            adapting = False

    desk.observe(lambda: restart(writers))
    for writer in writers:
        for widget in writer.controls:
            widget.observe(lambda _, one=writer: restart([one]), names="value")
    restart(writers)


def playground(source: Source) -> Playground:
    """Return a panel to play with the newest model of `source`.

    Args:
        source: a training panel, or a checkpoint.
    """
    return Playground(source)


def side_by_side(source: Source) -> SideBySide:
    """Return a panel that writes the same beginning under two sets of settings.

    Args:
        source: a training panel, or a checkpoint.
    """
    return SideBySide(source)
