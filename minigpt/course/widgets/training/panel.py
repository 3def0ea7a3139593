"""Put buttons, a growing loss curve and a sample around a trainer."""

import asyncio
import threading
from functools import cached_property
from weakref import WeakSet

from ipywidgets import HTML, BoundedFloatText, Box, Dropdown, HBox, Layout, VBox

from minigpt.baselines import Baselines
from minigpt.checkpoint import Checkpoint, load_checkpoint
from minigpt.checkpoint_folder import saved_in
from minigpt.course.colours import GRID
from minigpt.course.widgets.base import button, control, message
from minigpt.course.widgets.callbacks import call_back
from minigpt.course.widgets.training.choices import SIZES, Choice, texts
from minigpt.course.widgets.training.status import curve_html, sample_html, status_html
from minigpt.course.widgets.training.trainer import Trainer
from minigpt.data import Dataset, find_source, read_dataset
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.tokenizer import Tokenizer

# Those that exist: one of them trains at a time.
_panels: WeakSet["TrainingPanel"] = WeakSet()


class TrainingPanel(VBox):
    """A panel that trains a model on a chosen text for some minutes.

    `model` and `tokenizer` are the newest ones: those trained here, or until then those
    that come with the course.
    """

    def __init__(self, trainer: Trainer | None = None) -> None:
        self.trainer = trainer or Trainer()
        self.trainer.show = self.show
        self._showing = threading.RLock()
        self.text = control(Dropdown, "text", options=texts())
        self.size = control(Dropdown, "size", options=SIZES, value="laptop")
        self.minutes = control(
            BoundedFloatText, "minutes", value=5.0, min=0.1, max=600.0, step=0.5
        )
        self.train_button = button("Train", "Train a new model", "primary")
        self.pause_button = button("Pause", "Pause training; nothing is lost")
        self.stop_button = button("Stop", "End training and save the model")
        self.status, self.problem, self.sample = HTML(), HTML(), HTML()
        self.curve = HTML(layout=Layout(min_height="18em"))
        super().__init__(layout=Layout(max_width="62em"))
        self._arrange()
        self.train_button.on_click(lambda _: self.train())
        self.pause_button.on_click(lambda _: self._pause_or_go_on())
        self.stop_button.on_click(lambda _: self.stop())
        # What another panel has learned will be saved any moment.
        others = self._retire_others()
        self._saving = any(other.busy and other.run for other in others)
        self.show()

    def _arrange(self) -> None:
        buttons = [self.train_button, self.pause_button, self.stop_button]
        indent = Layout(margin="0.3em 0 0.3em 11.3em")
        room = Layout(height="11em", overflow="auto", border=f"1px solid {GRID}")
        controls = [self.text, self.size, self.minutes, HBox(buttons, layout=indent)]
        views = [self.problem, self.status, self.curve, Box([self.sample], layout=room)]
        self.children = [*controls, *views]

    @cached_property
    def _shipped(self) -> Checkpoint:
        return load_checkpoint(SHIPPED_CHECKPOINT)

    @property
    def newest(self) -> Checkpoint:
        """A copy of the model trained last; the shipped model before there is one."""
        return self.trainer.newest or self._shipped

    @property
    def model(self) -> GPT:
        """The newest model."""
        return self.newest.model

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the newest model."""
        return self.newest.tokenizer

    @property
    def about(self) -> str:
        """Which model is the newest, in words."""
        if self.trainer.newest is None:
            return "the model that comes with the course"
        return f"your model after {self.trainer.newest_iteration:,} iterations"

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Both losses so far, (iteration, nats per token); the training loss smoothed.

        A loss that has not been measured yet is left out.
        """
        return {name: points for name, points in self.trainer.curves.items() if points}

    @property
    def practice(self) -> int:
        """The number of iterations that practised copying (`copy_iters`)."""
        return self.trainer.run.config.copy_iters if self.trainer.run else 0

    @property
    def baselines(self) -> Baselines | None:
        """The baseline losses of the text; None before there is a run."""
        return self.trainer.baselines

    @property
    def dataset(self) -> Dataset:
        """The text of the run; before there is one, the text that is chosen."""
        if self.trainer.run:
            return self.trainer.run.dataset
        return read_dataset(find_source(self.text.value))

    @property
    def opening(self) -> str:
        """How samples begin: with words that the text contains."""
        return self.trainer.opening

    @property
    def choice(self) -> Choice:
        """What the controls say now."""
        return Choice(self.text.value, self.size.value, self.minutes.value)

    def train(self) -> None:
        """Train a new model as the controls say; returns at once."""
        self._retire_others()
        self.trainer.train(self.choice)

    def go_on(self) -> None:
        """End a pause, or continue what was stopped, finished or saved."""
        self._retire_others()
        self.trainer.go_on(self.choice)

    def pause(self) -> None:
        """Pause training; the model so far is saved."""
        self.trainer.pause()

    def stop(self) -> None:
        """End training; the model so far is saved."""
        self.trainer.stop()

    def _retire_others(self) -> list[Trainer]:
        """Make this the only panel that trains; return the trainers of the others."""
        others = [panel.trainer for panel in _panels if panel is not self]
        for other in others:
            other.retire()
        _panels.add(self)
        return others

    async def finished(self) -> None:
        """Wait until training has ended, by itself or because of Stop.

        While a cell awaits this, the buttons answer. Interrupting the kernel is Stop.
        """
        try:
            while self.trainer.busy:
                await call_back()
                await asyncio.sleep(0.05)
        except BaseException:
            self.stop()
            raise

    def _pause_or_go_on(self) -> None:
        if self.trainer.working and not self.trainer.asked:
            self.pause()
        elif not self.pause_button.disabled:  # a click may arrive late
            self.go_on()

    def show(self) -> None:
        """Update buttons, status, curve and sample."""
        # The trainer's thread calls this too. With the lock, what is shown last is what
        # was true last.
        with self._showing:
            trainer, working = self.trainer, self.trainer.working
            saved = self._saving or trainer.run is not None or saved_in(trainer.folder)
            can_pause = working and trainer.asked != "Pausing"
            self.train_button.disabled = working
            self.pause_button.description = "Pause" if can_pause else "Go on"
            self.pause_button.disabled = not (working or saved)
            self.stop_button.disabled = not working
            self.problem.value = message(trainer.problem) if trainer.problem else ""
            self.status.value = status_html(trainer)
            self.curve.value = curve_html(trainer)
            self.sample.value = sample_html(trainer)

    def __repr__(self) -> str:
        return "<training panel>"


training_panel = TrainingPanel
