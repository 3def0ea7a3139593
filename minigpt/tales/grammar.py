"""Draw tales from a grammar, and compute their probabilities and their entropy."""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

SEPARATOR = "\n\n\n"  # between two tales
# The slots that each list of words fills. Slots of one list never get the same word.
LISTS = {
    "name": ("Hero", "Other"),
    "animal": ("hero", "other"),
    "thing": ("thing",),
    "food": ("food",),
    "place": ("place",),
    "time": ("time",),
}
# {he} and {He} stand for the hero, {he2} and {He2} for the other.
PRONOUNS = {
    form + number: (form, she.capitalize() if form.istitle() else she)
    for he, she in (("he", "she"), ("him", "her"), ("his", "her"))
    for form in (he, he.capitalize())
    for number in ("", "2")
}
# What a slot reveals: the word of a slot or, if True, only whether that name is a she.
Fact = tuple[str, bool]
# Facts with what they turned out to be: a word, or whether it is a she.
Revealed = frozenset[tuple[Fact, str | bool]]
# How far a text has been read, and what this has revealed.
Reading = tuple[int, Revealed]
SLOTS: dict[str, Fact] = {
    **{slot: (slot, False) for slots in LISTS.values() for slot in slots},
    **{slot: ("Other" if slot[-1] == "2" else "Hero", True) for slot in PRONOUNS},
}
LIST_OF = {slot: name for name, slots in LISTS.items() for slot in slots}

SLOT = re.compile(r"\{(\w*)\}")
# Words that begin with a vowel, though not with the y or w of "unicorn" and "one".
_VOWEL = r"(?!e[uw]|onc?e\b|uni[cfoqtv]|us[eu])[aeiou]"
A_BEFORE_VOWEL = re.compile(rf"\b(a) (?={_VOWEL})", re.IGNORECASE)
AN_BEFORE_VOWEL = re.compile(rf"\b(a)n (?={_VOWEL})", re.IGNORECASE)


@dataclass(frozen=True)
class Tale:
    """A tale that was drawn.

    Attributes:
        text: the tale from its title to its moral.
        plot: the index of its plot in the grammar.
        words: the word of every slot in `LISTS`, including those the text never uses.
    """

    text: str
    plot: int
    words: Mapping[str, str]

    @property
    def combination(self) -> tuple[str, str, int]:
        """The hero's animal, the other's animal (each "" if it has none), the plot."""
        return self.words.get("hero", ""), self.words.get("other", ""), self.plot


@dataclass(frozen=True)
class Plot:
    """A plot of a grammar.

    Attributes:
        trait: what the hero is like, "" if the plot does not say.
        steps: the alternatives for each step of a tale, from its title to its moral.
    """

    trait: str
    steps: Sequence[Sequence[str]]


class Grammar:
    """A grammar of tales, as `read_grammar` returns it.

    Drawing a tale means drawing a plot, then different words for the slots of each
    list, then one alternative for each step of the plot. All of these choices are
    independent and uniform.

    Args:
        words: the lists of words by name: name, animal, thing, food, place, time.
        she: the names that are a she; all others are a he.
        plots: the plots.
    """

    def __init__(
        self,
        words: Mapping[str, Sequence[str]],
        she: Collection[str],
        plots: Sequence[Plot],
    ) -> None:
        self.words, self.she, self.plots = words, frozenset(she), plots

    def draw(self, rng: random.Random) -> Tale:
        """Draw one tale. A seed gives the same tale on every version of Python,
        because only `rng.random()` is used."""

        def choose(items: Sequence[Any]) -> Any:
            return items[int(rng.random() * len(items))]

        def fill(found: re.Match[str]) -> str:
            slot, is_pronoun = SLOTS[found[1]]
            word = words[slot]
            return PRONOUNS[found[1]][word in self.she] if is_pronoun else word

        plot = choose(range(len(self.plots)))
        words: dict[str, str] = {}
        for name, slots in LISTS.items():
            left = list(self.words.get(name, ()))
            for slot in slots[: len(left)]:
                words[slot] = choose(left)
                left.remove(words[slot])
        text = "".join(choose(step) for step in self.plots[plot].steps)
        return Tale(A_BEFORE_VOWEL.sub(r"\1n ", SLOT.sub(fill, text)), plot, words)

    def combinations(self) -> Iterator[tuple[str, str, int]]:
        """Yield the `combination` of every tale that can be drawn."""
        for plot in range(len(self.plots)):
            for words in self._casts("animal"):
                yield Tale("", plot, words).combination

    def entropy(self) -> float:
        """Return the entropy of a tale in nats, the mean of -log_probability.

        Only what can be seen in the text counts: a word that no chosen alternative uses
        adds nothing, and a pronoun reveals only part of a name. The result is exact as
        long as different choices that can be seen never make the same text.
        """
        steps = (step for plot in self.plots for step in plot.steps)
        choices = math.fsum(math.log(len(step)) for step in steps)
        seen = (
            p * self._entropy_of(name, facts)
            for name in LISTS
            for plot in self.plots
            for facts, p in _facts_in(plot, name).items()
        )
        return math.log(len(self.plots)) + (choices + math.fsum(seen)) / len(self.plots)

    def _entropy_of(self, name: str, facts: Collection[Fact]) -> float:
        """Return the entropy of these facts about the words drawn from a list."""
        counts = Counter(
            tuple(self._reveal(fact, words) for fact in facts)
            for words in self._casts(name)
        )
        n = counts.total()
        return math.fsum(count / n * math.log(n / count) for count in counts.values())

    def _casts(self, name: str) -> Iterator[dict[str, str]]:
        """Yield all ways to fill the slots of a list, which are equally likely."""
        words = self.words.get(name, ())
        slots = LISTS[name][: len(words)]
        for chosen in permutations(words, len(slots)):
            yield dict(zip(slots, chosen, strict=True))

    def _reveal(self, fact: Fact, words: Mapping[str, str]) -> str | bool:
        slot, is_pronoun = fact
        return words[slot] in self.she if is_pronoun else words[slot]

    def log_probability(self, text: str) -> float:
        """Return the logarithm (in nats) of the probability that a tale is this text.

        It is -inf for a text that the grammar cannot make. If there are several ways to
        make the text, their probabilities are added up.
        """
        if A_BEFORE_VOWEL.search(text):
            return -math.inf
        text = AN_BEFORE_VOWEL.sub(r"\1 ", text)
        p = math.fsum(self._probability(text, plot) for plot in self.plots)
        return math.log(p / len(self.plots)) if p else -math.inf

    def _probability(self, text: str, plot: Plot) -> float:
        """Add up the probabilities of all ways in which the plot makes the text."""
        # The value of a reading is the probability of the alternatives on its way.
        readings: dict[Reading, float] = {(0, frozenset()): 1.0}
        for step in plot.steps:
            longer: dict[Reading, float] = defaultdict(float)
            for reading, p in readings.items():
                for alternative in step:
                    for end in self._read(text, alternative, reading):
                        longer[end] += p / len(step)
            readings = longer
        return math.fsum(
            p * math.prod(self._share(name, revealed) for name in LISTS)
            for (at, revealed), p in readings.items()
            if at == len(text)
        )

    def _read(self, text: str, alternative: str, reading: Reading) -> list[Reading]:
        """Return the readings that continue this one by an alternative."""
        readings = [reading]
        pieces = SLOT.split(AN_BEFORE_VOWEL.sub(r"\1 ", alternative))
        for i, piece in enumerate(pieces):  # literal text and slots take turns
            words = self._sayings(piece) if i % 2 else [(piece, frozenset())]
            readings = [
                (at + len(word), revealed | new)
                for at, revealed in readings
                for word, new in words
                if text.startswith(word, at)
            ]
        return readings

    def _sayings(self, slot: str) -> list[tuple[str, Revealed]]:
        """Return what a slot can say, each time with what this reveals."""
        fact = SLOTS[slot]
        if slot in PRONOUNS:
            he, she = PRONOUNS[slot]
            return [(he, frozenset({(fact, False)})), (she, frozenset({(fact, True)}))]
        return [(word, frozenset({(fact, word)})) for word in self.words[LIST_OF[slot]]]

    def _share(self, name: str, revealed: Revealed) -> float:
        """Return how probable it is that the words of a list are as revealed."""
        mine = [(fact, value) for fact, value in revealed if LIST_OF[fact[0]] == name]
        fits = [
            all(self._reveal(fact, words) == value for fact, value in mine)
            for words in self._casts(name)
        ]
        return sum(fits) / len(fits)


def _facts_in(plot: Plot, name: str) -> Mapping[frozenset[Fact], float]:
    """Return which facts about a list a tale of the plot may reveal, and how likely."""
    chances = {frozenset[Fact](): 1.0}
    for step in plot.steps:
        after: dict[frozenset[Fact], float] = defaultdict(float)
        for alternative in step:
            facts = {SLOTS[slot] for slot in SLOT.findall(alternative)}
            mine = frozenset(fact for fact in facts if LIST_OF[fact[0]] == name)
            for before, p in chances.items():
                after[before | mine] += p / len(step)
        chances = after
    return chances


def draw_tales(
    grammar: Grammar,
    count: int,
    seed: int,
    without: Collection[tuple[str, str, int]] = frozenset(),
) -> list[Tale]:
    """Draw tales, leaving out those whose `combination` is in `without`.

    Raises:
        ValueError: there is no such tale, count is below 1 or seed is negative.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}")
    if all(combination in without for combination in grammar.combinations()):
        raise ValueError("no tale is left, because `without` has every combination")
    rng = random.Random(seed)
    tales: list[Tale] = []
    while len(tales) < count:
        tale = grammar.draw(rng)
        if tale.combination not in without:
            tales.append(tale)
    return tales
