"""Drive the panels of lessons 00 and 01 over the extremes of their controls."""

import asyncio
import copy
import re
import time
from types import SimpleNamespace

import pytest
import torch

from minigpt.checkpoint import load_checkpoint
from minigpt.config import GPTConfig
from minigpt.course import widgets
from minigpt.course.widgets import tale_panel
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT, TEXTS
from minigpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

TEXT = (TEXTS / "fables.txt").read_text(encoding="utf-8")[:60_000]
TOKENIZERS = {
    "characters": CharTokenizer.from_text(TEXT),
    "BPE, V = 400": BPETokenizer.train(TEXT, 400),
    "words": WordTokenizer.from_text(TEXT),
}


class Explorer:
    """The token explorer as a person meets it: two controls, two views."""

    def __init__(self, **chosen):
        self.panel = widgets.token_explorer(TOKENIZERS, **chosen)
        self.text, self.tokenizer, self.problem, self.view = self.panel.children

    def shown(self):
        return re.sub(r"<[^>]+>", " ", self.view.value)


def test_it_opens_alive_and_every_control_has_a_name():
    explorer = Explorer()
    assert "20 tokens for 20 characters: 1.00 characters per token" in explorer.shown()
    assert explorer.text.description == "text"
    assert explorer.tokenizer.description == "tokenizer"
    assert list(explorer.tokenizer.options) == list(TOKENIZERS)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_it_shows_every_token_with_its_id(name):
    explorer = Explorer()
    explorer.tokenizer.value = name
    explorer.text.value = "The crow saw.\n"
    for i in TOKENIZERS[name].encode("The crow saw.\n"):
        assert re.search(rf"\b{i}\b", explorer.shown())
    assert "␣" in explorer.shown() and "⏎" in explorer.shown()


def test_equal_tokens_have_the_same_colour():
    explorer = Explorer(text="abab")
    colours = re.findall(r"background: (rgba\([^)]*\))", explorer.view.value)
    assert colours[:2] == colours[2:]
    assert len(set(colours)) == 2


@pytest.mark.parametrize("name", TOKENIZERS)
def test_empty_text_asks_for_some(name):
    explorer = Explorer()
    explorer.tokenizer.value = name
    explorer.text.value = ""
    assert "type some text" in explorer.shown()
    assert explorer.problem.value == ""


def test_one_token_is_counted_as_one():
    assert "1 token for 1 character:" in Explorer(text="a").shown()


def test_an_unknown_character_is_answered_in_words():
    explorer = Explorer()
    explorer.text.value = "crème"
    assert "unknown character" in explorer.problem.value
    assert explorer.view.value == ""
    explorer.text.value = "cream"
    assert explorer.problem.value == ""
    assert "5 tokens" in explorer.shown()


def test_a_tokenizer_that_knows_the_character_makes_the_message_go():
    explorer = Explorer(text="crème 🐭")
    assert "unknown character" in explorer.problem.value
    explorer.tokenizer.value = "BPE, V = 400"
    assert explorer.problem.value == ""
    assert r"\xf0" in explorer.shown()


def test_a_word_that_is_not_in_the_vocabulary_is_said_to_be_lost():
    explorer = Explorer()
    explorer.tokenizer.value = "words"
    explorer.text.value = "chimpanzee"
    assert "one word is not in the vocabulary" in explorer.shown()
    explorer.text.value = "chimpanzee and chimpanzees"
    assert "2 words are not in the vocabulary" in explorer.shown()
    explorer.text.value = "and"
    assert "not in the vocabulary" not in explorer.shown()


def test_half_a_surrogate_pair_is_answered_in_words():
    explorer = Explorer()
    explorer.tokenizer.value = "BPE, V = 400"
    explorer.text.value = "\ud83d"
    assert "surrogate" in explorer.problem.value


def test_a_long_text_is_cut_and_a_longer_one_refused():
    explorer = Explorer()
    explorer.text.value = TEXT[:20_000]
    assert "… and 19,600 more tokens" in explorer.shown()
    explorer.text.value = TEXT[:20_001]
    assert "shows at most 20,000" in explorer.problem.value


def test_what_is_typed_cannot_become_markup():
    explorer = Explorer()
    explorer.tokenizer.value = "BPE, V = 400"
    explorer.text.value = "<script>alert(1)</script>&"
    assert "<script" not in explorer.view.value


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("length", [1, 2_000, 20_000])
def test_it_answers_at_once(name, length):
    explorer = Explorer()
    explorer.tokenizer.value = name
    times = []
    for n in range(5):
        began = time.thread_time()
        explorer.text.value = TEXT[n : n + length]
        times.append(time.thread_time() - began)
    assert min(times) < 0.15


def test_no_tokenizers_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        widgets.token_explorer({})


# The tale button


@pytest.fixture(scope="module")
def shipped():
    return load_checkpoint(SHIPPED_CHECKPOINT)


class Button:
    """The tale button as a person meets it."""

    def __init__(self, shipped, length=40):
        self.panel = widgets.tale_button(shipped.model, shipped.tokenizer, length)
        self.title, self.temperature, self.press, self.problem, self.view = (
            self.panel.children
        )

    def written(self):
        """Wait for the end of the text and return it."""
        until = time.monotonic() + 20
        while "■" not in self.view.value and time.monotonic() < until:
            time.sleep(0.02)
        return re.sub(r"<[^>]+>", "", self.view.value)


def test_button_writes_on_from_the_title(shipped):
    button = Button(shipped)
    assert "Press the button" in button.view.value
    button.press.click()
    assert button.written().startswith("The crow and the")


def test_each_press_writes_another(shipped):
    button = Button(shipped)
    button.press.click()
    first = button.written()
    button.press.click()
    assert button.written() != first


def test_a_press_answers_at_once_in_a_notebook(shipped):
    button, took = Button(shipped, length=500), []

    async def press():
        for _ in range(3):
            began = time.thread_time()
            button.press.click()
            took.append(time.thread_time() - began)
            await asyncio.sleep(0.05)

    asyncio.run(press())
    assert min(took) < 0.15


@pytest.mark.parametrize("temperature", [0.1, 2.0])
@pytest.mark.parametrize("title", ["A", "\n", "The crème and the 🦊", "The fox " * 200])
def test_button_at_the_ends_of_its_controls(shipped, title, temperature):
    button = Button(shipped, length=5)
    button.title.value = title
    button.temperature.value = temperature
    button.press.click()
    assert "■" in button.written()
    assert button.problem.value == ""
    assert (button.temperature.min, button.temperature.max) == (0.1, 2.0)


def test_button_without_a_title_lets_the_model_invent_one(shipped):
    button = Button(shipped, length=8)
    button.title.value = ""
    button.press.click()
    assert len(button.written()) > len("\n\n■") and button.problem.value == ""


def test_button_answers_an_unknown_character_in_words():
    tokenizer = CharTokenizer.from_text("\nTHE FOX")
    model = GPT(GPTConfig(tokenizer.vocab_size, 8, n_layer=1, n_head=1, n_embd=8))
    button = Button(SimpleNamespace(model=model, tokenizer=tokenizer))
    button.title.value = "CRÈME"
    button.press.click()
    assert "unknown character" in button.problem.value
    button.title.value = "THE FOX"
    button.press.click()
    assert button.problem.value == ""
    assert "■" in button.written()


def test_only_the_last_press_is_seen(shipped):
    button = Button(shipped, length=60)

    async def press():
        for title in ("The goat", "The owl", "The frog"):
            button.title.value = title
            button.press.click()
            await asyncio.sleep(0.02)
        while "■" not in button.view.value:
            assert "The goat" not in button.view.value
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)

    asyncio.run(press())
    assert button.written().startswith("The frog")


def test_button_shows_characters_of_several_tokens_whole(shipped, monkeypatch):
    tokenizer = BPETokenizer.train("Лиса и ворона. " * 20, 262)
    written = tokenizer.encode("и ворона 🦊")
    monkeypatch.setattr(tale_panel, "generate", lambda *args, **settings: iter(written))
    panel = widgets.tale_button(shipped.model, tokenizer)
    title, _, press, problem, view = panel.children
    title.value = "Лиса "
    press.click()
    until = time.monotonic() + 20
    while "■" not in view.value and time.monotonic() < until:
        time.sleep(0.02)
    assert "Лиса и ворона 🦊" in view.value and problem.value == ""


def test_a_broken_model_is_answered_in_words(shipped):
    broken = copy.deepcopy(shipped.model)
    with torch.no_grad():
        broken.token_embedding.weight.fill_(float("nan"))
    panel = widgets.tale_button(broken, shipped.tokenizer, length=5)
    _, _, press, problem, _ = panel.children
    press.click()
    until = time.monotonic() + 20
    while not problem.value and time.monotonic() < until:
        time.sleep(0.02)
    assert "the model is broken" in problem.value
