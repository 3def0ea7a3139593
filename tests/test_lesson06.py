"""Give the exercises of lesson 06 wrong answers, and see each get its own verdict."""

import itertools
import random

import matplotlib.pyplot as plt
import notebook_tools as tools
import pytest

from minigpt.course import plots
from minigpt.course.exercises.lesson06 import cast
from minigpt.course.plots.playing import PROPERTIES
from minigpt.course.sense import Sense, SenseMeter
from minigpt.data import BUILT_IN
from minigpt.tales import read_grammar

DISTANCE = "def my_distance(loss, floor, n_tokens, n_characters):\n    "
HOTTEST = "def my_hottest(shares, least):\n    "
CAST = """
def my_cast(tale):
    title, *body = tale.split("\\n\\n")
    opening = re.findall(r"\\w+", body[0]) if body else []
    speeches = [re.match(r"(\\w+): ", part) for part in body]
    names = [found[1] for found in speeches if found and found[1] != "Moral"]
    return [name in opening for name in names]
"""


def changed(*pairs: str) -> str:
    """Return the right answer to 06.cast with parts of it replaced."""
    code = CAST
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    return code


# For each exercise: the answer's code, and a part of the verdict that it must get.
WRONG = {
    "06.distance": [
        (DISTANCE + "return loss - floor", "in nats per token; spread"),
        (DISTANCE + "return loss * n_tokens / n_characters", "forgot the floor"),
        (
            DISTANCE + "return (loss - floor) * n_characters / n_tokens",
            "You swapped tokens and characters",
        ),
        (
            DISTANCE + "return loss * n_tokens / n_characters - floor",
            "a floor per token from a loss per character",
        ),
        (
            DISTANCE + "return loss - floor * n_tokens / n_characters",
            "a floor per character from a loss per token",
        ),
        (
            DISTANCE + "return (floor - loss) * n_tokens / n_characters",
            "The sign is wrong",
        ),
        (
            DISTANCE + "return abs(loss - floor) * n_tokens / n_characters",
            "A loss below the floor is a distance below 0",
        ),
        (
            DISTANCE + "return max(loss - floor, 0.0) * n_tokens / n_characters",
            "A loss below the floor is a distance below 0",
        ),
        (DISTANCE + "return loss / floor", "how many times as high"),
        (
            DISTANCE + "return (loss / floor - 1) * n_tokens / n_characters",
            "You divided by the floor, too",
        ),
        (
            "import math\n\n"
            + DISTANCE
            + "return (loss - floor) * n_tokens / n_characters / math.log(2)",
            "Those are bits",
        ),
        (DISTANCE + "return (loss - floor) * n_tokens", "nats of the whole text"),
        (DISTANCE + "return (loss - floor) / n_characters", "first multiply by the"),
        (DISTANCE + "return (loss - floor) / n_tokens", "You divided by the number of"),
        (
            DISTANCE + "return round((loss - floor) * n_tokens / n_characters, 1)",
            "the result should be 0.825, not 0.8",
        ),
        (
            DISTANCE + "return (loss - floor) * n_tokens // n_characters",
            "should be 0.1, not 0.",
        ),
        (
            DISTANCE + "return (loss - floor) * (n_tokens // n_characters)",
            "should be 5.7, not 0.",
        ),
        (
            DISTANCE + "return loss - floor * n_tokens / n_characters, 0",
            "has type tuple, not float",
        ),
        (DISTANCE + "return 0.125", "should be 0.1, not 0.125"),
        (
            DISTANCE + "print((loss - floor) * n_tokens / n_characters)",
            "returned nothing",
        ),
        (
            DISTANCE + "return (loss - 0.25) * n_tokens / n_characters",
            "the result should be",
        ),
        (
            DISTANCE + "return f'{(loss - floor) * n_tokens / n_characters:.3f}'",
            "has type str, not float",
        ),
        (
            DISTANCE + "return (loss - dataset.entropy) * n_tokens / n_characters",
            "name 'dataset' is not defined",
        ),
    ],
    "06.cast": [
        (changed(' and found[1] != "Moral"', ""), "You counted the moral as a speech"),
        (
            changed('re.findall(r"\\w+", body[0]) if body else []', "tale"),
            "Every speaker counts as named",
        ),
        (
            changed('re.findall(r"\\w+", body[0]) if body else []', 'body[0] or ""'),
            "A name inside a longer word is no mention",
        ),
        (changed('re.findall(r"\\w+", body[0])', "title"), "You looked in the title"),
        (changed("body[0]) if body else []", "tale)"), "Every speaker counts as named"),
        (changed("in names]", "in dict.fromkeys(names)]"), "once for each speaker"),
        (
            changed('(r"(\\w+): "', '(r"(.*?):"'),
            "You took every paragraph with a colon",
        ),
        (changed("[name in opening", "[name not in opening"), "the wrong way round"),
        (
            changed('re.findall(r"\\w+", body[0])', "body[0].split()"),
            "You split the opening at spaces",
        ),
        (
            changed("for part in body]", "for part in body[:-1]]"),
            "You dropped the last paragraph unread",
        ),
        (changed("in names]", "in names[:1]]"), "You looked at the first speech only"),
        (
            changed("return [name in opening for name in names]", "return names"),
            "The names are right",
        ),
        (
            changed("[name in opening for name in names]", "[True for name in names]"),
            "Every speaker counts as named",
        ),
        (
            changed("[name in opening for", "[name.lower() in opening for"),
            "Nobody counts as named",
        ),
        (
            changed("found[1] for found", "found[0] for found"),
            "the colon still in the name",
        ),
        (
            changed("[name in opening for", "[True for").replace(
                "in names]", "in names if name in opening]"
            ),
            "You left out the speeches of speakers who were not",
        ),
        (
            changed("[name in opening for", "[name for").replace(
                "in names]", "in names if name in opening]"
            ),
            "Those are the speakers that were named",
        ),
        (
            changed("return [", "known = [")
            + "    return sum(known) / max(len(known), 1)",
            "Return a list with one answer for each speech",
        ),
        (
            changed("return [name in", "return {name: name in").replace(
                "names]\n", "names}\n"
            ),
            "A set or a dict keeps each answer once",
        ),
        (changed(" if body else []", ""), "A model may stop after the title"),
        (
            changed("title, *body", "title, first, *body", "body[0]", "first"),
            "A tale may open with a speech",
        ),
        (changed("if found and", "if"), "matches only some of the paragraphs"),
        (
            changed(
                '*body = tale.split("\\n\\n")', '*body = tale.strip().split("\\n")'
            ),
            "Is your opening empty",
        ),
        (CAST.replace("    return", "    answers ="), "returned nothing"),
        (
            changed(
                "return [name in opening for name in names]", "return [True, False]"
            ),
            "should be",
        ),
    ],
    "06.hottest": [
        (HOTTEST + "return max(shares, key=shares.get)", "with the best share"),
        (
            HOTTEST + "return min(t for t in shares if shares[t] >= least)",
            "the lowest temperature that is good enough",
        ),
        (HOTTEST + "return max(shares)", "good enough or not"),
        (
            HOTTEST + "return max(t for t in shares if shares[t] >= least)",
            "max() of nothing",
        ),
        (
            HOTTEST + "return max([0.0] + [t for t in shares if shares[t] > least])",
            "A share equal to `least` is good enough",
        ),
        (
            HOTTEST + "return max([0.0] + [t for t in shares if t >= least])",
            "You compared the temperatures",
        ),
        (
            HOTTEST + "return max([0.0] + [t for t in shares if shares[t] <= least])",
            "You compared the wrong way round",
        ),
        (
            HOTTEST
            + "for t, share in shares.items():\n        if share >= least:\n"
            + "            return t\n    return 0.0",
            "You returned the first temperature",
        ),
        (
            HOTTEST
            + "best = 0.0\n    for t, share in shares.items():\n"
            + "        if share >= least:\n            best = t\n    return best",
            "You returned the last temperature",
        ),
        (
            HOTTEST
            + "best = 0.0\n    for t in sorted(shares):\n"
            + "        if shares[t] < least:\n            break\n"
            + "        best = t\n    return best",
            "You stopped at the first temperature",
        ),
        (
            HOTTEST + "return [t for t in shares if shares[t] >= least]",
            "You returned all of them",
        ),
        (
            HOTTEST + "return sum(share >= least for share in shares.values())",
            "You counted the temperatures",
        ),
        (
            HOTTEST + "return max([0.0] + [s for s in shares.values() if s >= least])",
            "You returned the highest share",
        ),
        (
            HOTTEST
            + "for t in sorted(shares, reverse=True):\n"
            + "        if shares[t] >= least:\n            return t",
            "which stands for greedy",
        ),
        (
            HOTTEST + "return max(x for x in shares.items() if x[1] >= least)",
            "Return the temperature alone, without its share",
        ),
        (
            HOTTEST + "return sorted(t for t in shares if shares[t] >= least)[-1]",
            "There was nothing to take the last of",
        ),
        (
            HOTTEST
            + "good = [t for t in shares if shares[t] >= least]\n"
            + "    return max(good, default=min(shares))",
            "Where no share is good enough, return 0.0",
        ),
        (
            HOTTEST
            + "while shares and max(shares.values()) < 2:\n"
            + "        t = max(shares)\n"
            + "        if shares.pop(t) >= least:\n            return t\n"
            + "    return 0.0",
            "Your function changed shares",
        ),
        (
            HOTTEST + "return max([0.0] + [t for t in shares if shares[t] >= 0.8])",
            "should be",
        ),
        (HOTTEST + "return 1.1", "should be"),
        (
            HOTTEST + "return str(max(t for t in shares if shares[t] >= least))",
            "has type str, not float",
        ),
    ],
}
every_wrong_answer = pytest.mark.parametrize(
    ("exercise", "code", "said"),
    [(name, code, said) for name, answers in WRONG.items() for code, said in answers],
)


@every_wrong_answer
def test_wrong_answer_is_told_what_is_wrong(exercise, code, said):
    verdict = tools.verdict_on("06", exercise, code)
    assert verdict.text.startswith("✗ ") and said in verdict.text
    assert "\n" not in verdict.text


@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_has_a_verdict_of_its_own(name):
    assert len({said for _, said in WRONG[name]}) >= 12


OTHER_RIGHT_ANSWERS = [
    (
        "06.distance",
        DISTANCE
        + "nats = n_tokens * loss - n_tokens * floor\n    return nats / n_characters",
    ),
    (
        "06.distance",
        DISTANCE + "return torch.tensor((loss - floor) * n_tokens / n_characters)",
    ),
    ("06.cast", CAST),
    (
        "06.cast",
        """
def my_cast(tale):
    opening, known = None, []
    for part in tale.split("\\n\\n")[1:]:
        if opening is None:
            opening = set(re.sub(r"[^A-Za-z]", " ", part).split())
        name, colon, _ = part.partition(": ")
        if colon and name.isalpha() and name != "Moral":
            known.append(name in opening)
    return known
""",
    ),
    (
        "06.hottest",
        HOTTEST
        + "good = [t for t in shares if shares[t] >= least]\n"
        + "    return max(good) if good else 0",
    ),
    (
        "06.hottest",
        HOTTEST
        + "for t in sorted(shares, reverse=True):\n"
        + "        if shares[t] >= least:\n            return t\n    return 0.0",
    ),
]


@pytest.mark.parametrize(("exercise", "code"), OTHER_RIGHT_ANSWERS)
def test_other_ways_to_write_it_pass(exercise, code):
    verdict = tools.verdict_on("06", exercise, code)
    assert verdict.passed, verdict.text


def test_the_exercise_measures_what_the_package_measures():
    """On tales of the grammar, half of them with a name that was exchanged."""
    grammar, rng = read_grammar(BUILT_IN["tales"]), random.Random(4)
    tales = []
    for _ in range(60):
        text = grammar.draw(rng).text
        tales += [text, text.replace("\n\nBella: ", "\n\nTor: ")]
    sense = SenseMeter(grammar, tales, frozenset()).measure(tales)
    mine = [answer for tale in tales for answer in cast(tale)]
    assert mine == sense.speakers and len(set(mine)) == 2


# The figures, also of a model that has learned next to nothing


@pytest.fixture
def drawn():
    """Return the texts of the newest figure, once it is rendered without a warning."""
    plt.switch_backend("agg")

    def read():
        figure = plt.gcf()
        figure.canvas.draw()
        return [text.get_text() for text in figure.findobj(plt.Text)]

    yield read
    plt.close("all")


def test_losses_are_drawn_from_the_highest_to_the_floor(drawn):
    plots.loss_levels({"uniform": 7.6, "entropy": 0.2, "your model": 0.9}, "title", 1.0)
    assert {"title", "your guess", "7.60", "0.20"} <= {*drawn()}
    labels = [label.get_text() for label in plt.gca().get_yticklabels()]
    assert labels == ["uniform", "your model", "floor"]


@pytest.mark.parametrize("entropy", [None, 0.2])
@pytest.mark.parametrize("last", [1, 900])
def test_a_curve_is_drawn_with_or_without_a_floor(drawn, entropy, last):
    levels = {"uniform": 7.6, "bigram": 3.7, "entropy": entropy}
    curves = {"training": [(1, 7.5), (last, 0.9)], "validation": [(last, 1.0)]}
    plots.loss_between(curves, levels, "title", practice=100)
    words = drawn()
    assert ("floor 0.20" in words) == bool(entropy)
    assert ("practises copying" in words) == (last > 100)


def test_what_could_not_be_measured_is_left_out_of_the_figures(drawn):
    nothing = Sense().fractions()
    plots.sense_dots({"one": nothing, "two": nothing | {"words": 0.5}}, "title")
    assert {"one", "two", *PROPERTIES.values()} <= {*drawn()}
    plots.sense_by_temperature({0.5: nothing, 1.0: nothing}, "title")
    assert PROPERTIES["speakers"] in drawn()


@pytest.mark.parametrize("height", [0.0, 0.4, 1.0])
def test_names_at_line_ends_touch_neither_each_other_nor_the_axis(drawn, height):
    lines = {f"line {n}": [0.0, 1.0, height] for n in range(5)}
    plots.lens_lines(lines, "title", "share")
    drawn()
    axes = plt.gca()
    boxes = [text.get_window_extent() for text in axes.texts]
    boxes.sort(key=lambda box: box.y0)
    assert len(boxes) == 5
    assert boxes[0].y0 >= axes.get_window_extent().y0 - 1  # pixels
    assert all(below.y1 <= above.y0 for below, above in itertools.pairwise(boxes))


def test_the_last_bar_of_mentions_says_that_it_holds_all_later_ones(drawn):
    plots.mention_bars([3.8, 0.2, 0.1, 0.1], 3.2, "title")
    drawn()
    ticks = [label.get_text() for label in plt.gca().get_xticklabels()]
    assert ticks == ["1st", "2nd", "3rd", "4th+"]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("The fox\n\nA fox sat.", "The fox\n\nA fox ran.", ["The fox", "", "A fox "]),
        ("The fox", "The fox", ["The fox"]),
        ("a", "b", [""]),
        ("\x00\x14", "", [""]),
    ],
)
def test_two_texts_share_their_beginning(drawn, first, second, shared):
    plots.two_texts({"A": first, "B": second}, "title", width=30)
    drawn()
    grey = [
        t.get_text() for t in plt.gcf().axes[0].texts if t.get_color() == plots.GREY
    ]
    assert grey == shared
