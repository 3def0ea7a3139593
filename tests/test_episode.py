"""The episode that comes with the course, and the command that makes another."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from ipywidgets import HTML

from minigpt.course import widgets
from minigpt.course.episode import FILE, Episode, load_episode, save_episode

ROOT = Path(__file__).resolve().parent.parent


def test_the_file_is_small_and_its_parts_fit_together():
    episode = load_episode()
    assert FILE.stat().st_size < 3_000_000
    assert 18 <= len(episode.moments) <= 24
    iterations = [moment.iteration for moment in episode.moments]
    assert iterations == sorted(set(iterations)) and iterations[0] == 0
    assert iterations[-1] == episode.losses[-1][0]
    assert len(episode.prompts) == len(episode.truth) == len(episode.words)
    for moment in episode.moments:
        assert set(moment.scores) == set(episode.equal)
        assert all(0 <= x <= 1 for s in moment.scores.values() for r in s for x in r)
        for bars, words in zip(moment.bars, episode.words, strict=True):
            assert len(bars) == len(words) and sum(bars) <= 1.001


def test_the_model_has_learned_something():
    episode = load_episode()
    first, last = episode.moments[0], episode.moments[-1]
    assert first.loss > episode.baselines["uniform"] - 1 > last.loss
    assert last.loss > episode.baselines["entropy"]


def test_saved_and_read_again_it_is_the_same(tmp_path):
    episode = load_episode()
    save_episode(episode, tmp_path / "episode.json")
    assert load_episode(tmp_path / "episode.json") == replace(episode)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"moments": 3}'])
def test_a_damaged_file_is_refused_in_a_line(tmp_path, content):
    path = tmp_path / "episode.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="is damaged") as refused:
        load_episode(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="there is no episode"):
        load_episode(tmp_path / "missing.json")


def test_the_slider_moves_all_views():
    panel = widgets.episode_panel()
    moment, view = panel.children[0], panel.children[-1]
    assert isinstance(view, HTML)
    episode: Episode = load_episode()
    shown = []
    for n, seen in enumerate(episode.moments):
        moment.value = n
        shown.append(view.value)
        assert f"After {seen.iteration:,} of" in view.value
        assert seen.sample.splitlines()[0][:20] in view.value
    assert len(set(shown)) == len(episode.moments)


def test_one_command_makes_another(tmp_path, monkeypatch):
    out = tmp_path / "episode.json"
    monkeypatch.setattr(
        "sys.argv", ["episode.py", "--iterations", "4", "--out", str(out)]
    )
    script = runpy.run_path(str(ROOT / "benchmarks/episode.py"))
    tiny = replace(
        script["get_preset"]("tales"),
        model=replace(script["get_preset"]("tales").model, n_embd=8, n_head=2),
    )
    script["main"].__globals__["get_preset"] = lambda name: tiny
    script["main"].__globals__["TALES"] = 2
    script["main"]()
    made = load_episode(out)
    assert [m.iteration for m in made.moments] == [0, 1, 2, 3, 4]
    assert json.loads(out.read_text(encoding="utf-8"))["truth"] == made.truth
