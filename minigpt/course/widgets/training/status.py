"""Show in words and numbers how far a training run is, and what the model writes."""

import html
import math

from minigpt.course.colours import FAINT, INK
from minigpt.course.curves import smoothed
from minigpt.course.widgets.loss_curve import Curve, curve_svg
from minigpt.course.widgets.training.trainer import Trainer

RECENT = 50  # iterations
EMPTY = "–"
WORDS = {
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
    run, steps = trainer.run, trainer.steps
    known = run is not None and trainer.phase != "preparing"
    fields = dict.fromkeys(
        ("iteration", "training loss", "validation loss", "tokens per second"), EMPTY
    )
    fields["time left"] = EMPTY
    if run is not None and known:
        fields["iteration"] = f"{run.iteration:,}"
        if (left := run.seconds_left) is not None:
            fields["time left"] = f"{int(left) // 60}:{int(left) % 60:02d}"
    if steps:
        fields["training loss"] = f"{smooth_curve(trainer)[-1][1]:.2f}"
        seconds = sum(step.seconds for step in steps[-RECENT:])
        tokens = sum(step.tokens for step in steps[-RECENT:])
        fields["tokens per second"] = f"{tokens / seconds:,.0f}"
    if run is not None and run.val_losses:
        fields["validation loss"] = f"{run.val_losses[-1][1]:.2f}"
    cells = "".join(_field(name, value) for name, value in fields.items())
    progress = run.progress if run is not None and known else 0.0
    return (
        f'<div style="color: {INK}; line-height: 1.4">{_bar(progress)}'
        f'<div style="display: flex; gap: 0.5em 2em; flex-wrap: wrap">{cells}</div>'
        f'<div style="min-height: 1.5em; padding-top: 0.2em">{_phase(trainer)}</div>'
        "</div>"
    )


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
    points = smooth_curve(trainer)
    return curve_svg(Curve(points, list(run.val_losses), last, baselines))


def smooth_curve(trainer: Trainer) -> list[tuple[int, float]]:
    """Return (iteration, smoothed training loss) of the steps made so far."""
    steps = list(trainer.steps)
    first = steps[0].iteration if steps else 1
    return smoothed([step.loss for step in steps], over=20, first=first)


def sample_html(trainer: Trainer) -> str:
    """Return the latest sample as HTML."""
    head = "Samples of what the model writes will appear here."
    if trainer.sample and trainer.newest is not None:
        count = trainer.newest.iteration
        head = f"Sample after {count:,} iteration{'' if count == 1 else 's'}"
    return (
        f'<div style="color: {FAINT}; padding: 0.3em 0.6em 0">{head}</div>'
        f'<div style="color: {INK}; white-space: pre-wrap; line-height: 1.35; '
        f'padding: 0.3em 0.6em">{html.escape(trainer.sample)}</div>'
    )


def _phase(trainer: Trainer) -> str:
    words = WORDS[trainer.phase]
    if trainer.phase in ("preparing", "training") and trainer.asked:
        words = f"{trainer.asked} …"
    return f"<b>{html.escape(words)}</b> {html.escape(trainer.saved)}"


def _bar(progress: float) -> str:
    return (
        '<div style="height: 6px; border-radius: 3px; margin: 0.3em 0 0.5em; '
        'background: var(--jp-layout-color2, #e6e6e6)"><div style="height: 100%; '
        f"width: {100 * progress:.1f}%; border-radius: 3px; "
        'background: var(--jp-brand-color1, #0072b2)"></div></div>'
    )


def _field(name: str, value: str) -> str:
    return (
        f'<div style="min-width: 8em"><div style="color: {FAINT}; font-size: 0.9em">'
        f'{name}</div><div style="font-variant-numeric: tabular-nums">{value}</div>'
        "</div>"
    )
