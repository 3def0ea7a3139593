"""Drive the two panels of lesson 02 over the extremes of their controls."""

import re
import statistics
import time

import pytest
import torch
from ipywidgets import HBox
from markup import plain

from minigpt.attention import causal_attention
from minigpt.config import GPTConfig
from minigpt.course import widgets
from minigpt.course.widgets.attention import LINES, WORDS
from minigpt.course.widgets.attention_html import attention_map_html, where_it_looks
from minigpt.model import GPT
from minigpt.tokenizer import CharTokenizer

CHARACTERS = "".join(sorted(set("".join(LINES) + "<&>\"'\n")))
BLOCK, LAYERS, HEADS = 256, 3, 2
IN_ONE_LINE = [line.replace("\n", "⏎") for line in LINES]


class Explorer:
    """The panel, its controls by their labels, and what it says."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.tokenizer = CharTokenizer(CHARACTERS)
        self.model = GPT(
            GPTConfig(
                vocab_size=len(CHARACTERS),
                block_size=BLOCK,
                n_layer=LAYERS,
                n_head=HEADS,
                n_embd=32,
            )
        ).eval()
        for block in self.model.blocks:
            torch.nn.init.normal_(block.attention.qkv.weight)
        self.runs = 0
        self.model.blocks[0].register_forward_pre_hook(self._count)
        panel = widgets.attention_explorer(self.model, self.tokenizer)
        *controls, self.problem, self.view = panel.children
        self.buttons = controls.pop()
        self.controls = {c.description: c for c in controls}

    def _count(self, *_) -> None:
        self.runs += 1

    def set(self, label: str, value) -> None:
        self.controls[label].value = value

    def get(self, label: str):
        return self.controls[label].value

    @property
    def says(self) -> str:
        return plain(self.view.value)


@pytest.fixture
def explorer() -> Explorer:
    return Explorer()


def test_explorer_opens_alive_with_labels_in_the_lessons_terms(explorer):
    assert list(explorer.controls) == [
        "a tale's beginning",
        "or your own",
        "layer",
        "head",
        "position that looks",
    ]
    assert isinstance(explorer.buttons, HBox)
    assert "looks most at" in explorer.says and not explorer.problem.value
    assert explorer.runs == 1


@torch.no_grad()
@pytest.mark.parametrize("layer", [0, LAYERS - 1])
@pytest.mark.parametrize("head", [0, HEADS - 1])
@pytest.mark.parametrize("position", [0, 1, len(LINES[0]) - 1])
def test_explorer_shows_what_the_model_gives(explorer, layer, head, position):
    for label, value in ("layer", layer), ("head", head):
        explorer.set(label, value)
    explorer.set("position that looks", position)
    ids = torch.tensor([explorer.tokenizer.encode(LINES[0])])
    block, stream = explorer.model.blocks[layer], explorer.model.embed(ids)
    for before in explorer.model.blocks[:layer]:
        stream = before(stream)
    q, k, v = block.attention.heads(block.norm1(stream))
    weights = causal_attention(q, k, v)[1][0, head, position]
    most = int(weights.argmax())
    assert f"(position {position}) looks most at" in explorer.says
    assert f"(position {most}): {100 * float(weights[most]):.0f}%" in explorer.says
    assert f"layer {layer}, head {head}" in explorer.view.value


def test_explorer_runs_the_model_only_for_a_new_sentence(explorer):
    explorer.set("layer", 1)
    explorer.set("head", 1)
    explorer.set("position that looks", 3)
    assert explorer.runs == 1
    explorer.set("a tale's beginning", LINES[1])
    assert explorer.runs == 2 and explorer.get("or your own") == IN_ONE_LINE[1]


def test_explorer_reads_what_its_list_shows_as_signs():
    assert all(len(line) <= BLOCK for line in LINES)
    explorer = Explorer()
    explorer.set("or your own", "The⏎Gus")
    assert explorer.controls["position that looks"].max == 6
    explorer.set("position that looks", 3)
    assert "⏎ (position 3) looks" in explorer.says


def test_explorer_opens_where_it_is_told_to():
    made = Explorer()
    panel = widgets.attention_explorer(made.model, made.tokenizer, layer=2, head=1)
    assert "layer 2, head 1" in panel.children[-1].value


def test_explorer_steps_by_its_buttons_and_stops_at_the_ends(explorer):
    back, on = explorer.buttons.children
    assert "previous" in back.description and "next" in on.description
    explorer.set("position that looks", 1)
    back.click()
    back.click()
    assert explorer.get("position that looks") == 0
    on.click()
    assert explorer.get("position that looks") == 1
    last = len(LINES[0]) - 1
    explorer.set("position that looks", last)
    on.click()
    assert explorer.get("position that looks") == last
    assert f"(position {last}) looks" in explorer.says


@pytest.mark.parametrize("text", ["W", "  ", "<&>\"'", "⏎⏎", "e" * BLOCK])
def test_explorer_takes_any_sentence_that_fits(explorer, text):
    explorer.set("or your own", text)
    assert not explorer.problem.value
    assert explorer.controls["position that looks"].max == len(text) - 1
    assert explorer.get("a tale's beginning") is None
    assert "looks most at" in explorer.says
    for position in 0, len(text) - 1:
        explorer.set("position that looks", position)
        assert f"(position {position}) looks" in explorer.says


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the sentence is empty"),
        ("é", "unknown character"),
        ("The fox 日", "unknown character"),
        ("e" * (BLOCK + 1), f"at most {BLOCK}"),
        ("e" * 100_000, f"at most {BLOCK}"),
    ],
)
def test_explorer_says_in_words_what_it_cannot_read(explorer, text, said):
    before = explorer.view.value
    explorer.set("or your own", text)
    assert said in plain(explorer.problem.value)
    assert explorer.view.value == before
    explorer.set("layer", 1)
    assert said in plain(explorer.problem.value)
    explorer.set("or your own", "Gus")
    assert not explorer.problem.value and "looks most at" in explorer.says


def test_after_a_bad_sentence_any_line_can_be_chosen(explorer):
    line = explorer.controls["a tale's beginning"]
    explorer.set("or your own", "日")
    assert line.value is None
    line.value = LINES[0]
    assert explorer.get("or your own") == IN_ONE_LINE[0] and not explorer.problem.value


def test_explorer_answers_with_150_milliseconds_of_work(explorer):
    explorer.set("or your own", "e" * BLOCK)
    times = []
    for label, value in [
        ("layer", 1),
        ("head", 1),
        ("position that looks", 5),
        ("a tale's beginning", LINES[2]),
        ("or your own", "o" * BLOCK),
    ]:
        start = time.thread_time()
        explorer.set(label, value)
        times.append(time.thread_time() - start)
    assert statistics.median(times) < 0.150


# The HTML that other panels use too


def test_where_it_looks_shades_the_past_and_hatches_the_future():
    shown = where_it_looks(torch.tensor([0.25, 0.75, 0.0, 0.0]), list("a<bc"), 1)
    spans = re.findall(r'<span style="([^"]*)">([^<]*)</span>', shown)
    assert [text for _, text in spans] == ["a", "&lt;", "b", "c"]
    assert ["gradient" in style for style, _ in spans] == [False, False, True, True]
    assert ["outline" in style for style, _ in spans] == [False, True, False, False]
    assert "rgba(0, 114, 178, 0.20)" in spans[0][0]
    assert "&lt; (position 1): 75%, a (position 0): 25%" in plain(shown)


def test_map_draws_no_weight_above_the_diagonal():
    T = 5
    weights = torch.full((T, T), 1 / T)
    shown = attention_map_html(weights, list("abcde"), 2, "a map <of> five")
    plain(shown)
    squares = re.findall(r"M([\d.]+) ([\d.]+)h", shown)
    assert len(squares) == T * (T + 1) // 2
    assert all(float(x) <= float(y) for x, y in squares)
    assert 'aria-label="a map &lt;of&gt; five"' in shown


# The leak grid


@pytest.fixture
def leaks():
    mask, word, problem, view = widgets.leak_grid_panel().children
    assert not problem.value
    return mask, word, view


def test_leak_grid_opens_with_the_correct_mask(leaks):
    mask, word, view = leaks
    assert mask.value == "correct" and WORDS[word.value] == "grapes"
    text = plain(view.value)
    assert "moved the outputs at: grapes, and, leapt." in text and "✓" in text


@pytest.mark.parametrize("word_changed", range(len(WORDS)))
@pytest.mark.parametrize("name", ["correct", "float: 0 and -inf"])
def test_masks_that_hold_leak_nowhere(leaks, name, word_changed):
    mask, word, view = leaks
    mask.value, word.value = name, word_changed
    text = plain(view.value)
    assert "Nothing before it moved" in text and "leaks" not in text
    assert text.count("moves") == 1 + 21  # the caption's, and the triangle's


@pytest.mark.parametrize("word_changed", range(len(WORDS)))
@pytest.mark.parametrize("name", ["missing", "float: 1 and 0"])
def test_masks_that_leak_are_told_word_by_word(leaks, name, word_changed):
    mask, word, view = leaks
    mask.value, word.value = name, word_changed
    text = plain(view.value)
    assert text.count("✗ leaks") == 15
    if word_changed:
        assert f"leaks into {', '.join(WORDS[:word_changed])}." in text
    else:
        assert "But other words leak" in text


def test_leak_grid_answers_with_150_milliseconds_of_work(leaks):
    mask, word, _ = leaks
    times = []
    for number, name in enumerate(mask.options):
        start = time.thread_time()
        mask.value = name
        word.value = number
        times.append(time.thread_time() - start)
    assert statistics.median(times) < 0.150
