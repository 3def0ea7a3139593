"""The playground: the newest text wins, every control to its ends, errors in words."""

import asyncio
import threading
import time
from dataclasses import dataclass
from functools import partial
from itertools import count

import pytest
import torch
from thread_tools import at_once

from minigpt.checkpoint import Checkpoint, load_checkpoint
from minigpt.config import GPTConfig
from minigpt.course import widgets
from minigpt.course.widgets.playgrounds.panel import Playground, SideBySide
from minigpt.course.widgets.playgrounds.shared_controls import (
    LARGEST_SEED,
    LONGEST_PROMPT,
    default_prompt,
)
from minigpt.course.widgets.playgrounds.view import Pieces
from minigpt.course.widgets.stream import Stream
from minigpt.decoding import generate, unsupported_reason
from minigpt.inspection import attention_maps
from minigpt.model import GPT
from minigpt.sampling import next_token_logits, next_token_probabilities
from minigpt.tokenizer import BPETokenizer, CharTokenizer

PROMPT = "THE CROW"  # the few fables that the model has read know no X


PLAYGROUND = "minigpt.course.widgets.playgrounds"


@pytest.fixture(scope="module")
def checkpoint(trained):
    return load_checkpoint(trained)


@pytest.fixture
def play(checkpoint):
    made = Playground(checkpoint)
    made.controls.prompt.value = PROMPT
    return made


def untrained(characters: str, **changes) -> Checkpoint:
    torch.manual_seed(0)
    shape = {"block_size": 16, "n_layer": 2, "n_head": 2, "n_embd": 16} | changes
    model = GPT(GPTConfig(vocab_size=len(characters), **shape)).eval()
    return Checkpoint(model, CharTokenizer(characters), None)


def expected(play, **changes):
    """The ids that the controls of the panel stand for."""
    controls, writer = play.controls, play.writer
    prompt = controls.source.tokenizer.encode(controls.prompt.value)
    settings = writer.settings | {"seed": controls.seed.value} | changes
    return prompt + list(
        generate(controls.source.model, prompt, controls.length.value, **settings)
    )


def text_of(play) -> str:
    return "".join(text for text, _, _ in play.inspector.view.text["pieces"])


def asked(play, place: int) -> dict:
    """Return what the view is told when a reader points at a place."""
    view = play.inspector.view
    view.asked = {"turn": view.text["turn"], "place": place, "rows": 10}
    return view.explanation


def say(play, **message) -> None:
    """Send what the view sends when a reader wants another text."""
    play.inspector.view._handle_custom_msg(message, [])


def branch(play, place: int, token: int) -> None:
    say(
        play,
        kind="branch",
        turn=play.inspector.view.text["turn"],
        place=place,
        id=token,
    )


# What it writes


def test_it_opens_with_a_text_that_generate_gives(play):
    assert play.writer.ids == expected(play)
    assert len(play.writer.ids) == len(PROMPT) + 200
    assert play.writer.settings["temperature"] == 0.8
    assert PROMPT in text_of(play) and play.problem.value == ""


def ends():
    """Each control with both of its ends."""
    return [
        ("temperature", 0.1),
        ("temperature", 1.5),
        ("top_k", 1),
        ("top_k", 10**6),
        ("top_p", 0.05),
        ("top_p", 1.0),
        ("penalty", 1.0),
        ("penalty", 2.0),
        ("sampling", False),
        ("sampling", True),
    ]


@pytest.mark.parametrize(("name", "value"), ends())
def test_ends_of_each_setting(play, name, value):
    getattr(play.writer, name).value = value
    assert play.writer.ids == expected(play)


@pytest.mark.parametrize(("wanted", "kept"), [(0, 10), (10, 10), (1000, 1000)])
def test_ends_of_the_length(play, wanted, kept):
    play.controls.length.value = wanted
    assert play.controls.length.value == kept
    assert len(play.writer.ids) == len(PROMPT) + kept


@pytest.mark.parametrize("seed", [-5, 0, 1, LARGEST_SEED, 2**40])
def test_ends_of_the_seed(play, seed):
    play.controls.seed.value = seed
    assert 0 <= play.controls.seed.value <= LARGEST_SEED
    assert play.writer.ids == expected(play)


def test_another_seed_is_another_text_and_goes_round(play):
    before = play.writer.ids
    play.controls.other.click()
    assert play.writer.ids != before
    play.controls.seed.value = LARGEST_SEED
    play.controls.other.click()
    assert play.controls.seed.value == 0 and play.writer.ids == before


def test_sampling_off_is_greedy_and_rests_its_sliders(play):
    play.writer.sampling.value = False
    assert play.writer.ids == expected(play, greedy=True)
    sliders = play.writer.temperature, play.writer.top_k, play.writer.top_p
    assert all(slider.disabled for slider in sliders)
    # The penalty changes what is most probable.
    play.writer.penalty.value = 2.0
    assert (
        play.writer.ids == expected(play, greedy=True)
        and not play.writer.penalty.disabled
    )
    play.writer.sampling.value = True
    assert not any(slider.disabled for slider in sliders)


def test_a_prompt_longer_than_the_block(play):
    play.controls.prompt.value = "THE OWL AND THE CROW " * 20
    assert play.writer.ids == expected(play)


# Problems, in words


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("THE €", ["€", "position 4", "unknown character"]),
        ("", ["empty"]),
        ("a" * (LONGEST_PROMPT + 1), ["5,001", "5,000"]),
        ("\ud800", ["lone surrogate"]),
        ("<script>€", ["unknown"]),
    ],
)
def test_a_bad_prompt_is_answered_and_the_text_stays(play, prompt, words):
    before = text_of(play), list(play.writer.ids)
    play.controls.prompt.value = prompt
    for word in words:
        assert word in play.problem.value
    assert "<script>" not in play.problem.value
    assert (text_of(play), play.writer.ids) == before
    play.controls.prompt.value = PROMPT
    assert play.problem.value == ""


def test_a_broken_model_is_answered_in_words():
    broken = untrained("abc")
    with torch.no_grad():
        broken.model.token_embedding.weight.fill_(float("nan"))
    play = Playground(broken)
    assert "broken" in play.problem.value


def test_a_model_that_raises_is_answered_in_words():
    def forgetful(q, k, v):
        raise RuntimeError("the sizes do not fit\nat all")

    broken = untrained(PROMPT)
    for block in broken.model.blocks:
        block.attention.attend = forgetful
    play = Playground(broken)
    assert "RuntimeError: the sizes do not fit<" in play.problem.value


def test_a_character_of_several_tokens_is_shown_whole():
    prompt = "ЛИСА 🦊 é"
    tokenizer = BPETokenizer.train("Лиса и ворона. " * 20, 262)
    shape = GPTConfig(tokenizer.vocab_size, block_size=64, n_layer=1, n_head=1)
    play = Playground(Checkpoint(GPT(shape).eval(), tokenizer, None))
    play.controls.prompt.value = prompt
    pieces = play.inspector.view.text["pieces"]
    places = {text: place for text, place, kind in pieces if kind == "given"}
    bytes_before = len("ЛИСА ".encode())
    assert prompt in text_of(play) and places["🦊"] <= bytes_before
    for place in range(12):  # also in the middle of a character
        assert len(asked(play, place)["rows"] or []) == (10 if place else 0)
    assert play.problem.value == ""


def test_pieces_are_those_of_the_whole_text_however_it_grows():
    tokenizer = BPETokenizer.train("Лиса и ворона. " * 20, 262)
    text = "\nЛИСА 🦊 é\n"
    ids = tokenizer.encode(text)[:-3]  # it breaks off in the middle of a character
    ids += tokenizer.encode("🦊")[:2]
    at_once, growing = Pieces(tokenizer), Pieces(tokenizer)
    at_once.extend(ids, complete=True)
    for n in range(len(ids) + 1):
        growing.extend(ids[:n], complete=n == len(ids))
    assert growing.found == at_once.found
    assert "".join(piece for piece, _ in growing.found) == tokenizer.decode(ids)
    places = [place for _, place in growing.found]
    assert places == sorted(set(places)) and places[0] == 0
    tokenizer.end = "\n\n\n"
    assert growing.without_first_line_break()[0][1] == 0
    assert "".join(p for p, _ in growing.without_first_line_break())[0] == "Л"


def test_what_the_model_writes_is_never_markup():
    panel = SideBySide(untrained("<b>&\"'/"))
    shown = [view.value for view in html_of(panel)]
    assert all(text.count("<b>") == 1 and "&lt;" in text for text in shown)


def html_of(panel) -> list:
    texts = [column.children[-1].children[0] for column in panel.children[-1].children]
    assert all("minigpt-text" in view.value for view in texts)
    return texts


def test_a_vocabulary_without_the_default_prompts():
    assert default_prompt(CharTokenizer("xyz")) == "x"
    assert default_prompt(CharTokenizer("ЛИСА")) == "ЛИСА"
    assert Playground(untrained("xyz")).problem.value == ""


# The newest wins


@dataclass
class Shown:
    """What a stream has shown: (name of the text, ids, whether whole)."""

    by: list

    def of(self, name):
        return lambda ids, whole: self.by.append((name, ids, whole))


def slow_ids(n, seconds=0.0005):
    for i in range(n):
        time.sleep(seconds)
        yield i


def fail(error):
    raise error


def test_twenty_changes_leave_only_the_last_text(play):
    async def drag():
        for step in range(20):
            play.writer.temperature.value = 0.1 + 0.05 * step
            await asyncio.sleep(0.002)
        while play.writer.stream.writing:
            await asyncio.sleep(0.005)

    asyncio.run(drag())
    assert play.writer.temperature.value == pytest.approx(1.05)
    assert play.writer.ids == expected(play)


def test_an_older_text_shows_nothing_once_a_newer_has_begun():
    shown, stream = Shown([]), Stream(fail)

    async def two():
        stream.start(slow_ids(500), shown.of("old"))
        await asyncio.sleep(0.05)
        stream.start(slow_ids(100), shown.of("new"))
        begun = len(shown.by)
        while stream.writing:
            await asyncio.sleep(0.005)
        return begun

    begun = asyncio.run(two())
    names = [name for name, _, _ in shown.by]
    assert 0 < begun and set(names[:begun]) == {"old"}
    assert set(names[begun:]) == {"new"}
    assert shown.by[-1] == ("new", list(range(100)), True)


def test_what_is_dropped_costs_nothing_more():
    written = count()
    stream = Stream(fail)

    async def dropped():
        ids = (next(written) for _ in slow_ids(10_000))
        stream.start(ids, lambda ids, whole: None)
        await asyncio.sleep(0.03)
        stream.drop()
        await asyncio.sleep(0.05)
        at = next(written)
        await asyncio.sleep(0.05)
        return next(written) - at

    assert asyncio.run(dropped()) == 1


def test_the_newest_wins_over_a_text_of_another_threads_loop():
    shown, stream = Shown([]), Stream(fail)

    def elsewhere():
        async def old():
            stream.start(slow_ids(2000), shown.of("old"))
            await asyncio.sleep(0.3)

        asyncio.run(old())

    async def new():
        stream.start(slow_ids(100), shown.of("new"))
        while stream.writing:
            await asyncio.sleep(0.005)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    time.sleep(0.1)
    asyncio.run(new())
    thread.join()
    names = [name for name, _, _ in shown.by]
    assert "old" not in names[names.index("new") :]


def test_first_token_at_once_then_a_bounded_number_of_views():
    shown, stream = Shown([]), Stream(fail)

    async def one():
        stream.start(slow_ids(1000), shown.of("text"))
        while stream.writing:
            await asyncio.sleep(0.005)

    began = time.perf_counter()
    asyncio.run(one())
    took = time.perf_counter() - began
    assert shown.by[0][1] == [0]
    assert len(shown.by) <= took / 0.04 + 2
    assert shown.by[-1][2] and not any(whole for _, _, whole in shown.by[:-1])


def test_the_loop_gets_its_turn_while_a_text_is_written():
    stream, longest = Stream(fail), 0.0

    async def both():
        nonlocal longest
        stream.start(slow_ids(400), lambda ids, whole: None)
        while stream.writing:
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - began)

    asyncio.run(both())
    assert longest < 0.15


def test_an_error_while_writing_is_told_unless_it_is_old():
    told: list[ValueError] = []
    stream = Stream(told.append)

    def bad():
        yield 1
        raise ValueError("no usable number")

    stream.start(bad(), lambda ids, whole: None)
    assert [str(error) for error in told] == ["no usable number"]


def test_an_empty_text_is_whole_at_once():
    shown, stream = Shown([]), Stream(fail)
    stream.start(iter(()), shown.of("none"))
    assert shown.by == [("none", [], True)]


# Behind a place


def test_rows_are_those_of_the_place(play, checkpoint):
    told, ids = asked(play, 12), play.writer.ids
    settings = _but_greedy(play.writer.settings)
    logits = next_token_logits(checkpoint.model, ids[:12])
    before = next_token_probabilities(logits)
    after = next_token_probabilities(logits, **settings)
    assert [row["before"] for row in told["rows"]] == sorted(
        (row["before"] for row in told["rows"]), reverse=True
    )
    for row in told["rows"]:
        i = row["id"]
        assert row["token"] == checkpoint.tokenizer.tokens[i]
        assert row["before"] == pytest.approx(float(before[i]))
        assert row["after"] == pytest.approx(float(after[i]))
        assert row["chosen"] == (i == ids[12])
    assert sum(row["chosen"] for row in told["rows"]) == 1


def _but_greedy(settings):
    return {name: value for name, value in settings.items() if name != "greedy"}


def test_an_unlikely_token_that_was_chosen_has_a_row(play, checkpoint):
    logits = next_token_logits(checkpoint.model, play.writer.ids[:12])
    unlikely = int(logits.argmin())
    branch(play, 12, unlikely)
    last = asked(play, 12)["rows"][-1]
    assert last["id"] == unlikely and last["chosen"] and last["after"] == 0


def test_rows_follow_a_slider_without_running_the_model(play, monkeypatch):
    def never(*args):
        raise AssertionError("the model ran again")

    before = asked(play, len(PROMPT))["rows"]
    monkeypatch.setattr(GPT, "forward", never)
    monkeypatch.setattr(f"{PLAYGROUND}.writer.generate", fake_generate)
    play.writer.temperature.value = 0.2
    after = asked(play, len(PROMPT))["rows"]
    assert [row["before"] for row in after][:5] == [row["before"] for row in before][:5]
    assert after[0]["after"] > before[0]["after"] and play.problem.value == ""


def fake_generate(model, ids, length, **settings):
    return iter([0] * length)


def test_greedy_rows_leave_one(play):
    play.writer.sampling.value = False
    for penalty in (1.0, 2.0):
        play.writer.penalty.value = penalty
        rows = asked(play, 30)["rows"]
        assert sorted(row["after"] for row in rows) == [0.0] * 9 + [1.0]
        assert next(row["chosen"] for row in rows if row["after"])


def test_attention_is_that_of_the_last_token_read(play, checkpoint):
    told = asked(play, 10)
    maps = attention_maps(checkpoint.model, torch.tensor([play.writer.ids[:10]]))
    assert told["start"] == 0
    assert len(told["heads"]) == len(maps) * maps[0].shape[1]
    for found in told["heads"]:
        weights = maps[found["layer"]][0, found["head"], -1]
        torch.testing.assert_close(
            torch.tensor(found["weights"]), weights, atol=1e-4, rtol=0
        )


def test_the_first_place_has_nothing_before_it_and_others_may_not_exist(play):
    assert asked(play, 0)["rows"] is None
    last = asked(play, len(play.writer.ids) - 1)
    assert last["rows"]
    assert asked(play, len(play.writer.ids)) == last  # no answer
    play.inspector.view.asked = {"turn": -1, "place": 3, "rows": 10}
    assert play.inspector.view.explanation == last


def test_panels_look_into_one_model_from_several_threads(checkpoint):
    plays = [Playground(checkpoint) for _ in range(3)]
    expected = {place: asked(plays[0], place)["heads"] for place in range(1, 30)}
    problems, wrong = [], []

    def look(play):
        try:
            for place in [*range(1, 30)] * 5:
                if asked(play, place)["heads"] != expected[place]:
                    wrong.append(place)
                if reason := unsupported_reason(checkpoint.model):
                    problems.append(reason)
        except Exception as error:
            problems.append(error)

    at_once(*(partial(look, play) for play in plays))
    assert problems == [] and wrong == []


def test_a_place_beyond_the_block_sees_its_context(play, checkpoint):
    told = asked(play, 150)
    (width,) = {len(head["weights"]) for head in told["heads"]}
    assert told["start"] > 0 and told["start"] + width == 150
    assert width <= checkpoint.model.config.block_size


def test_a_model_that_cannot_be_looked_into_is_answered_in_words(play, monkeypatch):
    def broken(*args):
        raise RuntimeError("no attention here")

    monkeypatch.setattr(f"{PLAYGROUND}.inspector.attention_maps", broken)
    asked(play, 20)
    assert "no attention here" in play.problem.value


def test_how_unsure_the_model_was_is_told_on_request(play, checkpoint):
    view, ids = play.inspector.view, play.writer.ids
    assert view.unsure == []
    view.tinted = True
    assert len(view.unsure) == len(ids) and view.unsure[0] is None
    for place in (1, 12, len(PROMPT), 150, len(ids) - 1):
        p = next_token_probabilities(next_token_logits(checkpoint.model, ids[:place]))
        assert view.unsure[place] == pytest.approx(
            -float(torch.xlogy(p, p).sum()), abs=1e-3
        )
    before = view.unsure
    play.controls.seed.value = 5
    assert len(view.unsure) == len(play.writer.ids) and view.unsure != before
    view.tinted = False
    play.controls.seed.value = 6
    assert view.unsure == []


# Branches


def test_a_branch_goes_on_with_the_chosen_token_and_back_returns(play, checkpoint):
    view, first = play.inspector.view, play.writer.ids
    assert not view.text["branched"]
    other = next(row["id"] for row in asked(play, 20)["rows"] if not row["chosen"])
    branch(play, 20, other)
    second, settings = play.writer.ids, play.writer.settings
    start = [*first[:20], other]
    assert second == start + list(
        generate(checkpoint.model, start, 200, seed=0, **settings)
    )
    kinds = [kind for _, _, kind in view.text["pieces"]]
    assert kinds == ["given"] * 8 + [""] * 12 + ["branch"] + [""] * 200
    branch(play, 40, other)
    assert play.writer.ids[:41] == [*second[:40], other]
    kinds = [kind for _, _, kind in view.text["pieces"]]
    assert [n for n, kind in enumerate(kinds) if kind == "branch"] == [20, 40]
    for expected in (second, first, first):
        say(play, kind="back")
        assert play.writer.ids == expected
        assert view.text["branched"] == (expected is second)


def test_the_prompt_may_branch_too(play):
    other = play.controls.source.tokenizer.encode("O")[0]
    branch(play, 2, other)
    assert text_of(play).startswith(PROMPT[:2] + "O")
    kinds = [kind for _, _, kind in play.inspector.view.text["pieces"]]
    assert kinds[:4] == ["given", "given", "branch", ""]
    say(play, kind="back")
    assert text_of(play).startswith(PROMPT)


def test_a_control_begins_the_text_anew_without_its_branches(play):
    branch(play, 20, 1)
    play.writer.temperature.value = 0.5
    assert play.writer.ids == expected(play)
    assert not play.inspector.view.text["branched"]
    before = play.writer.ids
    say(play, kind="back")
    assert play.writer.ids is before


def test_a_branch_of_a_text_that_is_gone_is_ignored(play):
    turn = play.inspector.view.text["turn"]
    play.controls.seed.value = 3
    before = play.writer.ids
    say(play, kind="branch", turn=turn, place=12, id=1)
    assert play.writer.ids is before and not play.inspector.view.text["branched"]


def test_back_to_a_text_that_was_left_while_it_grew_writes_all_of_it(play, monkeypatch):
    whole = play.writer.ids
    for pause in "SLICE", "BETWEEN_VIEWS":  # so that no length is passed over
        monkeypatch.setattr(f"minigpt.course.widgets.stream.{pause}", 0)

    async def leave():
        play.controls.seed.value = 1
        play.controls.seed.value = 0
        while len(play.writer.ids) < 20 or play.writer.text.complete:
            await asyncio.sleep(0)
        branch(play, 12, 1)
        while not play.inspector.view.text["branched"]:
            await asyncio.sleep(0)
        say(play, kind="back")
        while play.writer.stream.writing:
            await asyncio.sleep(0.002)

    asyncio.run(leave())
    assert play.writer.ids == whole and play.writer.text.complete


# The newest model, and two at once


@dataclass
class Changing:
    """A source whose model changes, as that of a training panel does."""

    newest: Checkpoint
    about: str = "the first"

    @property
    def model(self):
        return self.newest.model

    @property
    def tokenizer(self):
        return self.newest.tokenizer


def test_each_text_is_written_by_the_newest_model(checkpoint):
    source = Changing(checkpoint)
    play = Playground(source)
    play.controls.prompt.value = PROMPT
    assert "the first" in play.controls.about.value
    source.newest, source.about = untrained(PROMPT, n_layer=1, n_head=1), "another"
    play.controls.button.click()
    assert "another" in play.controls.about.value
    assert play.writer.top_k.max == play.writer.top_k.value == 8
    assert len(asked(play, 5)["heads"]) == 1
    assert play.writer.ids == expected(play)
    source.newest = checkpoint
    play.controls.button.click()
    assert play.writer.top_k.max == checkpoint.tokenizer.vocab_size


def test_the_first_prompt_is_how_the_learned_text_begins(checkpoint):
    source = Changing(checkpoint)
    usual = default_prompt(checkpoint.tokenizer)
    assert Playground(source).controls.prompt.value == usual
    source.opening = PROMPT
    for kind in (Playground, SideBySide):
        assert kind(source).controls.prompt.value == PROMPT != usual


def test_side_by_side_compares_texts_of_one_model(checkpoint):
    source = Changing(checkpoint)
    panel = SideBySide(source)
    panel.controls.prompt.value = PROMPT
    source.newest = untrained(PROMPT)
    panel.writers[1].temperature.value = 1.1
    for writer in panel.writers:
        assert writer.text.request.model is source.newest.model
        assert writer.ids == expected_of(panel, writer)


def expected_of(panel, writer):
    prompt, length = writer.text.request.prompt, writer.text.request.length
    written = generate(
        writer.text.request.model, prompt, length, seed=0, **writer.settings
    )
    return prompt + list(written)


def test_what_was_set_last_is_written_whichever_thread_set_it(checkpoint):
    play = Playground(checkpoint)
    play.controls.length.value = 10
    for number in range(20):

        def change(n, number=number):
            play.writer.temperature.value = 0.1 + 0.05 * ((7 * n + number) % 20)
            play.writer.top_k.value = 1 + (5 * n + number) % 20

        at_once(*(partial(change, n) for n in range(3)))
        assert play.writer.ids == expected(play)


def test_side_by_side_shares_all_but_the_settings(checkpoint):
    panel = SideBySide(checkpoint)
    first, second = panel.writers
    assert first.ids != second.ids and len(first.ids) == len(second.ids)
    second.temperature.value = first.temperature.value
    assert first.ids == second.ids
    before = first.ids
    second.sampling.value = False
    assert first.ids is before and second.ids != before
    panel.controls.prompt.value = "€"
    assert "unknown character" in panel.problem.value
    panel.controls.prompt.value = PROMPT
    for writer in panel.writers:
        assert writer.text.request.prompt == checkpoint.tokenizer.encode(PROMPT)


def test_panels_are_found_by_name_and_have_short_stable_texts(checkpoint):
    assert repr(widgets.playground(checkpoint)) == "<playground>"
    assert repr(widgets.side_by_side(checkpoint)) == "<side by side>"


def test_first_character_within_twenty_milliseconds_of_work(play, tried):
    play.controls.length.value = 1000
    times = []

    async def move():
        view = play.inspector.view
        view.observe(lambda _: shown.append(time.thread_time()), "text")
        for step in range(20):
            shown.clear()
            began = time.thread_time()
            play.writer.temperature.value = 0.5 + 0.05 * (step % 10)
            while not shown:
                await asyncio.sleep(0)
            times.append(shown[0] - began)

    shown: list[float] = []
    asyncio.run(move())
    tried(
        f"median {1e3 * sorted(times)[10]:.1f} ms of work from a slider's change to "
        "the first character"
    )
    assert sorted(times)[10] < 0.02
