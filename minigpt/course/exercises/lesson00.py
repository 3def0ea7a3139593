"""The exercises of lesson 00: a warm-up, and three functions that write from counts."""

from collections import Counter
from itertools import pairwise
from types import GeneratorType

from minigpt.course.exercises.judge import Function, exercise
from minigpt.course.exercises.verdict import Mistake


@exercise(
    "You returned the letter unchanged.",
    lambda letter: letter,
    "You returned the letter before it.",
    lambda letter: chr(ord(letter) - 1),
    "After z the alphabet starts again with a.",
    lambda letter: chr(ord(letter) + 1),
    "You returned the letter unchanged, but for z.",
    lambda letter: "a" if letter == "z" else letter,
    "You returned the letter before it, but for z.",
    lambda letter: "a" if letter == "z" else chr(ord(letter) - 1),
    "You returned the letter before it, so that a became z.",
    lambda letter: chr((ord(letter) - 98) % 26 + 97),
    "After z comes a, and not b.",
    lambda letter: "b" if letter == "z" else chr(ord(letter) + 1),
    "You have the two cases the wrong way round: only z becomes a.",
    lambda letter: chr(ord(letter) + 1) if letter == "z" else "a",
    "You went two letters ahead; go one.",
    lambda letter: chr((ord(letter) - 95) % 26 + 97),
    "z has a successor, too: after z the alphabet starts again with a.",
    lambda letter: min(chr(ord(letter) + 1), "z"),
    "You returned a capital letter; the letters here are small.",
    lambda letter: next_letter(letter).upper(),
    "After z comes a small a, not a capital one.",
    lambda letter: "A" if letter == "z" else next_letter(letter),
    "The alphabet has 26 letters; you go round after 25.",
    lambda letter: chr((ord(letter) - ord("a") + 1) % 25 + ord("a")),
    "The number of a is 97, not 0: subtract ord('a') before you go round with %.",
    lambda letter: chr((ord(letter) + 1) % 26 + ord("a")),
    cases=[(letter,) for letter in "abcdefghijklmnopqrstuvwxyz"],
    praise="Every letter became the one after it in the alphabet.",
    types={
        int: "You returned a number; chr turns the number of a letter into the letter.",
        list: "You returned a list; return the letter alone.",
    },
    errors={
        "IndexError": "Nothing comes after the last letter of your alphabet, so z "
        "needs a rule of its own."
    },
)
def next_letter(letter: str) -> str:
    return "a" if letter == "z" else chr(ord(letter) + 1)


_words = str.split


def _lower(words: list[str]) -> list[str]:
    return [word.lower() for word in words]


def _followers_without_overlap(words: list[str], word: str) -> list[str]:
    """Return what follows, but pass over a follower as a place to look at."""
    found, i = [], 0
    while i < len(words) - 1:
        if words[i] == word:
            found.append(words[i + 1])
            i += 1
        i += 1
    return found


@exercise(
    "You listed the words before it; list the ones that come after it.",
    lambda words, word: [a for a, b in pairwise(words) if b == word],
    "You looked only at the first place; look at every place.",
    lambda words, word: followers(words, word)[:1],
    "You looked only at the last place; look at every place.",
    lambda words, word: followers(words, word)[-1:],
    "You left out the last place that has a follower; look at every place.",
    lambda words, word: followers(words[:-1], word),
    "You left out the first place; look at every place.",
    lambda words, word: followers(words[1:], word),
    "A text is not a circle: nothing comes after its last word.",
    lambda words, word: followers(words + words[:1], word),
    "You listed each follower once; list it as often as it occurs.",
    lambda words, word: list(dict.fromkeys(followers(words, word))),
    "A set holds each follower once; list it as often as it occurs.",
    lambda words, word: list(set(followers(words, word))),
    "Your list is in alphabetical order; keep the order of the text.",
    lambda words, word: sorted(followers(words, word)),
    "Your list is in reverse order; keep the order of the text.",
    lambda words, word: followers(words, word)[::-1],
    "Your list holds the word itself; list only what comes after it.",
    lambda words, word: [a for a, b in pairwise(words) if a == word],
    "Your list holds the word itself; pair each word with the next, words[1:].",
    lambda words, word: [a for a in words if a == word],
    "You listed every word after the first; list only those that follow `word`.",
    lambda words, word: words[1:],
    "You compared the second word of each pair with `word`; compare the first.",
    lambda words, word: [b for a, b in pairwise(words) if b == word],
    "Your list holds pairs; keep only the second word of each.",
    lambda words, word: [(a, b) for a, b in pairwise(words) if a == word],
    "You treated Crow and crow as the same word; compare the words as they are.",
    lambda words, word: [b for a, b in pairwise(words) if a.lower() == word.lower()],
    "You also counted longer words that contain it; compare with ==, not with in.",
    lambda words, word: [b for a, b in pairwise(words) if word in a],
    "You also counted longer words that begin with it; compare with ==.",
    lambda words, word: [b for a, b in pairwise(words) if a.startswith(word)],
    "You listed the followers of every other word; == asks for equal ones.",
    lambda words, word: [b for a, b in pairwise(words) if a != word],
    "A word that follows itself is a place to look at, too.",
    _followers_without_overlap,
    "You left out the followers with a comma or a full stop; keep every follower.",
    lambda words, word: [b for b in followers(words, word) if b.isalpha()],
    "You listed the word two places further on; list the one right after it.",
    lambda words, word: [
        b for a, b in zip(words, words[2:], strict=False) if a == word
    ],
    "You joined the words into one string; return a list of words.",
    lambda words, word: ["".join(followers(words, word))],
    "index() always finds the first place of a word; go through all places.",
    lambda words, word: [
        words[words.index(one) + 1] for one in words[:-1] if one == word
    ],
    cases=[
        (_words("the hen saw the cat and the owl"), "the"),
        (_words("a bee is a bee, and a wasp is no bee"), "a"),
        (_words("crow met crow"), "crow"),
        (_words("no no no yes"), "no"),
        (["Crow", "saw", "crow", "nap"], "crow"),
        (["crows", "see", "crow", "nap"], "crow"),
        (["scare", "a", "care", "or", "two"], "care"),
        (["one", "bee,", "one", "bee"], "one"),
        (_words("so it was and so it was"), "so"),
        (["owl", "naps"], "owl"),
        (["owl", "naps"], "naps"),
        (["owl", "naps"], "fox"),
        ([], "fox"),
    ],
    praise="Every word that comes after it is in your list.",
    types={
        str: "You returned a string; return a list with one word for each place.",
        dict: "You returned a dictionary; return a list with one word for each place.",
        (set, frozenset): "You returned a set, which has no order and holds each "
        "follower once; return a list.",
        (zip, filter, map, GeneratorType): "You returned something that would only "
        "make a list; put list(...) around it.",
        int: "You returned a number; return the list of the words themselves.",
    },
    errors={
        "IndexError": "You looked past the end: nothing follows the last word.",
        "is not in list": "list.index fails for a word that does not occur; then the "
        "result should be an empty list.",
    },
)
def followers(words: list[str], word: str) -> list[str]:
    return [b for a, b in pairwise(words) if a == word]


@exercise(
    "That is the last word in alphabetical order, not the most frequent one.",
    max,
    "That is the first word in alphabetical order, not the most frequent one.",
    min,
    "That is the first word of the list, not the most frequent one.",
    lambda words: words[0],
    "That is the last word of the list, not the most frequent one.",
    lambda words: words[-1],
    "That is the middle of the list, not the most frequent word.",
    lambda words: words[len(words) // 2],
    "That is the rarest word, not the most frequent one.",
    lambda words: min(words, key=words.count),
    "That is the longest word, not the most frequent one.",
    lambda words: max(words, key=len),
    "That is the shortest word, not the most frequent one.",
    lambda words: min(words, key=len),
    "You counted longer words that contain it, too; count whole words.",
    lambda words: max(words, key=" ".join(words).count),
    "That is the second most frequent word.",
    lambda words: Counter(words).most_common(2)[-1][0],
    "You returned the word in small letters; return it as it is in the list.",
    lambda words: likeliest(words).lower(),
    "You treated Bee and bee as the same word; compare the words as they are.",
    lambda words: max(words, key=lambda word: _lower(words).count(word.lower())),
    "That is the longest word, not the most frequent one.",
    lambda words: max(words, key=len),
    cases=[
        (_words("hen fox hen crow"),),
        (_words("wolf owl the owl ant"),),
        (_words("ox oxen cat cat oxen oxen, cat"),),
        (_words("said the old Crow Crow owl"),),
        (_words("Bee bee yak yak BEE"),),
        (["owl"],),
    ],
    praise="The most frequent word wins.",
    types={
        int: "You returned a number, such as how often a word occurs; return the word.",
        (tuple, list): "Return the word alone, without a list or a count around it.",
        dict: "You returned all the counts; return the word with the largest.",
    },
)
def likeliest(words: list[str]) -> str:
    return Counter(words).most_common(1)[0][0]


def _circle(word: str) -> str:
    """Return the word after this one in one of three circles, for `write`."""
    if isinstance(word, list):
        raise Mistake(
            f"next_word received the list {word!r}; pass it only the last word, "
            "words[-1]."
        )
    for circle in (["owl", "and", "the", "fox"], _words("so it goes on"), ["no"]):
        if word in circle:
            return circle[(circle.index(word) + 1) % len(circle)]
    raise Mistake(
        f"next_word received {word!r}, which is none of the words; pass it the last "
        "word, words[-1]."
    )


@exercise(
    "You kept asking what follows the start; ask about the newest word.",
    lambda start, length, f: start + [f(start[-1])] * (length - len(start)),
    "You asked about the first word; ask about the newest one, words[-1].",
    lambda start, length, f: start + [f(start[0])] * (length - len(start)),
    "You added `length` words, but `length` includes the start.",
    lambda start, length, f: write(start, len(start) + length, f),
    "You added `length` - 1 words; go on until there are `length` of them.",
    lambda start, length, f: write(start, len(start) + length - 1, f),
    "The start is missing from your text.",
    lambda start, length, f: write(start, len(start) + length, f)[len(start) :],
    "The start is missing from your text, and `length` includes it.",
    lambda start, length, f: write(start, length, f)[len(start) :],
    "You repeated the newest word; next_word tells what comes after it.",
    lambda start, length, f: start + start[-1:] * (length - len(start)),
    "You added nothing to the start.",
    lambda start, length, f: start,
    "You added only one word; continue until the text is long enough.",
    lambda start, length, f: [*start, f(start[-1])],
    "You wrote one word too many; stop as soon as there are `length` of them.",
    lambda start, length, f: write(start, length + 1, f),
    "You wrote one word too few; stop only when there are `length` of them.",
    lambda start, length, f: write(start, length - 1, f),
    "You put the new words before the start; a text grows at its end.",
    lambda start, length, f: write(start, length, f)[len(start) :] + start,
    "You returned only the newest word; return the whole list.",
    lambda start, length, f: write(start, length, f)[-1:],
    "You wrote backwards; a new word goes to the end of the list.",
    lambda start, length, f: write(start, length, f)[::-1],
    cases=[
        (["fox"], 5, _circle),
        (["so", "it"], 7, _circle),
        (["and", "so"], 4, _circle),
        (["the"], 2, _circle),
    ],
    praise="It writes! The same loop drives every GPT.",
    edges={
        "If the start is long enough already, there is nothing to add.": [
            (["fox", "and"], 2, _circle),
            (["so"], 1, _circle),
        ]
    },
    types={
        str: "You returned a string; return the list of words.",
        (zip, filter, map, GeneratorType): "You returned something that would only "
        "make a list; put list(...) around it.",
    },
    errors={
        'concatenate list (not "str")': "A list and a word cannot be added; use "
        "words.append(...), or put the word into a list of its own: [word]."
    },
)
def write(start: list[str], length: int, next_word: Function) -> list[str]:
    words = list(start)
    while len(words) < length:
        words.append(next_word(words[-1]))
    return words
