"""Draw losses while a lesson trains: of one run, or of two that differ in a switch."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakSet

from ipywidgets import HTML, Dropdown, HBox, VBox
from torch import Tensor

from minigpt.baselines import Baselines
from minigpt.config import GPTConfig, TrainConfig
from minigpt.course import faults
from minigpt.course.curves import smoothed
from minigpt.course.widgets.base import (
    Throttle,
    button,
    control,
    in_words,
    message,
    panel,
)
from minigpt.course.widgets.loss_curve import curve_svg
from minigpt.model import GPT
from minigpt.training import Step, train

REDRAW_SECONDS = 0.3

Switch = Callable[[GPT, TrainConfig], faults.Exhibit]


class LiveCurve(HTML):
    """A picture of the losses of a run that grows while `watch` passes its steps on."""

    def __init__(self, baselines: Baselines, max_iters: int) -> None:
        super().__init__()
        self._baselines, self._max_iters = baselines, max_iters

    def watch(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield the steps of a run, and draw their losses a few times a second."""
        losses: list[float] = []
        val: list[tuple[int, float]] = []
        first, redraw = 1, Throttle(REDRAW_SECONDS)

        def draw() -> None:
            curves = {"training": smoothed(losses, first=first), "validation": val}
            self.value = curve_svg(curves, self._baselines, self._max_iters)

        try:
            for step in steps:
                if not losses:
                    first = step.iteration  # more than 1 if the run was resumed
                losses.append(step.loss)
                if step.val_loss is not None:
                    val.append((step.iteration, step.val_loss))
                redraw(draw)
                yield step
        finally:  # also when the loop is left
            draw()


live_curve = LiveCurve


def _changed(**changes: Any) -> Switch:
    """Return an exhibit whose model is healthy and whose config is changed."""
    return lambda model, config: faults.Exhibit(model, replace(config, **changes))


SWITCHES = {
    "no positions": faults.no_positions,
    "no residual": faults.no_residual,
    "a mask that leaks": faults.leaking_mask,
    "no scaling": faults.no_scaling,
    "scores too large": faults.scores_too_large,
    "learning rate × 10": faults.learning_rate_too_high,
    "targets not shifted": faults.targets_not_shifted,
    "AdamW in place of Muon": _changed(optimizer="adamw"),
    "no warm-up": _changed(warmup_iters=0),
}


@dataclass(eq=False)
class _Race:
    """Two runs in one thread, one step of each in turn."""

    ids: tuple[Tensor, Tensor]
    baselines: Baselines
    shape: GPTConfig
    config: TrainConfig

    def __post_init__(self) -> None:
        start = "Choose a switch and press Train to start two runs side by side."
        self.view = HTML(f"<p>{start}</p>")
        self.stopped = threading.Event()
        self.thread = threading.Thread()
        # A cell and a button may start a race at the same moment, each in its thread.
        self._starting = threading.Lock()

    def start(self, switch: str) -> None:
        """Start both runs; a race that is still running is stopped first."""
        with self._starting:
            self.stop()
            self.view.value = "<p>The two runs are starting.</p>"
            self.stopped = threading.Event()
            self.thread = threading.Thread(
                target=self._run, args=(switch, self.stopped), daemon=True
            )
            self.thread.start()

    def stop(self) -> None:
        """Stop both runs, and wait until they have ended."""
        self.stopped.set()
        if self.thread.is_alive():
            self.thread.join()

    def _run(self, switch: str, stopped: threading.Event) -> None:
        losses: tuple[list[float], list[float]] = ([], [])
        redraw = Throttle(REDRAW_SECONDS)

        def draw() -> None:
            healthy, other = map(smoothed, losses)
            shown = {"healthy": healthy, switch: other}, self.baselines
            self.view.value = curve_svg(*shown, self.config.max_iters, dots=False)

        try:
            for steps in zip(*self._runs(switch), strict=True):
                for step, seen in zip(steps, losses, strict=True):
                    seen.append(step.loss)
                redraw(draw)
                if stopped.is_set():
                    break
            draw()
        except Exception as error:  # an error in a thread would be shown nowhere
            self.view.value += message(in_words(error))

    def _runs(self, switch: str) -> list[Iterator[Step]]:
        runs = []
        for kind in faults.healthy, SWITCHES[switch]:
            made = faults.make(kind, self.shape, self.config)
            how: dict[str, Any] = {"sample_batch": made.sample_batch}
            how["measure"] = lambda *_: None  # what is compared are training losses
            runs.append(train(made.model, *self.ids, made.config, **how))
        return runs


_races: WeakSet[_Race] = WeakSet()


def race_panel(
    train_ids: Tensor,
    val_ids: Tensor,
    baselines: Baselines,
    shape: GPTConfig,
    config: TrainConfig,
) -> VBox:
    """Return a panel that trains a healthy model beside one that differs in a switch.

    Both have that shape and that config, and learn the one-dimensional ids.
    """
    switch = control(Dropdown, "switch", options=list(SWITCHES))
    go = button("Train", "Start both runs", "primary")
    halt = button("Stop", "Stop both runs")
    race = _Race((train_ids, val_ids), baselines, shape, config)
    for other in _races:
        other.stopped.set()
    _races.add(race)
    go.on_click(lambda _: race.start(switch.value))
    halt.on_click(lambda _: race.stop())
    made = panel([switch, HBox([go, halt])], race.view)
    made.race = race
    return made
