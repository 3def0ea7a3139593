"""The panels of looking_inside show what the model computes, and answer quickly."""

import asyncio
import re
import statistics
import time

import pytest
import torch

from minigpt import inspection
from minigpt.checkpoint import load_checkpoint
from minigpt.config import GPTConfig
from minigpt.course import widgets
from minigpt.course.widgets import surgery
from minigpt.decoding import generate
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.tokenizer import CharTokenizer

TALE = (
    "\nThe wolf at the river\n\nTor was a stubborn wolf. Up came Tilda, a mole, "
    "who had lost a basket.\n\nTilda: I have looked for my basket, Tor.\n\nTor: You "
    "must mean some other basket."
)
CONTRAST = {"wolf": ([TALE], [TALE.replace("wolf", "fox")])}


@pytest.fixture(scope="module")
def shipped():
    return load_checkpoint(SHIPPED_CHECKPOINT)


def rows(html: str) -> dict[str, float]:
    found = re.findall(r"<tr><td>([^<]+)</td>.*?([+-]\d+\.\d\d)</td></tr>", html)
    return {name: float(value) for name, value in found}


@torch.no_grad()
def test_the_reasons_add_up_to_the_difference_of_the_logits(shipped):
    model, tokenizer = shipped.model, shipped.tokenizer
    panel = widgets.reasons_panel(model, tokenizer, TALE)
    position, view = panel.children[1], panel.children[-1]
    logits = model(torch.tensor([tokenizer.encode(TALE)]))[0]
    ids = tokenizer.encode(TALE)
    for t in (0, 17, position.max):
        position.value = t
        shares = rows(view.value)
        rival = logits[t].scatter(0, torch.tensor(ids[t + 1]), -torch.inf).max()
        right = float(logits[t, ids[t + 1]] - rival)
        assert sum(shares.values()) == pytest.approx(right, abs=0.2)
        assert f"<b>{right:+.2f}</b>" in view.value
    heads = model.config.n_layer * model.config.n_head
    assert len([name for name in shares if name.startswith("head ")]) == heads


def test_the_reasons_refuse_a_text_of_one_token_or_too_many(shipped):
    panel = widgets.reasons_panel(shipped.model, shipped.tokenizer, TALE)
    before = panel.children[-1].value
    for bad, said in (("", "at least two"), ("a b " * 900, "at most")):
        panel.children[0].value = bad
        assert said in panel.children[-2].value
        assert panel.children[-1].value == before


def text_of(writer) -> list[int]:
    return writer.ids


@pytest.fixture
def panel(shipped):
    return widgets.surgery_panel(shipped.model, shipped.tokenizer, CONTRAST)


def test_the_surgery_opens_with_two_texts_that_differ(shipped, panel):
    usual, changed = map(text_of, panel.writers)
    assert panel.head.value == (0, 0) and panel.direction.value == surgery.NONE
    prompt = shipped.tokenizer.encode_prompt(panel.prompt.value)
    pairs = zip(usual, changed, strict=False)
    differ = next(n for n, (a, b) in enumerate(pairs) if a != b)
    assert len(prompt) <= differ < len(prompt) + 20


@pytest.mark.parametrize("modern", [False, True])
def test_the_surgery_opens_with_a_model_of_another_shape(modern):
    shape = GPTConfig(2, block_size=8, n_layer=1, n_head=1, n_embd=8, modern=modern)
    contrasts = {"odd": (["€"], ["a"]), "fine": (["ab" * 9], ["b"])}
    panel = widgets.surgery_panel(GPT(shape), CharTokenizer("ab"), contrasts)
    assert panel.head.value == (0, 0) and not panel.problem.value
    assert list(panel.directions) == ["fine"]  # without what the tokenizer cannot read
    panel.direction.value = "fine"  # whose text is longer than the context
    assert not panel.problem.value and all(map(text_of, panel.writers))


def test_a_silenced_head_changes_the_text_and_its_own_copy_does_not(shipped, panel):
    usual, changed = panel.writers
    panel.head.value = None
    assert text_of(usual) == text_of(changed)
    panel.head.value = (0, 4)
    assert text_of(usual) != text_of(changed)
    prompt = shipped.tokenizer.encode_prompt(panel.prompt.value)
    texts = [
        prompt + list(generate(shipped.model, prompt, surgery.SAMPLE_LENGTH, seed=seed))
        for seed in range(surgery.SAMPLES)
    ]
    ids, samples = torch.tensor([shipped.tokenizer.encode(TALE)]), torch.tensor(texts)
    mean = inspection.mean_activation(shipped.model, samples, "heads", 0)
    folded = inspection.fold_head(shipped.model, 0, 4, mean)
    torch.testing.assert_close(panel.changed()(ids), folded(ids))


@torch.no_grad()
def test_the_direction_is_the_difference_of_the_means(shipped, panel):
    panel.direction.value = "wolf"
    ids = [torch.tensor([shipped.tokenizer.encode(x)]) for [x] in CONTRAST["wolf"]]
    more, less = (inspection.residual_stream(shipped.model, x)[3][0] for x in ids)
    expected = more.mean(dim=0) - less.mean(dim=0)
    torch.testing.assert_close(panel.vector(3), expected, atol=1e-5, rtol=1e-4)


def test_the_random_direction_has_the_same_length(shipped, panel):
    panel.head.value = None
    panel.direction.value = "wolf"
    one = panel.vector(2)
    panel.random.value = True
    other = panel.vector(2)
    torch.testing.assert_close(one.norm(), other.norm())
    assert abs(torch.cosine_similarity(one, other, dim=0)) < 0.5
    panel.dose.value = 0
    assert panel.changed() is shipped.model


def test_bad_texts_are_answered_in_words(panel):
    panel.direction.value = surgery.TYPED
    panel.less.value = "a b " * 900
    assert "at most" in panel.problem.value
    panel.less.value = "The owl"
    assert not panel.problem.value


# Each is the first change of its kind, so nothing is left over from an earlier one.
CHANGES = [
    *(("head", (layer, 1)) for layer in range(4)),
    ("instead", surgery.ZERO),
    ("direction", "wolf"),
    ("layer", 3),
    ("random", True),
    ("direction", surgery.TYPED),
]
SPIN = 0.02  # seconds of computing


def slowdown() -> float:
    """Return how much longer than its time on a processor a piece of work takes."""
    began, worked = time.perf_counter(), time.thread_time()
    while time.thread_time() - worked < SPIN:
        pass
    return (time.perf_counter() - began) / SPIN


def test_a_change_shows_its_first_token_within_150_ms(panel, tried):
    writer = panel.writers[1]
    draw, given = writer.grown, len(panel.tokenizer.encode_prompt(panel.prompt.value))

    async def seconds(name: str, value: object) -> tuple[float, float, float]:
        """Return the time to a change's first token, its work, and the slowdown."""
        drawn = asyncio.Event()

        def grown() -> None:
            draw()
            drawn.set()

        writer.grown = grown
        began, worked = time.perf_counter(), time.thread_time()
        getattr(panel, name).value = value
        await drawn.wait()
        took, work = time.perf_counter() - began, time.thread_time() - worked
        assert len(text_of(writer)) > given and not panel.problem.value
        return took, work, slowdown()

    async def measure() -> list[tuple[float, float, float]]:
        return [await seconds(*change) for change in CHANGES]

    columns = zip(*asyncio.run(measure()), strict=True)
    took, work, slower = map(statistics.median, columns)
    tried(f"a change shows its first token after {1000 * took:.0f} ms (median of 9)")
    assert work < 0.150  # however busy the machine is
    if took >= 0.150 and slower > 1.5:
        pytest.skip(f"the machine is overloaded: it takes {slower:.1f} times as long")
    assert took < 0.150
