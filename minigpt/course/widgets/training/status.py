"""Say in words and numbers how far a training is, and show what it writes."""

import html

from minigpt.course.widgets.loss_curve import FAINT, INK, Curve, curve_svg, smooth
from minigpt.course.widgets.training.run import Run
from minigpt.course.widgets.training.trainer import Trainer

RECENT = 50  # iterations
EMPTY = "–"
WORDS = {
    "ready": "Ready.",
    "preparing": "Reading the text and timing this machine …",
    "training": "Training.",
    "paused": "Paused.",
    "stopped": "Stopped.",
    "finished": "Finished.",
    "failed": "It could not go on.",
}


def status_html(trainer: Trainer) -> str:
    """Return a progress bar and the numbers below it, always of the same height."""
    run = trainer.run
    done, total = (run.iteration, run.config.max_iters) if run else (0, 0)
    known = run is not None and total > 0 and trainer.phase != "preparing"
    fields = {
        "iteration": f"{done:,} of {total:,}" if known else EMPTY,
        "training loss": _training_loss(trainer),
        "validation loss": _validation_loss(trainer),
        "tokens per second": _speed(trainer),
        "time left": _time_left(trainer) if known else EMPTY,
    }
    cells = "".join(_field(name, value) for name, value in fields.items())
    share = done / total if known else 0.0
    return (
        f'<div style="color: {INK}; line-height: 1.4">{_bar(share)}'
        f'<div style="display: flex; gap: 0.5em 2em; flex-wrap: wrap">{cells}</div>'
        f'<div style="min-height: 1.5em; padding-top: 0.2em">{_said(trainer)}</div>'
        "</div>"
    )


def curve_html(run: Run | None) -> str:
    """Return the loss curve of a run as HTML, empty before there is one."""
    if run is None:
        return ""
    val = list(run.val_losses)
    return curve_svg(Curve(smooth_curve(run), val, run.config.max_iters, run.baselines))


def smooth_curve(run: Run) -> list[tuple[int, float]]:
    """Return (iteration, smoothed training loss) of the steps made so far."""
    steps = list(run.steps)
    losses = smooth([step.loss for step in steps])
    return [(step.iteration, x) for step, x in zip(steps, losses, strict=True)]


def sample_html(trainer: Trainer) -> str:
    """Return what the model wrote when it was last looked at."""
    newest = trainer.newest
    head = "What it writes appears here while it learns."
    if trainer.sample and newest is not None:
        count = newest.iteration
        head = f"What it writes after {count:,} iteration{'' if count == 1 else 's'}"
    return (
        f'<div style="color: {FAINT}; padding: 0.3em 0.6em 0">{head}</div>'
        f'<div style="color: {INK}; white-space: pre-wrap; line-height: 1.35; '
        f'padding: 0.3em 0.6em">{html.escape(trainer.sample)}</div>'
    )


def _said(trainer: Trainer) -> str:
    words = WORDS[trainer.phase]
    if trainer.phase in ("preparing", "training") and trainer.asked:
        words = f"{trainer.asked} …"
    if trainer.phase == "preparing" and trainer.asked == "Pausing":
        words = WORDS["paused"]
    return f"<b>{html.escape(words)}</b> {html.escape(trainer.saved)}"


def _bar(share: float) -> str:
    return (
        '<div style="height: 6px; border-radius: 3px; margin: 0.3em 0 0.5em; '
        'background: var(--jp-layout-color2, #e6e6e6)"><div style="height: 100%; '
        f"width: {100 * share:.1f}%; border-radius: 3px; "
        'background: var(--jp-brand-color1, #0072b2)"></div></div>'
    )


def _field(name: str, value: str) -> str:
    return (
        f'<div style="min-width: 8em"><div style="color: {FAINT}; font-size: 0.9em">'
        f'{name}</div><div style="font-variant-numeric: tabular-nums">{value}</div>'
        "</div>"
    )


def _training_loss(trainer: Trainer) -> str:
    steps = trainer.run.steps[-4 * RECENT :] if trainer.run else []
    return f"{smooth([step.loss for step in steps])[-1]:.2f}" if steps else EMPTY


def _validation_loss(trainer: Trainer) -> str:
    losses = trainer.run.val_losses if trainer.run else []
    return f"{losses[-1][1]:.2f}" if losses else EMPTY


def _speed(trainer: Trainer) -> str:
    steps = trainer.run.steps[-RECENT:] if trainer.run else []
    seconds = sum(step.seconds for step in steps)
    tokens = sum(step.tokens for step in steps)
    return f"{tokens / seconds:,.0f}" if seconds else EMPTY


def _time_left(trainer: Trainer) -> str:
    left = trainer.seconds_left
    if left is None:
        return EMPTY
    return f"{int(left) // 60}:{int(left) % 60:02d}"
