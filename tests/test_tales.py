"""Tales are drawn as their grammar says, and their probabilities are exact."""

import hashlib
import math
import random
import re
from collections import Counter, defaultdict
from itertools import permutations, product
from pathlib import Path

import pytest

import minigpt as package
from minigpt.tales import BUILT_IN, SEPARATOR, draw_tales, read_grammar
from minigpt.tales.grammar import LISTS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
GOOD = """\
titles = ["The {hero} and the {thing}", "{Hero} and {Other}", "The {trait} {hero}"]

[slots]
animal = ["owl", "cat", "emu"]
thing = ["egg", "key"]
name_she = ["Ann", "Eve"]
name_he = ["Bo"]

[[plot]]
trait = "odd"
about = "a tale in which every name is said"
open = [
  "{Hero} was a {trait} {hero}, and {he} had a {thing}.",
  "A {hero} saw an old {thing}.",
]
talk = [
  ["hero", ["Yes.", "No, {Other}."]],
  ["other", ["Is it {his}?"]],
]
end = ["{He2} smiled at {him}.", "That was all."]
moral = ["Keep {his2} {thing}.", "Be an owl, not a {other}."]

[[plot]]
trait = "shy"
open = ["Once {he} slept.", "There was a {other}."]
want = ["{He2} did not."]
moral = ["Sleep.", "Let {him2} sleep."]
"""


@pytest.fixture
def written(tmp_path):
    """Write a grammar to a file and return its path."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "world.toml"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def grammar(written):
    return read_grammar(written(GOOD))


@pytest.fixture(scope="module")
def course():
    return read_grammar()


def all_tales(grammar):
    """Return the probability of every text, by making all choices in all ways."""
    chances = defaultdict(float)
    fillings = []
    for name, slots in LISTS.items():
        words = grammar.words.get(name, [])
        fillings.append(list(permutations(words, min(len(slots), len(words)))))
    for plot in grammar.plots:
        ways = list(product(*plot.steps, *fillings))
        for way in ways:
            alternatives, words = way[: len(plot.steps)], way[len(plot.steps) :]
            filled = {}
            for slots, chosen in zip(LISTS.values(), words, strict=True):
                filled.update(zip(slots, chosen, strict=False))
            for slot, number in ("Hero", ""), ("Other", "2"):
                she = filled.get(slot) in grammar.she
                for pair in ("he", "she"), ("him", "her"), ("his", "her"):
                    filled[pair[0] + number] = pair[she]
                    filled[pair[0].capitalize() + number] = pair[she].capitalize()
            text = "".join(alternatives).format(**filled)
            text = re.sub(r"\b([aA]) (?=[aeiou])", r"\1n ", text)
            chances[text] += 1 / len(ways) / len(grammar.plots)
    return chances


def test_layout(written):
    text = """
        titles = ["Title"]
        slots = { name_she = ["Ann", "Eve"] }
        [[plot]]
        open = ["Open."]
        want = ["Want."]
        meet = ["Meet."]
        talk = [["other", ["One."]], ["hero", ["Two."]], ["hero", ["Three."]]]
        turn = ["Turn."]
        end = ["End."]
        moral = ["The moral."]
    """
    tale, other = draw_tales(read_grammar(written(text)), 2, 1)
    hero = tale.words["Hero"]
    assert {hero, tale.words["Other"]} == {"Ann", "Eve"}
    assert tale.text == (
        "Title\n\nOpen. Want. Meet.\n\n"
        f"{tale.words['Other']}: One.\n\n{hero}: Two.\n\n{hero}: Three.\n\n"
        "Turn. End.\n\nMoral: The moral."
    )
    assert SEPARATOR.join([tale.text, other.text]).count("\n\n\n") == 1


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([], "Open."),
        (["want"], "Open. Want."),
        (["meet", "end"], "Open. Meet.\n\nEnd."),
        (["talk", "end"], "Open.\n\nAnn: Hi.\n\nEnd."),
        (["turn"], "Open.\n\nTurn."),
    ],
)
def test_parts_that_a_plot_does_without(written, parts, body):
    lines = ['titles = ["T"]', "[slots]", 'name_she = ["Ann"]', "[[plot]]"]
    for part in "open", *parts, "moral":
        talk = '[["hero", ["Hi."]]]'
        lines.append(
            f"{part} = " + (talk if part == "talk" else f'["{part.title()}."]')
        )
    [tale] = draw_tales(read_grammar(written("\n".join(lines))), 1, 0)
    assert tale.text == f"T\n\n{body}\n\nMoral: Moral."


def test_entropy_and_probabilities_are_those_of_all_tales(grammar):
    chances = all_tales(grammar)
    assert len(chances) > 2000
    assert math.fsum(chances.values()) == pytest.approx(1)
    entropy = -math.fsum(p * math.log(p) for p in chances.values())
    assert grammar.entropy() == pytest.approx(entropy, rel=1e-12)
    some = random.Random(1).sample(sorted(chances), 400)
    for text in some:
        assert math.exp(grammar.log_probability(text)) == pytest.approx(chances[text])


@pytest.mark.parametrize(
    ("change", "less"),
    [
        # {He} alone tells one name of three from the two others.
        (("{Hero} naps.", "{He} naps."), 2 / 3 * math.log(2)),
        # An alternative of two says nothing about the thing.
        (("sees the {thing}.", "sees it all."), math.log(2) / 2),
    ],
)
def test_what_cannot_be_seen_adds_no_entropy(written, change, less):
    text = """
        titles = ["T"]
        slots = { name_she = ["Ann", "Eve"], name_he = ["Bo"], thing = ["a", "b"] }
        [[plot]]
        open = ["{Hero} naps."]
        end = ["Then nobody sees the {thing}.", "It rains on the {thing}."]
        moral = ["M"]
    """.replace('["a", "b"]', '["ax", "bed"]')
    assert text.count(change[0]) == 1
    before = read_grammar(written(text)).entropy()
    after = read_grammar(written(text.replace(*change))).entropy()
    assert before == pytest.approx(math.log(3) + math.log(2) + math.log(2))
    assert before - after == pytest.approx(less)


AMBIGUOUS = """
    titles = ["T"]
    [slots]
    name_she = ["Ann", "Ann Bo"]
    name_he = ["Bo", "Bo Ann"]
    thing = ["big", "big big"]
    food = ["big", "big big", "soup"]
    [[plot]]
    open = ["A {thing} {food}.", "A big soup.", "A {thing} {food} {thing}."]
    end = ["{thing} {food}", "{food} {thing}"]
    moral = ["M", "{Hero} {Other}", "{he}"]
    [[plot]]
    open = ["A big {food}."]
    moral = ["Ann {Other}", "M"]
"""


def test_a_text_that_can_be_read_in_several_ways(written):
    grammar = read_grammar(written(AMBIGUOUS))
    chances = all_tales(grammar)
    assert math.fsum(chances.values()) == pytest.approx(1)
    for text, p in chances.items():
        assert math.exp(grammar.log_probability(text)) == pytest.approx(p, rel=1e-12)
    # Either order of the thing and the food at the end makes this text.
    text = "T\n\nA big big.\n\nbig big\n\nMoral: M"
    assert chances[text] == pytest.approx(1 / 3 * 1 / 6 / 3 / 2)


def test_tales_are_drawn_as_often_as_they_should_be(written):
    grammar = read_grammar(written(AMBIGUOUS))
    n = 20_000
    counts = Counter(tale.text for tale in draw_tales(grammar, n, seed=5))
    chances = all_tales(grammar)
    assert counts.keys() <= chances.keys()
    for text, p in chances.items():
        assert abs(counts[text] - n * p) < 5 * math.sqrt(n * p) + 1, text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Ann", "Zoe"),
        (" she had", " he had"),
        ("an odd", "a odd"),
        ("a key", "an key"),
        ("Moral: Keep her", "Moral: Keep his"),
        ("\n\nAnn:", "\nAnn:"),
        ("Bo: Is it", "Ann: Is it"),
        (" smiled at her.", " smiled at her. "),
        (" key.", " key. "),
        ("The owl", "The emu"),
    ],
)
def test_what_the_grammar_cannot_make_has_no_probability(grammar, old, new):
    text = (
        "The owl and the key\n\nAnn was an odd owl, and she had a key.\n\nAnn: No, Eve."
        "\n\nEve: Is it her?\n\nShe smiled at her.\n\nMoral: Keep her key."
    )
    if "Bo" in old:
        text = text.replace("Eve: Is", "Bo: Is").replace("No, Eve", "No, Bo")
        text = text.replace("She smiled", "He smiled").replace("Keep her", "Keep his")
    assert grammar.log_probability(text) > -math.inf
    assert text.count(old) >= 1
    changed = text.replace(old, new, 1)
    assert grammar.log_probability(changed) == -math.inf
    assert grammar.log_probability(text + " ") == -math.inf
    assert (
        grammar.log_probability(text[:-1]) == grammar.log_probability("") == -math.inf
    )


def test_tales_of_the_course_are_as_improbable_as_its_entropy_says(course):
    tales = draw_tales(course, 50, seed=2)
    surprises = [-course.log_probability(tale.text) for tale in tales]
    assert all(map(math.isfinite, surprises))
    mean = math.fsum(surprises) / 50
    spread = math.sqrt(math.fsum((s - mean) ** 2 for s in surprises) / 49)
    assert abs(mean - course.entropy()) < 5 * spread / math.sqrt(50)
    assert 35 < course.entropy() < 60


def test_tales_of_the_course_are_clean_english(course):
    for tale in draw_tales(course, 300, seed=3):
        assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiouh]|[{}]|  |\n ", tale.text)
        title, *paragraphs = tale.text.split("\n\n")
        assert title and paragraphs[-1].startswith("Moral: ")
        speakers = {p.partition(": ")[0] for p in paragraphs[1:-2]}
        assert speakers == {tale.words["Hero"], tale.words["Other"]}
        assert all("\n" not in paragraph for paragraph in paragraphs)


@pytest.mark.parametrize(
    ("noun", "article"),
    [("owl", "an"), ("dog", "a"), ("unicorn", "a"), ("umbrella", "an"), ("ewe", "a"),
     ("eel", "an"), ("one-eyed cat", "a"), ("ulna", "an"), ("used boot", "a")],
)  # fmt: skip
def test_a_and_an(written, noun, article):
    text = GOOD.replace('["owl", "cat", "emu"]', f'["{noun}", "cat"]')
    text = text.replace("A {hero} saw", "A {hero} like a {hero} saw")
    grammar = read_grammar(written(text))
    seen = 0
    for tale in draw_tales(grammar, 200, seed=1):
        if f" {noun} saw" in tale.text:
            seen += 1
            expected = f"{article.title()} {noun} like {article} {noun} saw an old "
            assert expected in tale.text
        assert grammar.log_probability(tale.text) > -math.inf
    assert seen > 10


def test_pronouns_follow_the_names(grammar):
    seen = set()
    for tale in draw_tales(grammar, 300, seed=4):
        he = [("he", "his", "him"), ("she", "her", "her")]
        hero = he[tale.words["Hero"] in ("Ann", "Eve")]
        other = he[tale.words["Other"] in ("Ann", "Eve")]
        assert tale.words["Hero"] != tale.words["Other"]
        assert tale.words["hero"] != tale.words["other"]
        if tale.plot == 0:
            assert f": Is it {hero[1]}?" in tale.text
            if " smiled " in tale.text:
                assert f"{other[0].title()} smiled at {hero[2]}." in tale.text
            if " had a " in tale.text:
                assert f", and {hero[0]} had a" in tale.text
            if "Keep" in tale.text:
                assert f"Keep {other[1]} {tale.words['thing']}" in tale.text
        elif "Let" in tale.text:
            assert f"Let {other[2]} sleep" in tale.text
        seen.add((hero, other))
    assert len(seen) == 3  # there is only one he


def test_a_seed_gives_the_same_tales_on_every_python(grammar):
    text = SEPARATOR.join(tale.text for tale in draw_tales(grammar, 50, seed=7))
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "1ce45d4cbfde794a6583928b550d17a22f06bea152f13e4f77f850927f8798b4"
    assert draw_tales(grammar, 5, seed=7) == draw_tales(grammar, 50, seed=7)[:5]
    assert draw_tales(grammar, 5, seed=8) != draw_tales(grammar, 5, seed=7)


def test_without_some_combinations(grammar):
    everything = set(grammar.combinations())
    assert len(everything) == 12
    drawn = {tale.combination for tale in draw_tales(grammar, 300, seed=1)}
    assert drawn == everything
    kept_out = {("owl", "cat", 0), ("emu", "owl", 1)}
    tales = draw_tales(grammar, 300, seed=1, without=kept_out)
    assert {tale.combination for tale in tales} == everything - kept_out
    rest = everything - {("cat", "emu", 1)}
    tales = draw_tales(grammar, 3, seed=1, without=rest)
    assert [tale.combination for tale in tales] == [("cat", "emu", 1)] * 3
    with pytest.raises(ValueError, match="no tale is left"):
        draw_tales(grammar, 1, seed=1, without=everything)


def test_a_world_with_one_animal_or_none(written):
    one = GOOD.replace('"owl", "cat", "emu"', '"owl"').replace("{other}", "{hero}")
    grammar = read_grammar(written(one))
    assert set(grammar.combinations()) == {("owl", "", 0), ("owl", "", 1)}
    tales = draw_tales(grammar, 20, seed=1, without={("owl", "", 0)})
    assert {tale.combination for tale in tales} == {("owl", "", 1)}
    none = re.sub(r"animal = .*\n", "", one.replace("{hero}", "fox"))
    grammar = read_grammar(written(none))
    assert {tale.combination[:2] for tale in draw_tales(grammar, 9, 1)} == {("", "")}
    chances = all_tales(grammar)
    entropy = -math.fsum(p * math.log(p) for p in chances.values())
    assert grammar.entropy() == pytest.approx(entropy)


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (-1, 1), (1, -1)])
def test_numbers_out_of_range(grammar, count, seed):
    name, value = ("seed", seed) if seed < 0 else ("count", count)
    with pytest.raises(ValueError, match=rf"^{name} must be at least \d, not {value}$"):
        draw_tales(grammar, count, seed)


def test_the_package_has_the_names():
    assert package.read_grammar is read_grammar and package.draw_tales is draw_tales
    assert package.Grammar and package.Tale


# What is wrong with a grammar. A fault is made by replacing a piece of the good one.
FIRST, SECOND = "plot 1 (odd)", "plot 2 (shy)"
KEYS = "use one of name_she, name_he, animal, thing, food, place, time"
NO_LIST = "this must be a list of at least one string"
TWICE = "the same string is in this list twice"
AN_OLD = 'write "an old" instead of "a old"'
SPEECH = 'a speech must look like ["hero", ["Yes.", "No."]]'
COLON = "a word and a colon at its beginning look like a speech"
NO_SLOTS = "only alternatives have slots, a word does not"
FAULTS = [
    # Keys.
    ("titles =", "title =", 1, "title", "unknown key: did you mean titles?"),
    ("name_he =", "nmae_he =", 7, "slots, nmae_he",
     "unknown key: did you mean name_he?"),
    ("thing =", '"x y" =', 5, "slots, x y", f"unknown key: {KEYS}"),
    ("want =", "opne =", 26, f"{SECOND}, opne", "unknown key: did you mean open?"),
    # Lists.
    ('["egg", "key"]', "[]", 5, "slots, thing", NO_LIST),
    ('["egg", "key"]', '"egg"', 5, "slots, thing", NO_LIST),
    ('"egg", "key"', '"egg", 7', 5, "slots, thing",
     "every item must be a string, not 7"),
    ('"egg", "key"', '"egg", ""', 5, "slots, thing", "a string is empty"),
    ('"egg", "key"', '"egg", "egg"', 5, "slots, thing", TWICE),
    ('["Bo"]', '["Bo", "Eve"]', 7, "slots, name_he", "Eve is also in name_she"),
    ('"That was all."', '" "', 20, f"{FIRST}, end", "a string is empty"),
    ('["{He2} did not."]', "[]", 26, f"{SECOND}, want", NO_LIST),
    ('["{He2} did not."]', "{}", 26, f"{SECOND}, want", NO_LIST),
    (
        '"A {hero} saw an old {thing}."',
        '"{Hero} was a {trait} {hero}, and {he} had a {thing}."',
        14, f"{FIRST}, open", TWICE,
    ),
    ('"shy"', "3", 24, "plot 2, trait", "every item must be a string, not 3"),
    ('"shy"', '""', 24, "plot 2, trait", "a string is empty"),
    # Slots.
    ("There was a {other}.", "There was a {othr}.", 25, f"{SECOND}, open",
     "unknown slot {othr}: did you mean {other}?"),
    ("Is it {his}?", "Is it {Heroes}?", 18, f"{FIRST}, talk",
     "unknown slot {Heroes}: did you mean {Hero}?"),
    ("The {hero} and", "The {animal} and", 1, "titles",
     "unknown slot {animal}: did you mean {hero}?"),
    ("Is it {his}?", "Is it {xyz}?", 18, f"{FIRST}, talk",
     "unknown slot {xyz}: use one of {Hero}, {Other}, {hero}, {other}, "),
    ("Is it {his}?", "Is it {}?", 18, f"{FIRST}, talk",
     "unknown slot {}: use one of {Hero"),
    ("Is it {his}?", "Is it {food}?", 18, f"{FIRST}, talk",
     "{food} needs one word or more in [slots] (food), not 0"),
    ('"owl", "cat", "emu"', '"owl"', 21, f"{FIRST}, moral",
     "{other} needs two words or more in [slots] (animal), not 1"),
    ('name_she = ["Ann", "Eve"]\n', "", 1, "titles",
     "{Other} needs two words or more in [slots] (name_she and name_he), not 1"),
    ("Is it {his}?", "Is it {his?", 18, f"{FIRST}, talk",
     "a stray {: a slot looks like {hero}"),
    ("Is it {his}?", "Is it }{his}?", 18, f"{FIRST}, talk",
     "a stray }: a slot looks like {hero}"),
    ('"key"', '"{food}"', 5, "slots, thing", NO_SLOTS),
    ('"shy"', '"{he}"', 24, "plot 2, trait", NO_SLOTS),
    ('trait = "shy"\n', "", 23, "plot 2",
     'a title or part uses {trait}: add trait = "..." to this plot'),
    # Words that a reader would stumble over.
    ("an old", "a old", 14, f"{FIRST}, open", AN_OLD),
    ("a {trait} {hero}", "an {trait} {hero}", 13, f"{FIRST}, open",
     'write "a {trait}": the n is added where it is needed'),
    ('"That was all."', '"What was a"', 20, f"{FIRST}, end",
     'a string must not end in the article "a" or "an"'),
    ('"That was all."', '"Such was an"', 20, f"{FIRST}, end",
     'a string must not end in the article "a" or "an"'),
    ('"That was all."', '"A ape slept."', 20, f"{FIRST}, end",
     'write "An ape" instead of "A ape"'),
    # The layout.
    ("Is it {his}?", r"Is it\n{his}?", 16, f"{FIRST}, talk",
     "a string must not contain a line break"),
    ('"That was all."', '"That was all. "', 20, f"{FIRST}, end",
     "a string must not begin or end with a space"),
    ('"That was all."', '"{Hero}: That was all."', 20, f"{FIRST}, end", COLON),
    ('"That was all."', '"Moral: That was all."', 20, f"{FIRST}, end", COLON),
    ('"That was all."', '"The Moral: that was all."', 20, f"{FIRST}, end",
     '"Moral" announces the end of a tale: use another word'),
    ('"Bo"', '"Moral"', 7, "slots, name_he",
     '"Moral" announces the end of a tale: use another word'),
    # The talk.
    ('["other", [', '["thing", [', 18, f"{FIRST}, talk",
     "the speaker must be \"hero\" or \"other\", not 'thing'"),
    ('["other", ["Is it {his}?"]]', '["other"]', 16, f"{FIRST}, talk", SPEECH),
    ('["other", ["Is it {his}?"]]', '"Is it {his}?"', 16, f"{FIRST}, talk", SPEECH),
    ('["other", ["Is it {his}?"]]', '["other", []]', 16, f"{FIRST}, talk", NO_LIST),
    ('["other", ["Is it {his}?"]]', '["other", "Is it {his}?"]', 16, f"{FIRST}, talk",
     NO_LIST),
    ('want = ["{He2} did not."]', "talk = []", 26, f"{SECOND}, talk",
     "talk must be a list of at least one speech"),
    # What is missing.
    ('open = ["Once {he} slept.", "There was a {other}."]\n', "", 23, SECOND,
     "open = [...] is missing, and every plot needs it"),
    ('moral = ["Sleep.", "Let {him2} sleep."]\n', "", 23, SECOND,
     "moral = [...] is missing, and every plot needs it"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "where", "fault"), FAULTS)
def test_a_fault_is_one_line_that_says_where(written, old, new, line, where, fault):
    assert GOOD.count(old) == 1
    path = written(GOOD.replace(old, new))
    with pytest.raises(ValueError) as caught:
        read_grammar(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {line}, {where}: {fault}")
    assert message.endswith(fault) or "use one of" in message
    assert "\n" not in message


NO_NAMES = """
    titles = ["T"]
    [slots]
    [[plot]]
    open = ["Then it rained."]
    moral = ["M"]
"""


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (
            'end = ["{He} naps."]',
            "{He} needs one word or more in [slots] (name_she and",
        ),
        (
            'talk = [["hero", ["Hi."]]]',
            "{Hero} needs one word or more in [slots] (name",
        ),
    ],
)
def test_a_pronoun_or_a_speech_needs_a_name(written, extra, fault):
    read_grammar(written(NO_NAMES))
    with pytest.raises(ValueError) as caught:
        read_grammar(written(f"{NO_NAMES}    {extra}\n"))
    part = extra.split()[0]
    assert f", line 7, plot 1, {part}: {fault}" in str(caught.value)


WHOLE = {
    "nothing": ("", "titles = [...] is missing, and every grammar needs it"),
    "no titles": (GOOD[GOOD.index("\n") :], "titles = [...] is missing, and every"),
    "no slots": ('titles = ["T"]\n[[plot]]\nopen = ["a"]', "[slots] is missing, and"),
    "no plots": (GOOD[: GOOD.index("[[plot]]")], "[[plot]] is missing, and every"),
    "empty plots": ('titles = ["T"]\nplot = []\n[slots]\n', "[[plot]] is missing, and"),
    "[plot]": (
        'titles = ["T"]\n[slots]\n[plot]\nopen = ["b"]',
        "plot: write [[plot]] with two brackets on each side",
    ),
    "plot of words": (
        'titles = ["T"]\nplot = ["x"]\n[slots]',
        "plot 1: this must be a table of keys and values",
    ),
    "slots = 3": (
        'titles = ["T"]\nslots = 3\n[[plot]]',
        "slots: this must be a table of keys and values",
    ),
    "not TOML": ('titles = ["T"\n[slots]\n', "is not valid TOML: "),
    "deep": ("titles = " + "[" * 100_000, "is not valid TOML: "),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_that_is_no_grammar(written, kind):
    text, fault = WHOLE[kind]
    path = written(text)
    with pytest.raises(ValueError) as caught:
        read_grammar(path)
    assert str(caught.value).startswith(str(path)) and fault in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(written, tmp_path):
    with pytest.raises(ValueError, match=r"there is no file .*none\.toml: check the"):
        read_grammar(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="is a folder: give a grammar"):
        read_grammar(tmp_path)
    with pytest.raises(ValueError, match=r"not UTF-8 text \(byte \d+ cannot be read\)"):
        read_grammar(written(GOOD.replace("Bo", "Bó"), "latin-1"))


def test_bom_line_ends_and_composed_letters_do_not_matter(written, grammar):
    text = GOOD.replace("Eve", "Zoe\u0308").replace("\n", "\r\n")
    windows = read_grammar(written("\ufeff" + text))
    assert windows.words["name"] == ["Ann", "Zoë", "Bo"]
    tales = draw_tales(windows, 20, 1)
    same = [tale.text.replace("Zoë", "Eve") for tale in tales]
    assert same == [tale.text for tale in draw_tales(grammar, 20, 1)]


def test_a_fault_in_a_string_with_escapes_is_on_the_line_of_its_key(written):
    text = GOOD.replace('"That was all."', r'"\"That\" was a old {thing}."')
    with pytest.raises(ValueError, match=r"line 20, plot 1 .*, end: write \"an old"):
        read_grammar(written(text))


# The command.
def test_command(minigpt, written, course, grammar):
    tales = SEPARATOR.join(tale.text for tale in draw_tales(course, 3, 1))
    result = minigpt("tales")
    assert (result.status, result.out, result.err) == (0, f"{tales}\n", "")
    tales = SEPARATOR.join(tale.text for tale in draw_tales(grammar, 2, 9))
    result = minigpt("tales", written(GOOD), "--count", 2, "--seed", 9)
    assert (result.status, result.out, result.err) == (0, f"{tales}\n", "")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--count", 0], "count must be at least 1, not 0"),
        (["--seed", -1], "seed must be at least 0, not -1"),
        (["--count", "x"], "--count must be a whole number, not x (see"),
        (["nowhere.toml"], "there is no file nowhere.toml: check the path"),
    ],
)
def test_command_refuses(minigpt, words, fault):
    result = minigpt("tales", *words)
    assert result.complaint.startswith(fault) and result.out == ""


def test_the_world_of_the_readme_works(written, minigpt):
    [world] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert len(world.splitlines()) == 10
    path = written(world)
    grammar = read_grammar(path)
    for tale in draw_tales(grammar, 50, seed=1):
        assert grammar.log_probability(tale.text) > -math.inf
    chances = all_tales(grammar)
    entropy = -math.fsum(p * math.log(p) for p in chances.values())
    assert grammar.entropy() == pytest.approx(entropy)
    assert "\n\nMoral: " in minigpt("tales", path).out
    assert "minigpt tales my_world.toml" in README
    assert "minigpt prepare my_world.toml" in README


def test_the_readme_says_what_the_grammar_of_the_course_is(course):
    alternatives = sum(len(step) for plot in course.plots for step in plot.steps[1:])
    assert f"{len(course.plots)} plots" in README
    assert BUILT_IN == ROOT / "data" / "tales.toml"
    assert alternatives > 1000
