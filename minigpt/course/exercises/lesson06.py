"""The exercises of lesson 06: how good a model is, and what it writes."""

import math
import re
from types import NoneType

from minigpt.course.exercises.judge import exercise, number


@exercise(
    "You forgot the floor: subtract it from the loss first.",
    lambda loss, floor, tokens, characters: loss * tokens / characters,
    "That is in nats per token; spread the nats of all tokens over the characters.",
    lambda loss, floor, tokens, characters: loss - floor,
    "You swapped tokens and characters: a token has several characters, so the result "
    "must be smaller than the loss per token.",
    lambda loss, floor, tokens, characters: (loss - floor) * characters / tokens,
    "You subtracted a floor per token from a loss per character; subtract first.",
    lambda loss, floor, tokens, characters: loss * tokens / characters - floor,
    "You subtracted a floor per character from a loss per token; subtract first.",
    lambda loss, floor, tokens, characters: loss - floor * tokens / characters,
    "The sign is wrong: the loss lies above the floor, so subtract the floor from it.",
    lambda loss, floor, tokens, characters: (floor - loss) * tokens / characters,
    "You added the floor; a distance is a difference.",
    lambda loss, floor, tokens, characters: (loss + floor) * tokens / characters,
    "You rounded down; return the distance in full, with / and not //.",
    lambda loss, floor, tokens, characters: (loss - floor) * tokens // characters,
    "That is how many times as high as the floor the loss is; subtract instead.",
    lambda loss, floor, tokens, characters: loss / floor,
    "You divided by the floor, too; the distance itself was asked for.",
    lambda loss, floor, tokens, characters: (
        (loss - floor) / floor * tokens / characters
    ),
    "Those are bits; the loss is in nats already, so leave out ln 2.",
    lambda loss, floor, tokens, characters: (
        (loss - floor) * tokens / characters / math.log(2)
    ),
    "Those are the nats of the whole text; divide them by the number of characters.",
    lambda loss, floor, tokens, characters: (loss - floor) * tokens,
    "You divided by the number of tokens; multiply by it, and divide by the "
    "characters.",
    lambda loss, floor, tokens, characters: (loss - floor) / tokens,
    "You only divided by the characters; first multiply by the number of tokens.",
    lambda loss, floor, tokens, characters: (loss - floor) / characters,
    cases=[
        *[(0.75, 0.25, 100, 400), (3.5, 0.2, 430, 1720), (1.2, 1.1, 50, 50)],
        (9.0, 1.4, 300, 400),
    ],
    praise="Now models with any tokens can be compared, and 0 is the best there is.",
    accept=number,
    edges={
        "A loss below the floor is a distance below 0, and worth a warning: on many "
        "tales only a mistake can go there.": [(0.2, 0.25, 100, 400)]
    },
)
def distance(loss: float, floor: float, n_tokens: int, n_characters: int) -> float:
    return (loss - floor) * n_tokens / n_characters


TALE = "\n\n".join(
    (
        "The duck and the bell",
        "Otto, a duck, had lost a bell. Every evening he asked Tilda the owl about it.",
        "Otto: Have you seen my bell?",
        "Til: I have not.",
        "Nobody said anything: it was late. Then Mina came by.",
        "Mina: It hangs on your neck, Otto.",
        "Tilda: I say what I see: he is right.",
        "Moral: Look down before you look around.",
    )
)
SHORT_TALES = [
    "\n\n".join(parts)
    for parts in (
        ("Fox", "Ida, Tor.", "Ida: Hm.", "Tor: Ah."),
        ("Fox", "Ida sat.", "Ida: Hm.", "Ida: Ah.", "Moral: Sit."),
        ("Owls", "Tilda sat.", "Til: Hm.", "Moral: Sit."),
        ("Ida", "Tor sat.", "Ida: Hm.", "Tor: Ah."),
        ("Fox", "Tor sat.", "Tor: Ida?", "Ida: Hm."),
        ("Fox", "Ida sat.", "It was late: 9.", "Ida: Hm."),
        ("Fox", "A fox slept.", "Moral: Sleep."),
        ("Fox", "Ida: Hm.", "Tor: Ah.", "Moral: Sit."),
    )
]


def _speakers(tale: str) -> list[str]:
    found = (re.match(r"(\w+): ", part) for part in tale.split("\n\n")[1:])
    return [speech[1] for speech in found if speech and speech[1] != "Moral"]


def _opening(tale: str) -> list[str]:
    return re.findall(r"\w+", tale.split("\n\n")[1])


def _named_before(tale: str) -> list[bool]:
    found, before = [], ""
    for part in tale.split("\n\n")[1:]:
        speech = re.match(r"(\w+): ", part)
        if speech and speech[1] != "Moral":
            found.append(speech[1] in re.findall(r"\w+", before))
        before += part + "\n"
    return found


@exercise(
    "You counted the moral as a speech, but Moral is nobody's name.",
    lambda tale: [
        speech[1] in _opening(tale)
        for part in tale.split("\n\n")[1:]
        if (speech := re.match(r"(\w+): ", part))
    ],
    "A name inside a longer word is no mention: Til is not Tilda. Compare whole words.",
    lambda tale: [name in tale.split("\n\n")[1] for name in _speakers(tale)],
    "Every speaker counts as named. If you looked in the whole tale, that is why: each "
    "of them stands before a colon. Look in the opening alone.",
    lambda tale: [True for _ in _speakers(tale)],
    "You looked in the title; the opening is the paragraph after it.",
    lambda tale: [name in tale.split("\n\n")[0] for name in _speakers(tale)],
    "You looked in everything before the speech; look in the opening alone.",
    _named_before,
    "You answered once for each speaker; answer once for each speech.",
    lambda tale: [n in _opening(tale) for n in dict.fromkeys(_speakers(tale))],
    "You took every paragraph with a colon for a speech; a speech begins with one word "
    "and a colon.",
    lambda tale: [
        part.split(":")[0] in _opening(tale)
        for part in tale.split("\n\n")[1:]
        if ":" in part and not part.startswith("Moral: ")
    ],
    "Your answers are the wrong way round: True means that the speaker was named.",
    lambda tale: [name not in _opening(tale) for name in _speakers(tale)],
    "You split the opening at spaces, so that a name with a comma is another word.",
    lambda tale: [name in tale.split("\n\n")[1].split() for name in _speakers(tale)],
    "You dropped the last paragraph unread; it is a moral only if it says so.",
    lambda tale: [
        name in _opening(tale)
        for name in _speakers("\n\n".join(tale.split("\n\n")[:-1]))
    ],
    "You looked at the first speech only.",
    lambda tale: [name in _opening(tale) for name in _speakers(tale)][:1],
    "The names are right; for each, answer whether the opening has it.",
    _speakers,
    "Those are the speakers that were named; answer True or False for each speech.",
    lambda tale: [name for name in _speakers(tale) if name in _opening(tale)],
    "Those are the speakers that were not named; answer True or False for each speech.",
    lambda tale: [name for name in _speakers(tale) if name not in _opening(tale)],
    "You left out the speeches of speakers who were not named; answer False for them.",
    lambda tale: [True for name in _speakers(tale) if name in _opening(tale)],
    "Nobody counts as named. Is your opening empty, or the colon still in the name? "
    "Print both.",
    lambda tale: [False for _ in _speakers(tale)],
    "A tale may open with a speech: look for speeches in its first paragraph, too.",
    lambda tale: [s in _opening(tale) for s in _speakers(tale.partition("\n\n")[2])],
    cases=[(tale,) for tale in (TALE, *SHORT_TALES)],
    praise="Now a hundred tales can be checked in the time it takes to read one.",
    types={
        (float, int): "Return a list with one answer for each speech; shares come "
        "later, when the lists of many tales are joined.",
        (set, dict): "A set or a dict keeps each answer once; return a list with one "
        "for each speech.",
        str: "You returned a string; return a list with one answer for each speech.",
    },
    errors={
        "'NoneType' object": "Your pattern matches only some of the paragraphs; check "
        "that it has found something before you take its group."
    },
    edges={
        "A model may stop after the title; then there is no opening and no speech, so "
        "return [].": [("The fox and the owl",), ("",)]
    },
)
def cast(tale: str) -> list[bool]:
    _, *body = tale.split("\n\n")
    opening = re.findall(r"\w+", body[0]) if body else []
    return [speaker in opening for speaker in _speakers(tale)]


MEASURED = {0.5: 0.98, 0.8: 0.95, 1.1: 0.8, 1.4: 0.41}
UNSORTED = {1.2: 0.7, 0.4: 0.9, 0.8: 0.8, 1.5: 0.3, 0.2: 0.85}
COOL = {0.3: 0.9, 0.5: 0.8, 0.7: 0.6}
BUMPY = {0.3: 0.6, 0.6: 0.9, 0.9: 0.7, 1.2: 0.75, 1.5: 0.2}


@exercise(
    "That is the temperature with the best share; the highest that is good enough was "
    "asked for.",
    lambda shares, least: max(shares, key=shares.get),
    "That is the lowest temperature that is good enough; return the highest.",
    lambda shares, least: min((t for t in shares if shares[t] >= least), default=0.0),
    "That is the highest of all temperatures, good enough or not.",
    lambda shares, least: max(shares),
    "You returned the share of that temperature; return the temperature itself.",
    lambda shares, least: shares.get(hottest(shares, least), 0.0),
    "You returned the highest share; return the temperature, which is the key.",
    lambda shares, least: max((s for s in shares.values() if s >= least), default=0.0),
    "A share equal to `least` is good enough: use >=.",
    lambda shares, least: max((t for t in shares if shares[t] > least), default=0.0),
    "You compared the temperatures with `least`; compare the shares.",
    lambda shares, least: max((t for t in shares if t >= least), default=0.0),
    "You compared the wrong way round: a share has to be at least as high as `least`.",
    lambda shares, least: max((t for t in shares if shares[t] <= least), default=0.0),
    "You returned the first temperature in the dict that is good enough; the order of "
    "a dict says nothing.",
    lambda shares, least: next((t for t in shares if shares[t] >= least), 0.0),
    "You returned the last temperature in the dict that is good enough; the order of "
    "a dict says nothing.",
    lambda shares, least: ([0.0] + [t for t in shares if shares[t] >= least])[-1],
    "You stopped at the first temperature that is not good enough; measured shares go "
    "up and down, so look at all of them.",
    lambda shares, least: max(
        (
            t
            for t in shares
            if all(share >= least for u, share in shares.items() if u <= t)
        ),
        default=0.0,
    ),
    "You returned all of them; return the highest.",
    lambda shares, least: [t for t in shares if shares[t] >= least],
    "You counted the temperatures; return the highest of them.",
    lambda shares, least: sum(share >= least for share in shares.values()),
    "That is the temperature whose share lies closest to `least`.",
    lambda shares, least: min(shares, key=lambda t: abs(shares[t] - least)),
    cases=[
        *[(MEASURED, 0.8), (MEASURED, 0.3), (UNSORTED, 0.75), (BUMPY, 0.75)],
        *[(UNSORTED, 0.2), (BUMPY, 0.85), (MEASURED, 0.9), (COOL, 0.75)],
    ],
    praise="This is as varied as it can be without losing the sense.",
    accept=number,
    types={
        NoneType: "For some shares you return nothing: always reach a return, and "
        "where none is good enough, return 0.0, which stands for greedy.",
        tuple: "Return the temperature alone, without its share.",
    },
    errors={
        "max()": "max() of nothing raised ValueError; where none is good enough, "
        "return 0.0, which stands for greedy.",
        "IndexError": "There was nothing to take the last of; where none is good "
        "enough, return 0.0, which stands for greedy.",
    },
    edges={
        "Where no share is good enough, return 0.0, which stands for greedy.": [
            (MEASURED, 0.99)
        ]
    },
)
def hottest(shares: dict[float, float], least: float) -> float:
    return max((t for t, share in shares.items() if share >= least), default=0.0)
