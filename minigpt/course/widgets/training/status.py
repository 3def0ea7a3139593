"""Show in words and numbers how far a training run is, and what the model writes."""

import html
import math

from minigpt.course.colours import BRAND, FAINT, INK, SHADE
from minigpt.course.widgets.loss_curve import curve_svg
from minigpt.course.widgets.markup import tag
from minigpt.course.widgets.training.trainer import Trainer
from minigpt.run import Run

RECENT = 50  # iterations
FIELDS = (
    "iteration",
    "training loss",
    "validation loss",
    "tokens per second",
    "time left",
)
PHASES = {
    "ready": "Ready.",
    "preparing": "Reading the text …",
    "training": "Training.",
    "paused": "Paused.",
    "stopped": "Stopped.",
    "finished": "Finished.",
    "failed": "Training could not continue.",
}


def status_html(trainer: Trainer) -> str:
    """Return a progress bar and the numbers below it, always of the same height."""
    run = None if trainer.phase == "preparing" else trainer.run
    known = _numbers(trainer, run) if run else {}
    cells = [_field(name, known.get(name, "–")) for name in FIELDS]
    words = PHASES[trainer.phase]
    if trainer.phase in ("preparing", "training") and trainer.asked:
        words = f"{trainer.asked} …"
    row = "display: flex; gap: 0.5em 2em; flex-wrap: wrap"
    below = f"<b>{words}</b> {html.escape(trainer.saved)}"
    return tag(
        "div",
        _bar(run.progress if run else 0.0),
        tag("div", *cells, style=row),
        tag("div", below, style="min-height: 1.5em; padding-top: 0.2em"),
        style=f"color: {INK}; line-height: 1.4",
    )


def _numbers(trainer: Trainer, run: Run) -> dict[str, str]:
    found = {"iteration": f"{run.iteration:,}"}
    for name, points in trainer.curves.items():
        if points:
            found[f"{name} loss"] = f"{points[-1][1]:.2f}"
    if recent := trainer.steps[-RECENT:]:
        rate = sum(s.tokens for s in recent) / sum(s.seconds for s in recent)
        found["tokens per second"] = f"{rate:,.0f}"
    if (left := run.seconds_left) is not None:
        found["time left"] = f"{int(left) // 60}:{int(left) % 60:02d}"
    return found


def curve_html(trainer: Trainer) -> str:
    """Return the loss curve of the run as HTML, empty before there is one."""
    run, baselines = trainer.run, trainer.baselines
    if run is None or baselines is None:
        return ""
    last = run.config.max_iters
    if run.config.minutes:  # as many as its speed so far promises, in two digits
        last = max(int(run.iteration / max(run.progress, 0.01)), 100)
        digits = 10 ** (int(math.log10(last)) - 1)
        last = math.ceil(last / digits) * digits
    return curve_svg(trainer.curves, baselines, last)


def sample_html(trainer: Trainer) -> str:
    """Return the latest sample as HTML."""
    head = "Samples of what the model writes will appear here."
    if trainer.sample:
        count = trainer.newest_iteration
        head = f"Sample after {count:,} iteration{'' if count == 1 else 's'}"
    faint = f"color: {FAINT}; padding: 0.3em 0.6em 0"
    text = f"color: {INK}; white-space: pre-wrap; line-height: 1.35; "
    text += "padding: 0.3em 0.6em"
    sample = tag("div", html.escape(trainer.sample), style=text)
    return tag("div", head, style=faint) + sample


def _bar(progress: float) -> str:
    both = "height: 6px; border-radius: 3px"
    done = f"{both}; width: {100 * progress:.1f}%; background: {BRAND}"
    whole = f"{both}; margin: 0.3em 0 0.5em; background: {SHADE}"
    return tag("div", tag("div", style=done), style=whole)


def _field(name: str, value: str) -> str:
    label = tag("div", name, style=f"color: {FAINT}; font-size: 0.9em")
    number = tag("div", value, style="font-variant-numeric: tabular-nums")
    return tag("div", label, number, style="min-width: 8em")
