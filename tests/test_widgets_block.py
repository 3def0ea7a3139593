"""Drive the panel of lesson 03 to the extremes of its controls, and read it."""

import itertools
import time

import pytest
import torch

from minigpt.course import widgets
from minigpt.course.widgets import block
from minigpt.course.widgets.block import NORMS, fresh_blocks, measure, run_blocks


@pytest.fixture
def panel():
    """The controls (residuals, LayerNorm, blocks) and the view of an open panel."""
    return widgets.stream_panel().children


def test_it_opens_with_gpts_own_way(panel):
    residual, norm, depth, view = panel
    assert residual.value and norm.value == "before" and depth.value == 12
    assert view.value.count("<svg") == 3
    assert "✓ All sizes are stable" in view.value


def test_its_words_name_what_breaks(panel):
    residual, norm, _, view = panel
    norm.value = "off"
    assert "✗ The stream explodes and the gradient explodes" in view.value
    residual.value = False
    assert "✗ The stream vanishes, the gradient vanishes and" in view.value
    norm.value = "before"
    assert "✗ The positions have become alike" in view.value
    residual.value, norm.value = True, "after"
    assert "✗ The positions have become alike" in view.value


def test_every_setting_is_drawn_within_its_chart(panel):
    residual, norm, depth, view = panel
    depths = (depth.min, 2, depth.max)
    for setting in itertools.product(depths, (True, False), NORMS.values()):
        depth.value, residual.value, norm.value = setting
        assert "nan" not in view.value and "inf" not in view.value
        found = measure(*setting)
        assert len(found.size) == len(found.gradient) == depth.value + 1
        assert all(0 <= fraction <= 1 for fraction in found.differs)


def test_controls_are_labelled_and_bounded(panel):
    depth = panel[2]
    assert [c.description for c in panel[:3]] == ["residuals", "LayerNorm", "blocks"]
    depth.value = 1000
    assert depth.value == depth.max == 24
    depth.value = -5
    assert depth.value == depth.min == 1


def test_charts_say_what_they_show(panel):
    view = panel[-1].value
    assert view.count('role="img"') == 3
    assert 'aria-label="size of the stream: from 1' in view


def test_random_numbers_are_left_as_they_were():
    fresh_blocks.cache_clear()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    fresh_blocks()
    assert torch.equal(torch.rand(3), expected)


def test_it_answers_with_150_ms_of_work(panel):
    residual, norm, depth, _ = panel
    residual.value = False
    depth.value = 24
    measure.cache_clear()
    seconds = []
    for norm.value in ("off", "after", "before"):
        start = time.thread_time()
        depth.value = 23 if depth.value == 24 else 24
        seconds.append(time.thread_time() - start)
    assert sorted(seconds)[1] < 0.15


def test_what_is_measured_agrees_with_the_models_own_blocks():
    x = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(0))
    blocks = fresh_blocks()[:3]
    expected = x
    for b in blocks:
        expected = b(expected)
    torch.testing.assert_close(run_blocks(x, blocks, True, "before")[-1], expected)


def test_the_start_is_the_same_at_every_depth():
    sizes = [measure(depth, True, "before").size for depth in (3, 24)]
    assert sizes[0] == pytest.approx(sizes[1][:4])
    assert measure(24, True, "before").gradient[-1] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.52, "0.52"),
        (480.4, "480"),
        (1.6e-5, "1.6 · 10⁻⁵"),
        (3.4e5, "3.4 · 10⁵"),
    ],
)
def test_numbers_are_short(value, text):
    assert block._number(value) == text
