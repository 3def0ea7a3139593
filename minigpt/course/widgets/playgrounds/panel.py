"""Arrange shared controls, writers and an inspector as the two panels of lesson 06."""

import threading

from ipywidgets import HTML, HBox, Layout, VBox, Widget

from minigpt.course.colours import GRID
from minigpt.course.widgets.playgrounds.inspector import Inspector
from minigpt.course.widgets.playgrounds.shared_controls import SharedControls, Source
from minigpt.course.widgets.playgrounds.writer import TextBox, Writer

WRAP = Layout(flex_flow="row wrap")
FRAME = {"border": f"1px solid {GRID}", "overflow": "auto"}
FRAME |= {"width": "29em", "height": "22em"}


def column(name: str, writer: Writer, *controls: Widget) -> VBox:
    """Return a column with a name, controls and, in a frame, the text of a writer."""
    box = TextBox(writer, Layout(**FRAME)).box
    rows = [HTML(f"<b>{name}</b>"), *controls, box]
    return VBox(rows, layout=Layout(margin="0 0.8em 0 0"))


class _WritingPanel(VBox):
    """Texts that start anew whenever a control is moved."""

    def __init__(self, source: Source, n_writers: int) -> None:
        super().__init__(layout=Layout(max_width="64em", padding="0.4em"))
        self.problem = HTML(layout=Layout(min_height="1.8em"))
        self.controls = SharedControls(source)
        V = source.tokenizer.vocab_size
        self.writers = [Writer(V, self.problem) for _ in range(n_writers)]
        # A cell and a control may restart a text at the same moment, each in its own
        # thread. With the lock, what is written is what was set last.
        self._restarting = threading.RLock()

    def _open(self, settings: Widget, *views: Widget) -> None:
        """Arrange the panel, let every control restart its texts, and start them."""
        controls = self.controls
        buttons = HBox([controls.button, controls.other, controls.about], layout=WRAP)
        self.children = [controls.prompt, settings, buttons, self.problem, *views]
        controls.observe(lambda: self._restart(self.writers))
        for writer in self.writers:
            for widget in writer.controls:
                widget.observe(lambda _, one=writer: self._restart([one]), "value")
        self._restart(self.writers)

    def _restart(self, chosen: list[Writer]) -> None:
        with self._restarting:
            try:
                self._start(chosen)
            except Exception as error:  # a learner may have changed parts of the model
                self.writers[0].fail(error)

    def _start(self, chosen: list[Writer]) -> None:
        request = self.controls.request()
        for writer in self.writers:
            writer.adapt(request.tokenizer.vocab_size)
        self.problem.value = ""
        # All texts are of one model, so that only their settings are compared.
        shown = [writer.text.request for writer in self.writers if writer.text]
        if any(old.model is not request.model for old in shown):
            chosen = self.writers
        for writer in chosen:
            writer.write(request)


class Playground(_WritingPanel):
    """A panel to play with the newest model of a training panel, or a checkpoint's.

    It shows one text, what is behind each of its tokens, and where else it could go.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source, 1)
        (self.writer,) = self.writers
        self.inspector = Inspector(self.writer)
        *sliders, sampling = self.writer.controls
        right = VBox([self.controls.length, self.controls.seed, sampling])
        settings = HBox([VBox(sliders), right], layout=WRAP)
        self._open(settings, self.inspector.view)

    def __repr__(self) -> str:
        return "<playground>"


class SideBySide(_WritingPanel):
    """A panel that continues one prompt with one seed under two sets of settings.

    The model is the newest of a training panel, or that of a checkpoint.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source, 2)
        self.writers[1].temperature.value = 0.3
        columns = [
            column(name, writer, *writer.controls)
            for name, writer in zip("AB", self.writers, strict=True)
        ]
        settings = HBox([self.controls.length, self.controls.seed], layout=WRAP)
        self._open(settings, HBox(columns, layout=WRAP))

    def __repr__(self) -> str:
        return "<side by side>"


playground, side_by_side = Playground, SideBySide
