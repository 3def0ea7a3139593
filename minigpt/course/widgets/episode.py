"""Move through a training run: its loss, its texts, its heads and what it expects."""

import html
from bisect import bisect_right

from ipywidgets import HTML, HBox, Layout, SelectionSlider, ToggleButtons, VBox

from minigpt.baselines import Baselines
from minigpt.course.colours import BLUE, FAINT, GRID, INK, VERMILLION
from minigpt.course.episode import Episode, Moment, load_episode
from minigpt.course.widgets.base import button, connect, control, panel
from minigpt.course.widgets.loss_curve import curve_svg
from minigpt.course.widgets.markup import PROSE_FONT, tag
from minigpt.tokenizer import visible

WRAP = "display: flex; flex-wrap: wrap; gap: 1em 2.5em; align-items: flex-start"
NUMBERS = "font-variant-numeric: tabular-nums"
BAR = 14.0  # em


def episode_panel(episode: Episode | None = None) -> VBox:
    """Return a slider over the moments of a training run, which moves four views.

    They are the loss curve, a text that the model wrote, how much each head looked at
    its targets, and the probabilities of the next token after a beginning.

    Args:
        episode: by default the one that comes with the course.
    """
    shown = load_episode() if episode is None else episode
    options = [(f"{m.iteration:,}", n) for n, m in enumerate(shown.moments)]
    moment = control(
        SelectionSlider, "iteration", options=options, value=len(options) - 1
    )
    names = [f"before {_quoted(word)}" for word in shown.truth]
    places = [(name, n) for n, name in enumerate(names)]
    place = control(ToggleButtons, "next token", options=places, value=0)
    view, problem = HTML(), HTML()

    def step(by: int) -> None:
        moment.value = min(max(moment.value + by, 0), len(options) - 1)

    back = button("◀ earlier", "One moment back")
    forward = button("later ▶", "One moment forward")
    back.on_click(lambda _: step(-1))
    forward.on_click(lambda _: step(1))

    def redraw() -> None:
        view.value = moment_html(shown, moment.value, place.value)

    connect(redraw, [moment, place], problem)
    steps = HBox([back, forward], layout=Layout(flex_flow="row wrap"))
    return panel([moment, steps, place], problem, view)


def moment_html(episode: Episode, number: int, place: int) -> str:
    """Return one moment of the run as HTML; `place` is the number of a beginning."""
    moment = episode.moments[number]
    last = episode.moments[-1].iteration
    until = bisect_right([i for i, _ in episode.losses], moment.iteration)
    unseen = [(m.iteration, m.loss) for m in episode.moments[: number + 1]]
    curves = {"training": episode.losses[:until], "unseen tales": unseen}
    curve = curve_svg(curves, Baselines(**episode.baselines), last)
    phase = (
        "practises copying" if moment.iteration < episode.practice else "reads tales"
    )
    told = (
        f"After {moment.iteration:,} of {last:,} iterations the loss on unseen tales "
    )
    told += f"is <b>{moment.loss:.2f}</b> nats per token; the model now {phase}."
    lower = tag(
        "div", _scores(episode, moment), _bars(episode, moment, place), style=WRAP
    )
    about = tag("div", html.escape(episode.about), style=f"color: {FAINT}")
    style = f"color: {INK}; line-height: 1.5"
    return tag("div", told, curve, _sample(moment), lower, about, style=style)


def _sample(moment: Moment) -> str:
    style = f"font-family: {PROSE_FONT}; white-space: pre-wrap; height: 11em; "
    style += f"overflow: auto; border: 1px solid {GRID}; padding: 0.4em 0.6em; "
    style += "line-height: 1.4; margin: 0.4em 0"
    return tag("div", html.escape(moment.sample), style=style)


def _scores(episode: Episode, moment: Moment) -> str:
    """Return one table of heads for each kind of target."""
    tables = []
    for kind, cells in moment.scores.items():
        head = tag(
            "tr", tag("th"), *(tag("th", f"head {n}") for n in range(len(cells[0])))
        )
        rows = [
            tag("tr", tag("th", f"layer {n}"), *map(_cell, row))
            for n, row in enumerate(cells)
        ]
        words = f"looks at the {kind}"
        if kind != "previous token":
            words = f"looks at the {kind} to come"
        caption = tag("caption", f"{words} (equal weights: {episode.equal[kind]:.2f})")
        style = f"border-spacing: 2px; {NUMBERS}; color: {INK}"
        tables.append(tag("table", caption, head, *rows, style=style))
    return tag("div", *tables)


def _cell(score: float) -> str:
    style = f"background: rgba(0, 114, 178, {0.75 * score:.2f}); width: 3.6em; "
    return tag("td", f"{score:.2f}", style=f"{style}text-align: center")


def _bars(episode: Episode, moment: Moment, place: int) -> str:
    truth = visible(episode.truth[place])
    rows = []
    for word, share in zip(episode.words[place], moment.bars[place], strict=True):
        colour = VERMILLION if word == truth else BLUE
        style = f"width: {BAR * share:.2f}em; height: 0.9em; background: {colour}"
        name = tag("code", html.escape(visible(word)))
        bar = tag("td", tag("div", style=style), style=f"width: {BAR}em")
        number = tag("td", f"{100 * share:.1f}%", style="text-align: right")
        rows.append(tag("tr", tag("td", name), bar, number))
    guess, share = moment.guesses[place]
    end = episode.prompts[place].replace("\n", "⏎")[-42:]
    told = (
        f"after <code>…{html.escape(end)}</code>, where {_quoted(truth)} comes next; "
    )
    told += f"the model's guess: <b>{_quoted(guess)}</b> ({100 * share:.0f}%)"
    style = f"border-spacing: 0.5em 0.15em; {NUMBERS}; color: {INK}"
    table = tag("table", *rows, style=style)
    return tag("div", told, table, style="max-width: 27em")


def _quoted(word: str) -> str:
    return f"“{html.escape(visible(word).strip('␣') or '␣')}”"
