"""Put buttons, a growing curve and a sample around a trainer."""

import asyncio
import threading

from ipywidgets import (
    HTML,
    BoundedFloatText,
    Box,
    Button,
    Dropdown,
    HBox,
    Layout,
    VBox,
    Widget,
)

from minigpt.baselines import Baselines
from minigpt.checkpoint import Checkpoint, load_checkpoint
from minigpt.course.widgets.base import Latest, control, message
from minigpt.course.widgets.training.choices import (
    Choice,
    read_dataset,
    size_label,
    sizes,
    texts,
)
from minigpt.course.widgets.training.status import (
    curve_html,
    sample_html,
    smooth_curve,
    status_html,
)
from minigpt.course.widgets.training.trainer import Trainer
from minigpt.data import Dataset
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.tokenizer import Tokenizer
from minigpt.training import Step

LONGEST = 600.0  # minutes


class TrainingPanel(VBox):
    """One widget that trains a model, and what has come out of it so far.

    `model` and `tokenizer` are the newest there are: those trained here, or the ones
    that the course ships until then.
    """

    def __init__(self, trainer: Trainer | None = None) -> None:
        self.trainer = trainer or Trainer()
        self.trainer.show = self.show
        self._shipped: Checkpoint | None = None
        self._showing = threading.RLock()
        self.text = control(Dropdown, "text", options=texts())
        labels = {size_label(name): name for name in sizes()}
        self.size = control(Dropdown, "size", options=labels, value="laptop")
        self.minutes = control(
            BoundedFloatText, "minutes", value=2.0, min=0.1, max=LONGEST, step=0.5
        )
        self.train_button = _button("Train", "begin a new model", "primary")
        self.pause_button = _button("Pause", "hold on, and lose nothing")
        self.stop_button = _button("Stop", "end, and save what was learned")
        self.status, self.problem = HTML(), HTML()
        self.curve = HTML(layout=Layout(min_height="18em"))
        self.sample = HTML()
        super().__init__(self._arranged(), layout=Layout(max_width="62em"))
        self.train_button.on_click(lambda _: self.train())
        self.pause_button.on_click(lambda _: self._pause_or_go_on())
        self.stop_button.on_click(lambda _: self.stop())
        before = _retire_others(self)
        # What that one has learned is saved any moment.
        self._comes = before is not None and before.busy and before.run is not None
        self.show()

    def _arranged(self) -> list[Widget]:
        buttons = [self.train_button, self.pause_button, self.stop_button]
        indent = Layout(margin="0.3em 0 0.3em 11.3em")
        edge = "1px solid var(--jp-border-color2, #ddd)"
        room = Layout(height="11em", overflow="auto", border=edge)
        return [
            self.text,
            self.size,
            self.minutes,
            HBox(buttons, layout=indent),
            self.problem,
            self.status,
            self.curve,
            Box([self.sample], layout=room),
        ]

    # What came out of it

    @property
    def newest(self) -> Checkpoint:
        """The model trained last, in a copy; the shipped one before there is any."""
        if self.trainer.newest is not None:
            return self.trainer.newest.checkpoint
        if self._shipped is None:
            self._shipped = load_checkpoint(SHIPPED_CHECKPOINT)
        return self._shipped

    @property
    def model(self) -> GPT:
        return self.newest.model

    @property
    def tokenizer(self) -> Tokenizer:
        return self.newest.tokenizer

    @property
    def about(self) -> str:
        """Which model that is, in words."""
        if self.trainer.newest is None:
            return "the model that comes with the course"
        return f"your model after {self.trainer.newest.iteration:,} iterations"

    @property
    def steps(self) -> list[Step]:
        """All steps made so far."""
        return list(self.trainer.run.steps) if self.trainer.run else []

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Both losses so far, (iteration, nats per token), the training loss smoothed.

        A loss of which nothing is known yet is left out.
        """
        run = self.trainer.run
        if run is None:
            return {}
        curves = {"training": smooth_curve(run), "validation": list(run.val_losses)}
        return {name: points for name, points in curves.items() if points}

    @property
    def baselines(self) -> Baselines | None:
        """What counting gets to on the text; None before there is one."""
        return self.trainer.run.baselines if self.trainer.run else None

    @property
    def dataset(self) -> Dataset:
        """The text that it learns from, the one chosen before there is any."""
        run = self.trainer.run
        return run.dataset if run else read_dataset(self.text.value)

    @property
    def opening(self) -> str:
        """How its samples begin: with something that stands in the text."""
        return self.trainer.run.start if self.trainer.run else "THE FOX"

    # What can be asked of it

    @property
    def choice(self) -> Choice:
        """What the controls say now."""
        return Choice(self.text.value, self.size.value, self.minutes.value)

    def train(self) -> None:
        """Begin a new model with the settings chosen; returns at once."""
        _retire_others(self)
        self.trainer.train(self.choice)

    def go_on(self) -> None:
        """End a pause, or train on with what was stopped, finished or saved."""
        _retire_others(self)
        self.trainer.go_on(self.choice)

    def pause(self) -> None:
        """Hold on; the model so far is saved."""
        self.trainer.pause()
        self.show()

    def stop(self) -> None:
        """End the training; the model so far is saved."""
        self.trainer.stop()
        self.show()

    async def finished(self) -> None:
        """Wait until the training has ended, by itself or by Stop.

        While a cell awaits this, the buttons answer. Interrupting the kernel is Stop.
        """
        try:
            while self.trainer.busy:
                await asyncio.sleep(0.05)
        except BaseException:
            self.stop()
            raise

    def _pause_or_go_on(self) -> None:
        if self.trainer.working and not self.trainer.asked:
            self.pause()
        else:
            self.go_on()

    # What it shows; called by the trainer's thread too.

    def show(self) -> None:
        """Bring buttons, status, curve and sample up to date."""
        # Two threads call this: what is shown last must be what was true last.
        with self._showing:
            self._show_buttons()
            self._show_views()

    def _show_views(self) -> None:
        trainer = self.trainer
        self.problem.value = message(trainer.problem) if trainer.problem else ""
        self.status.value = status_html(trainer)
        self.curve.value = curve_html(trainer.run)
        self.sample.value = sample_html(trainer)

    def _show_buttons(self) -> None:
        trainer = self.trainer
        working, holding = trainer.working, trainer.asked == "Pausing"
        can_go_on = self._comes or trainer.run is not None or trainer.path.exists()
        self.train_button.disabled = working
        self.pause_button.description = "Pause" if working and not holding else "Go on"
        self.pause_button.disabled = not (working or can_go_on)
        self.stop_button.disabled = not working

    def __repr__(self) -> str:
        return "<training panel>"


def _button(label: str, tooltip: str, style: str = "") -> Button:
    return Button(description=label, tooltip=tooltip, button_style=style)


_latest: Latest[TrainingPanel] = Latest()


def _retire_others(panel: TrainingPanel) -> Trainer | None:
    """Make this the only panel that trains; return the trainer that has to end."""
    before = _latest.replaced_by(panel)
    if before is None:
        return None
    before.trainer.retire()
    before.show()
    return before.trainer


def training_panel() -> TrainingPanel:
    """Return a panel that trains: text, size, minutes; Train, Pause, Stop."""
    return TrainingPanel()
