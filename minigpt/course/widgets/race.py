"""Curves that grow while a lesson trains: one run, or two that differ in one switch."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from ipywidgets import HTML, Button, Dropdown, HBox, VBox
from torch import Tensor

from minigpt.baselines import Baselines
from minigpt.config import GPTConfig, TrainConfig
from minigpt.course import faults
from minigpt.course.widgets.base import Latest, control, in_words, message, panel
from minigpt.course.widgets.loss_curve import Curve, curve_svg, smooth
from minigpt.training import Step, train

REDRAW_SECONDS = 0.3


class LiveCurve(HTML):
    """A picture of the losses that grows while `watch` passes steps on."""

    def __init__(self, baselines: Baselines, max_iters: int) -> None:
        super().__init__()
        self._baselines, self._max_iters = baselines, max_iters

    def watch(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield the steps of a run, drawing a few times a second on the way."""
        losses: list[float] = []
        val: list[tuple[int, float]] = []
        first, drawn = 1, 0.0
        try:
            for step in steps:
                if not losses:
                    first = step.iteration  # more than 1 if a run goes on
                losses.append(step.loss)
                if step.val_loss is not None:
                    val.append((step.iteration, step.val_loss))
                if time.monotonic() - drawn > REDRAW_SECONDS:
                    self._draw(losses, val, first)
                    drawn = time.monotonic()
                yield step
        finally:  # also when the loop is left
            self._draw(losses, val, first)

    def _draw(
        self, losses: list[float], val: list[tuple[int, float]], first: int
    ) -> None:
        points = list(enumerate(smooth(losses, 0.8), start=first))
        curve = Curve(points, val, self._max_iters, self._baselines)
        self.value = curve_svg(curve)


def live_curve(baselines: Baselines, max_iters: int) -> LiveCurve:
    """Return a widget whose `watch(steps)` draws a run while it goes on."""
    return LiveCurve(baselines, max_iters)


SWITCHES = {
    "no positions": faults.no_positions,
    "no residual": faults.no_residual,
    "a mask that leaks": faults.leaking_mask,
    "no scaling": faults.no_scaling,
    "scores too large": faults.scores_too_large,
    "learning rate × 10": faults.learning_rate_too_high,
    "targets not shifted": faults.targets_not_shifted,
    "AdamW in place of Muon": lambda model, config: faults.Exhibit(
        model, replace(config, optimizer="adamw")
    ),
    "no warm-up": lambda model, config: faults.Exhibit(
        model, replace(config, warmup_iters=0)
    ),
}


class _Race:
    """Two runs in a thread, one step of each in turn."""

    def __init__(
        self, ids: tuple[Tensor, Tensor], baselines: Baselines, view: HTML
    ) -> None:
        self.ids, self.baselines, self.view = ids, baselines, view
        self.stopped = threading.Event()
        self.thread = threading.Thread()
        # A cell and a button, which JupyterLab answers in a thread of its own, may
        # start a race at the same moment.
        self.starting = threading.Lock()

    def start(self, switch: str, shape: GPTConfig, config: TrainConfig) -> None:
        with self.starting:
            self.stop()
            self.view.value = "<p>The two runs start.</p>"
            self.stopped = threading.Event()
            self.thread = threading.Thread(
                target=self._run,
                args=(switch, shape, config, self.stopped),
                daemon=True,
            )
            self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        if self.thread.is_alive():
            self.thread.join()

    def _run(
        self,
        switch: str,
        shape: GPTConfig,
        config: TrainConfig,
        stopped: threading.Event,
    ) -> None:
        losses: tuple[list[float], list[float]] = ([], [])
        drawn = 0.0
        try:
            exhibits = [
                faults.make(kind, shape, config)
                for kind in (faults.healthy, SWITCHES[switch])
            ]
            runs = [
                train(e.model, *self.ids, e.config, measure=_nothing) for e in exhibits
            ]
            for steps in zip(*runs, strict=True):
                for step, seen in zip(steps, losses, strict=True):
                    seen.append(step.loss)
                if time.monotonic() - drawn > REDRAW_SECONDS:
                    self._draw(losses, switch, config)
                    drawn = time.monotonic()
                if stopped.is_set():
                    break
            self._draw(losses, switch, config)
        except Exception as error:  # nobody hears of what is raised in a thread
            self.view.value += message(in_words(error))

    def _draw(
        self, losses: tuple[list[float], list[float]], switch: str, config: TrainConfig
    ) -> None:
        healthy, other = (
            list(enumerate(smooth(seen, 0.8), start=1)) for seen in losses
        )
        curve = Curve(
            healthy, other, config.max_iters, self.baselines, ("healthy", switch), False
        )
        self.view.value = curve_svg(curve)


_latest: Latest[_Race] = Latest()


def _nothing(model: torch.nn.Module, ids: Tensor) -> None:
    """Measure no validation loss: the race is about the training loss."""


def race_panel(
    train_ids: Tensor,
    val_ids: Tensor,
    baselines: Baselines,
    shape: GPTConfig,
    config: TrainConfig,
) -> VBox:
    """Return a panel in which a healthy run races one that differs in a switch.

    Args:
        train_ids, val_ids: the text as ids, each of one dimension.
        shape: of both models.
        config: of both runs.
    """
    switch = control(Dropdown, "switch", options=list(SWITCHES))
    go = Button(description="Train", button_style="primary", tooltip="start both runs")
    halt = Button(description="Stop", tooltip="stop both runs")
    view = HTML("<p>Choose a switch and press Train: two runs start side by side.</p>")
    race = _Race((train_ids, val_ids), baselines, view)
    if before := _latest.replaced_by(race):
        before.stopped.set()
    go.on_click(lambda _: race.start(switch.value, shape, config))
    halt.on_click(lambda _: race.stop())
    made = panel([switch, HBox([go, halt])], view)
    made.race = race
    return made
