"""Drive lesson 05's panel over the extremes of its controls and read what it shows."""

import re
import statistics
import time

import pytest
import torch
from markup import plain

from minigpt.config import GPTConfig
from minigpt.course import widgets
from minigpt.course.widgets.sampling import SHOWN, bars_html, place_html
from minigpt.model import GPT
from minigpt.tokenizer import CharTokenizer

CHARACTERS = "\n !&.<>?abcdefghijklmnopqrstuvwxyzT"
SENTENCE = "The <fox> & i."


class Driven:
    """The panel, its controls by their labels, and what it says."""

    def __init__(self, sentence: str = SENTENCE) -> None:
        torch.manual_seed(0)
        self.tokenizer = CharTokenizer(CHARACTERS)
        config = GPTConfig(vocab_size=len(CHARACTERS), n_layer=1, n_embd=16)
        self.model = GPT(config).eval()
        with torch.no_grad():
            self.model.token_embedding.weight.mul_(40)
        self.runs = 0
        self.model.register_forward_pre_hook(self._count)
        self.panel = widgets.sampling_bars(self.model, self.tokenizer, sentence)
        *controls, self.problem, self.place, self.bars = self.panel.children
        self.controls = {c.description.split(" (")[0]: c for c in controls}

    def _count(self, *_) -> None:
        self.runs += 1

    def set(self, label: str, value) -> None:
        self.controls[label].value = value

    @property
    def kept(self) -> int:
        return int(re.search(r"(\d+) of \d+ tokens can be drawn", self.bars.value)[1])


@pytest.fixture
def driven() -> Driven:
    return Driven()


def test_it_opens_alive(driven):
    assert not driven.problem.value
    assert "Perplexity" in plain(driven.bars.value, " ")
    assert driven.kept == len(CHARACTERS)


def test_controls_have_the_lessons_terms(driven):
    assert list(driven.controls) == [
        "sentence",
        "position",
        "temperature",
        "top-k",
        "top-p",
    ]


@pytest.mark.parametrize("label", ["position", "temperature", "top-k", "top-p"])
def test_sliders_reach_both_ends_without_running_the_model(driven, label):
    runs = driven.runs
    shown = set()
    for end in (driven.controls[label].min, driven.controls[label].max):
        driven.set(label, end)
        assert not driven.problem.value
        shown.add(plain(driven.place.value, " ") + plain(driven.bars.value, " "))
    assert len(shown) == 2
    assert driven.runs == runs


def test_all_extremes_at_once(driven):
    for temperature in (0.1, 2.0):
        for k in (1, len(CHARACTERS)):
            for p in (0.05, 1.0):
                driven.set("temperature", temperature)
                driven.set("top-k", k)
                driven.set("top-p", p)
                assert not driven.problem.value
                assert "nan" not in driven.bars.value
                assert driven.kept == 1 or (k > 1 and (p == 1 or driven.kept < k))


def test_top_k_keeps_k_and_the_rest_is_said_to_be_cut(driven):
    driven.set("top-k", 3)
    assert driven.kept == 3
    # The rows beyond the third, and that of the others.
    assert driven.bars.value.count(">cut<") == SHOWN - 3 + 1


def test_position_underlines_what_was_read_and_names_what_follows(driven):
    driven.set("position", 5)
    assert "goes on with <b>f</b>" in driven.place.value
    driven.set("position", len(SENTENCE))
    assert "it ends here" in driven.place.value


def test_text_is_escaped(driven):
    assert "<fox>" not in driven.place.value
    assert "&lt;fox&gt;" in driven.place.value.replace("</span><span", "")


def test_a_new_sentence_runs_the_model_once_and_fits_the_position(driven):
    driven.set("position", len(SENTENCE))
    runs = driven.runs
    driven.set("sentence", "a fox")
    assert driven.runs == runs + 1
    assert driven.controls["position"].max == 5
    assert driven.controls["position"].value == 5
    assert not driven.problem.value


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("", "the sentence is empty"),
        ("a" * 10_000, "the sentence has 10,000 tokens, but at most 64 fit here"),
        ("a ЖЖ", "unknown character"),
        ("\ud800", "lone surrogate"),
        ("😀", "unknown character"),
    ],
)
def test_a_sentence_that_cannot_be_read_is_answered_in_words(driven, sentence, said):
    good = driven.bars.value
    driven.set("sentence", sentence)
    assert said in driven.problem.value
    driven.set("temperature", 0.5)
    assert said in driven.problem.value and driven.bars.value == good
    driven.set("sentence", "a fox")
    assert not driven.problem.value and driven.bars.value != good


def test_a_panel_may_open_on_a_sentence_that_it_cannot_read():
    driven = Driven("Жук")
    assert "unknown character" in driven.problem.value
    driven.set("sentence", "a")
    assert not driven.problem.value and driven.controls["position"].max == 1


def test_a_slider_takes_50_milliseconds_of_work_at_most(driven):
    times = []
    for n in range(40):
        start = time.thread_time()
        driven.set("temperature", 0.1 + 0.04 * n)
        driven.set("top-k", 1 + n % 30)
        times.append((time.thread_time() - start) / 2)
    assert statistics.median(times) < 0.05


# The bars by themselves


def test_bars_keep_the_order_of_before_and_sum_the_others():
    before = torch.tensor([0.1, 0.6, 0.05, 0.25])
    after = torch.tensor([0.0, 0.5, 0.0, 0.5])
    text = plain(bars_html(before, after, ["a", "b", "c", "d"], count=2), " ").split()
    assert text.index("b") < text.index("d") < text.index("others")
    assert [x for x in text if x.endswith("%")] == ["60.0%", "50.0%", "25.0%",
                                                    "50.0%", "15.0%"]  # fmt: skip
    assert text[-1] == "cut"


def test_bars_of_a_small_vocabulary_have_no_others():
    p = torch.tensor([0.5, 0.5])
    assert "others" not in bars_html(p, p, ["a", "b"])


def test_tokens_in_the_bars_are_escaped():
    p = torch.tensor([0.5, 0.5])
    markup = bars_html(p, p, ["<b>", "&"])
    assert "&lt;b&gt;" in markup and "&amp;" in markup and "<b>" not in markup


def test_bars_follow_the_theme():
    p = torch.tensor([0.5, 0.5])
    for markup in (bars_html(p, p, ["a", "b"]), place_html(["a", "b"], [0, 1], 1)):
        colours = re.findall(r"(?:color|ground|border|bottom): ([^;\"]+)", markup)
        assert colours and all("var(--jp-" in colour for colour in colours)
