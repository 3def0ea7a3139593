"""The measures of sense find nothing wrong in unseen tales, and what was broken."""

import math
import re

import pytest

from minigpt.course.sense import SenseMeter
from minigpt.tales import draw_tales, read_grammar

NAMES = ["ends", "words", "speakers", "two_speakers", "animals", "thing", "food"]
NAMES += ["moral", "new"]


@pytest.fixture(scope="module")
def grammar():
    return read_grammar()


@pytest.fixture(scope="module")
def training(grammar):
    return draw_tales(grammar, 3_000, 1)


@pytest.fixture(scope="module")
def meter(grammar, training):
    seen = {tale.combination for tale in training}
    return SenseMeter(grammar, [tale.text for tale in training], seen)


@pytest.fixture(scope="module")
def unseen(grammar, meter):
    tales = draw_tales(grammar, 200, 2, without=meter.combinations)
    return [tale.text for tale in tales]


def test_tales_of_the_grammar_make_sense(meter, unseen, tried):
    found = meter.measure(unseen).fractions()
    assert list(found) == NAMES
    assert found.pop("new") > 0.7
    assert found == dict.fromkeys(found, 1.0)
    sense = meter.measure(unseen)
    counts = [len(sense.speakers), len(sense.thing), len(sense.food)]
    tried(
        "speakers, things and foods found in unseen tales: {}, {}, {}".format(*counts)
    )


def test_training_tales_are_not_new(meter, training):
    assert not any(meter.measure([tale.text for tale in training[:100]]).new)


def test_without_tales_there_is_nothing_to_tell(meter):
    assert all(map(math.isnan, meter.measure([]).fractions().values()))


def other_speaker(grammar, tale):
    """Somebody else says the first speech."""
    name = next(n for n in grammar.words["name"] if n not in tale)
    return re.sub(r"\n\n\w+: ", f"\n\n{name}: ", tale, count=1)


def another(kind):
    """The last time that it is mentioned, it is another one."""

    def change(grammar, tale):
        words = grammar.words[kind]
        said = [m for word in words for m in re.finditer(rf"\b{word}s?\b", tale)]
        last = max(said, key=lambda found: found.start())
        new = next(word for word in words if word not in tale)
        return tale[: last.start()] + new + tale[last.end() :]

    return change


def other_moral(grammar, tale):
    """It ends with a moral of another plot."""
    body, _, moral = tale.rpartition("\n\n")
    morals = [step.strip() for plot in grammar.plots for step in plot.steps[-1]]
    own = next(p for p in grammar.plots if moral in map(str.strip, p.steps[-1]))
    foreign = [m for m in morals if m not in map(str.strip, own.steps[-1])]
    return f"{body}\n\n{foreign[0]}"


def other_title(grammar, tale):
    """The title has an animal that the tale has not."""
    animal = next(a for a in grammar.words["animal"] if a not in tale)
    _, _, body = tale.partition("\n\n")
    return f"The old {animal}\n\n{body}"


def no_moral(grammar, tale):
    """It stops after the last paragraph but one."""
    return tale.rpartition("\n\n")[0]


def no_word(grammar, tale):
    """One word is none."""
    return tale.replace(" the ", " thx ", 1)


DAMAGES = [
    (other_speaker, "speakers two_speakers"),
    (another("thing"), "thing"),
    (another("food"), "food"),
    (other_moral, "moral"),
    (other_title, "animals"),
    (no_moral, "ends moral"),
    (no_word, "words"),
]


@pytest.mark.parametrize(("damage", "measures"), DAMAGES)
def test_each_measure_falls_where_a_tale_is_damaged(
    meter, grammar, unseen, damage, measures
):
    tried = 0
    for tale in unseen:
        before = meter.measure([tale]).fractions()
        if any(before[name] != 1 for name in measures.split()):
            continue  # it mentions no thing twice, or no food
        after = meter.measure([damage(grammar, tale)]).fractions()
        fallen = {name for name in before if after[name] < before[name]}
        assert fallen - {"new"} == set(measures.split()), damage(grammar, tale)
        tried += 1
    assert tried > 100
