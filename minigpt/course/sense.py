"""Measure whether written tales make sense: who speaks, what is carried, what it means.

A tale need not be one that the grammar can draw. It is read by its layout, and words
are recognised by the grammar's lists.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, fields

from minigpt.data import TRAIN_SEED, TRAIN_TALES
from minigpt.tales import Grammar, draw_tales

Found = list[bool]  # one for each place where something could be right or wrong


@dataclass
class Sense:
    """What was found in some tales, in fractions from 0 to 1.

    Attributes:
        ends: tales with a title, at least three speeches and a moral.
        words: words that the training text has.
        speakers: speeches whose speaker was named in the opening.
        two_speakers: tales with exactly two speakers.
        animals: of the tales with an animal in the title, those that have all of the
            title's animals in the body.
        thing: mentions of a thing, after the first, that are the same thing.
        food: the same for food.
        moral: tales whose moral belongs to the plot that was told.
        new: tales whose hero, other and plot no training tale has together.
    """

    ends: Found = field(default_factory=list)
    words: Found = field(default_factory=list)
    speakers: Found = field(default_factory=list)
    two_speakers: Found = field(default_factory=list)
    animals: Found = field(default_factory=list)
    thing: Found = field(default_factory=list)
    food: Found = field(default_factory=list)
    moral: Found = field(default_factory=list)
    new: Found = field(default_factory=list)

    def fractions(self) -> dict[str, float]:
        """Return the fraction that is right, by name; nan where nothing was found."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {n: sum(x) / len(x) if x else float("nan") for n, x in found.items()}


class SenseMeter:
    """Reads tales that a model has written.

    Args:
        grammar: the grammar of the tales that the model has learned.
        training: the texts of these tales.
        combinations: the hero, the other and the plot of each (`Tale.combination`).
    """

    def __init__(
        self,
        grammar: Grammar,
        training: Sequence[str],
        combinations: Set[tuple[str, str, int]],
    ) -> None:
        self.grammar, self.combinations = grammar, combinations
        self.words = {word for text in training for word in words_of(text)}
        self.morals: dict[str, set[int]] = {}
        self.phrases: dict[str, int] = {}  # those that only one plot has
        shared: set[str] = set()
        for number, plot in enumerate(grammar.plots):
            for moral in plot.steps[-1]:
                self.morals.setdefault(moral.strip(), set()).add(number)
            for phrase in {p for step in plot.steps[1:-1] for p in _phrases(step)}:
                if self.phrases.setdefault(phrase, number) != number:
                    shared.add(phrase)
        for phrase in shared:
            del self.phrases[phrase]

    def measure(self, tales: Sequence[str]) -> Sense:
        """Return what was found in the tales."""
        sense = Sense()
        for tale in tales:
            self._read(tale.strip("\n"), sense)
        return sense

    def plot_of(self, body: str) -> int | None:
        """Return the plot that most of a text's phrases belong to; None without any."""
        found = [plot for phrase, plot in self.phrases.items() if phrase in body]
        return max(found, key=found.count, default=None)

    def _read(self, tale: str, sense: Sense) -> None:
        title, _, body = tale.partition("\n\n")
        paragraphs = body.split("\n\n")
        opening, moral = words_of(paragraphs[0]), paragraphs[-1]
        names = set(self.grammar.words.get("name", ()))
        animals = set(self.grammar.words.get("animal", ()))
        speeches = [p for p in paragraphs if re.match(r"\w+: ", p)]
        has_moral = moral.startswith("Moral: ")
        speakers = [s.partition(":")[0] for s in speeches[: len(speeches) - has_moral]]
        named = names.intersection(opening)
        plot = self.plot_of(body)

        whole = has_moral and moral.endswith(".") and "\n" not in title
        sense.ends.append(whole and len(speakers) >= 3)
        sense.words += [word in self.words for word in words_of(tale)]
        sense.speakers += [speaker in named for speaker in speakers]
        sense.two_speakers.append(len(set(speakers)) == 2)
        if in_title := animals.intersection(words_of(title)):
            sense.animals.append(in_title <= set(words_of(body)))
        sense.thing += self._repeats("thing", body)
        sense.food += self._repeats("food", body)
        sense.moral.append(plot is not None and plot in self.morals.get(moral, ()))
        met = list(dict.fromkeys(word for word in opening if word in animals))[:2]
        known = plot is None or len(met) < 2
        sense.new.append(not known and (*met, plot) not in self.combinations)

    def _repeats(self, kind: str, body: str) -> Found:
        """Return, for each mention after the first, whether it is the same word."""
        words = self.grammar.words.get(kind, ())
        singular = dict.fromkeys(words) | {word + "s": word for word in words}
        said = [singular[w] or w for w in words_of(body) if w in singular]
        return [word == said[0] for word in said[1:]]


def meter_of(grammar: Grammar) -> SenseMeter:
    """Return a meter that knows the tales a dataset of the grammar is trained on."""
    training = draw_tales(grammar, TRAIN_TALES, TRAIN_SEED)
    seen = frozenset(tale.combination for tale in training)
    return SenseMeter(grammar, [tale.text for tale in training], seen)


def words_of(text: str) -> list[str]:
    """Return the words of a text, apostrophes included.

    >>> words_of("Don't go, Finn!")
    ["Don't", 'go', 'Finn']
    """
    return re.findall(r"[\w']+", text)


def _phrases(alternatives: Sequence[str]) -> list[str]:
    """Return the runs of at least four words between slots and full stops."""
    pieces = (p.strip() for a in alternatives for p in re.split(r"\{\w+\}|[.?!:]", a))
    return [piece for piece in pieces if len(piece.split()) >= 4]
