"""Check that text survives, that errors explain, and that merges are the known ones."""

import doctest
import importlib
import io
import json
import pkgutil
import sys
import time
import unicodedata
from collections import Counter
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import regex
import tokenizers
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import minigpt.tokenizer
from minigpt.tokenizer import (
    BPETokenizer,
    CharTokenizer,
    WordTokenizer,
    byte_ids,
    count_pairs,
    learn_merges,
    load_tokenizer,
    merge_pair,
    most_frequent,
    split_words,
    tokenizer_from_dict,
    tokenizer_to_json,
    train_tokenizer,
    visible,
)

DATA = Path(__file__).resolve().parent.parent / "data"
CORPORA = ["fables.txt", "fables.ru.txt"]
GPT2_PATTERN = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
# The first example of a test trains the tokenizers, which takes longer than others.
examples = partial(settings, deadline=None)
# Characters that later versions of Unicode assign are punctuation to older Pythons.
ASSIGNED = [
    chr(i)
    for i in range(sys.maxunicode + 1)
    if unicodedata.category(chr(i)) not in ("Cs", "Cn")
]
unicode_text = st.text(st.characters(exclude_categories=("Cs", "Cn")))
HARD_TEXTS = [
    "",
    "\0",
    "\r\n\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u3000\u180e\ufeff",
    "I'll, we've 'S 'Ll ''s 'ſ",
    "cafe\u0301 caf\u00e9 ½ Ⅷ ² ٣ 一二三 _x_",
    "👩‍👩‍👧‍👦🇺🇦 e\u0301\u0302",
    "שלום עולם مرحبا \u202eabc",
    "a  b   c \n\n d  ",
    "aaaaaaaaaaa" * 30,
]


@cache
def corpus(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


@cache
def trained(name: str) -> BPETokenizer:
    return BPETokenizer.train(corpus(name), 1000)


@cache
def trusted(name: str) -> tokenizers.Tokenizer:
    return train_trusted(corpus(name), 1000)


def train_trusted(text: str, vocab_size: int) -> tokenizers.Tokenizer:
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=byte_level.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def trusted_merges(tokenizer: tokenizers.Tokenizer) -> list[tuple[int, int]]:
    model = json.loads(tokenizer.to_str())["model"]
    return [(model["vocab"][a], model["vocab"][b]) for a, b in model["merges"]]


def message(error: pytest.ExceptionInfo[ValueError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# Every kind


@cache
def all_kinds() -> list:
    text = corpus("fables.txt")[:20_000]
    return [train_tokenizer(kind, text) for kind in ("char", "bpe", "word")]


@pytest.mark.parametrize("tokenizer", all_kinds(), ids=repr)
def test_the_protocol_is_kept(tokenizer):
    text = corpus("fables.txt")[:20_000]
    ids = tokenizer.encode(text)
    assert all(type(i) is int and 0 <= i < tokenizer.vocab_size for i in ids)
    assert tokenizer.decode(ids) == tokenizer.decode(iter(ids)) == text
    assert len(tokenizer.tokens) == tokenizer.vocab_size
    assert all(type(token) is str and token for token in tokenizer.tokens)
    assert all(token.isprintable() and " " not in token for token in tokenizer.tokens)
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""
    assert f"of {tokenizer.vocab_size} tokens" in repr(tokenizer)


@pytest.mark.parametrize("tokenizer", all_kinds(), ids=repr)
def test_ids_that_stand_for_nothing_are_refused(tokenizer):
    size = tokenizer.vocab_size
    for wrong in (-1, size):
        with pytest.raises(ValueError) as error:
            tokenizer.decode([0, wrong])
        assert message(error) == (
            f"id {wrong} at position 1 is not in the vocabulary: the ids of this "
            f"tokenizer are from 0 to {size - 1}"
        )


@pytest.mark.parametrize("tokenizer", all_kinds(), ids=repr)
def test_a_saved_tokenizer_comes_back(tokenizer, tmp_path):
    path = tmp_path / "vocab.json"
    path.write_text(tokenizer_to_json(tokenizer), encoding="utf-8")
    loaded = load_tokenizer(str(path))
    assert type(loaded) is type(tokenizer)
    assert loaded.to_dict() == tokenizer.to_dict()
    assert loaded.tokens == tokenizer.tokens
    text = "the crow and the fox"
    assert loaded.encode(text) == tokenizer.encode(text)
    assert json.loads(path.read_bytes())["type"] in ("char", "bpe", "word")


@pytest.mark.parametrize("tokenizer", all_kinds(), ids=repr)
def test_the_dict_is_plain_enough_for_a_checkpoint(tokenizer):
    file = io.BytesIO()
    torch.save(tokenizer.to_dict(), file)
    file.seek(0)
    fields = torch.load(file, weights_only=True)
    assert tokenizer_from_dict(fields).to_dict() == tokenizer.to_dict()


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
def test_lone_surrogates_are_refused(kind):
    with pytest.raises(ValueError) as error:
        train_tokenizer(kind, "ab\ud800c")
    assert message(error) == (
        "lone surrogate '\\ud800' at position 2: it is half of a character and cannot "
        "be stored as UTF-8; remove it"
    )


@pytest.mark.parametrize("kind", ["char", "word"])
def test_nothing_to_learn(kind):
    with pytest.raises(ValueError) as error:
        train_tokenizer(kind, "")
    assert message(error).startswith("the text is empty: use one with ")


def test_a_kind_is_chosen_by_name():
    text = corpus("fables.txt")[:100_000]
    assert train_tokenizer("bpe", text).vocab_size == 1000
    assert train_tokenizer("char", text).vocab_size == len(set(text))
    assert train_tokenizer("bpe", text, 300).vocab_size == 300
    assert train_tokenizer("word", corpus("fables.txt")).vocab_size == 5000
    assert train_tokenizer("word", text, 50).vocab_size == 50
    with pytest.raises(ValueError) as error:
        train_tokenizer("wordpiece", text)
    assert message(error) == (
        "unknown tokenizer 'wordpiece': choose from char, bpe, word"
    )
    with pytest.raises(ValueError) as error:
        train_tokenizer("char", text, 100)
    assert message(error) == (
        "the characters of the text decide the vocabulary size of a char tokenizer: "
        "leave out the 100, or use bpe or word"
    )


@pytest.mark.parametrize(
    ("kind", "size", "smallest"),
    [
        ("bpe", 0, 256),
        ("bpe", 255, 256),
        ("bpe", 65_537, 256),
        ("word", 1, 2),
        ("word", -5, 2),
        ("word", 65_537, 2),
    ],
)
def test_sizes_out_of_range(kind, size, smallest):
    with pytest.raises(ValueError) as error:
        train_tokenizer(kind, "some text", size)
    assert message(error) == (
        f"the vocabulary size must be from {smallest} to 65,536, not {size:,}"
    )


def test_the_largest_vocabularies():
    letters = "".join(ASSIGNED[:65_536])
    assert CharTokenizer.from_text(letters).vocab_size == 65_536
    with pytest.raises(ValueError, match=r"65,537 different .* use --tokenizer bpe"):
        CharTokenizer.from_text("".join(ASSIGNED[:65_537]))
    assert WordTokenizer.from_text(" ".join(ASSIGNED), 65_536).vocab_size == 65_536


def test_visible_text_takes_up_no_space():
    assert visible("a b\n") == "a␣b⏎"
    assert visible("\t\r\0\u200d\u3000") == "\\t\\r\\x00\\u200d\\u3000"
    assert visible("Ёжé👍") == "Ёжé👍"


# Characters


@examples()
@given(unicode_text.filter(bool))
def test_characters_round_trip(text):
    tokenizer = CharTokenizer.from_text(text)
    ids = tokenizer.encode(text)
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text
    assert list(tokenizer.characters) == sorted(set(text))


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("abé", "'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE) at position 2"),
        ("\n", "'\\n' (U+000A) at position 0"),
        ("bб", "'б' (U+0431 CYRILLIC SMALL LETTER BE) at position 1"),
        ("a🦊🦊", "'🦊' (U+1F98A FOX FACE) at position 1"),
    ],
)
def test_unknown_characters_are_named(text, described):
    with pytest.raises(ValueError) as error:
        CharTokenizer.from_text("abc").encode(text)
    assert message(error) == (
        f"unknown character {described}: it is not in the vocabulary of this "
        "tokenizer; remove it, or prepare a text that has it"
    )


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer])
def test_letters_split_into_two_characters_are_those_of_the_text(kind):
    tokenizer = kind.from_text("Мой чай, йод и ещё")
    for text in "чай и ещё", "йод":
        split = unicodedata.normalize("NFD", text)
        assert split != text and tokenizer.encode(split) == tokenizer.encode(text)
    # A text that is known as it stands is left as it stands.
    split = unicodedata.normalize("NFD", "чай")
    tokenizer = CharTokenizer.from_text(split + "чай")
    assert tokenizer.decode(tokenizer.encode(split)) == split


def test_an_unknown_character_after_a_split_letter_is_the_one_that_is_named():
    with pytest.raises(ValueError, match=r"unknown character '☃' .* at position 2"):
        CharTokenizer.from_text("чай").encode("аи\u0306☃")


@pytest.mark.parametrize("tokenizer", all_kinds(), ids=repr)
@pytest.mark.parametrize("text", [None, 3, b"fox", ["f", "o", "x"]])
def test_what_is_no_string_is_said_in_words(tokenizer, text):
    for take in (
        tokenizer.encode,
        type(tokenizer).train
        if isinstance(tokenizer, BPETokenizer)
        else type(tokenizer).from_text,
    ):
        with pytest.raises(ValueError, match="a text must be a string, not ") as error:
            take(text)
        message(error)
    with pytest.raises(ValueError, match=r"ids must be whole numbers .* not 'fox'"):
        tokenizer.decode("fox")


@pytest.mark.parametrize("kind", ["bpe", "word"])
@pytest.mark.parametrize("size", ["300", 300.0, True])
def test_a_size_that_is_no_whole_number(kind, size):
    with pytest.raises(ValueError, match="the vocabulary size must be a whole number"):
        train_tokenizer(kind, "some text", size)


def test_words_that_are_not_in_the_vocabulary_are_listed_once():
    tokenizer = WordTokenizer.from_text("the fox")
    text = "the crow, the fox, the crow"
    assert tokenizer.unknown_words(text) == ["crow", ","]
    assert tokenizer.unknown_words("the fox") == []


@pytest.mark.parametrize(
    "tokenizer",
    [
        BPETokenizer(np.array([[1, 2], [256, 3]])),
        BPETokenizer(torch.tensor([[1, 2], [256, 3]])),
        CharTokenizer(np.str_("abc")),
        WordTokenizer([np.str_("<unk>"), np.str_("a")]),
    ],
)
def test_what_numpy_and_torch_give_is_saved_as_plain_python(tokenizer):
    file = io.BytesIO()
    torch.save(tokenizer.to_dict(), file)
    file.seek(0)
    loaded = tokenizer_from_dict(torch.load(file, weights_only=True))
    again = tokenizer_from_dict(json.loads(tokenizer_to_json(tokenizer)))
    assert loaded.to_dict() == again.to_dict() == tokenizer.to_dict()


# Splitting


def test_the_split_is_gpt2s_at_every_character():
    for start in range(0, len(ASSIGNED), 10_000):
        characters = ASSIGNED[start : start + 10_000]
        text = "".join(f"a{c}1{c} {c}{c}'{c}s  " for c in characters)
        assert split_words(text) == GPT2_PATTERN.findall(text)


def test_the_split_is_the_trusted_one_at_every_character():
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    public = [c for c in ASSIGNED if unicodedata.category(c) != "Co"]
    for start in range(0, len(public), 10_000):
        characters = public[start : start + 10_000]
        text = "".join(f"a{c}1 {c}" for c in characters)
        ends = [end for _, (_, end) in byte_level.pre_tokenize_str(text)]
        ours, position = [], 0
        for word in split_words(text):
            position += len(word)
            ours.append(position)
        assert ours == ends


@given(st.one_of(unicode_text, st.text("aB1½²é'srl \t\n\x85\u3000.!_")))
@examples(max_examples=300)
def test_the_split_is_gpt2s_on_any_text(text):
    assert split_words(text) == GPT2_PATTERN.findall(text)
    assert "".join(split_words(text)) == text


# Merging


def test_the_published_example():
    """Wikipedia's "aaabdaaabac": Z = aa, Y = ab, X = ZY gives XdXac."""
    a, b, c, d = b"abcd"
    X, Y, Z = 258, 257, 256
    ids = list(b"aaabdaaabac")
    assert most_frequent(count_pairs([(ids, 1)])) == (a, a)
    ids = merge_pair(ids, (a, a), Z)
    assert ids == [Z, a, b, d, Z, a, b, a, c]
    assert most_frequent(count_pairs([(ids, 1)])) == (a, b)
    ids = merge_pair(ids, (a, b), Y)
    assert ids == [Z, Y, d, Z, Y, a, c]
    assert most_frequent(count_pairs([(ids, 1)])) == (Z, Y)
    assert merge_pair(ids, (Z, Y), X) == [X, d, X, a, c]
    words = [(b"aaabdaaabac", 1)]
    assert learn_merges(words, 3, first_id=256) == [(a, a), (a, b), (Z, Y)]


def test_merging_copies_and_goes_from_left_to_right():
    ids = [1, 1, 1, 1, 1]
    assert merge_pair(ids, (1, 1), 9) == [9, 9, 1]
    assert ids == [1, 1, 1, 1, 1]
    assert merge_pair([], (1, 1), 9) == []
    assert merge_pair([2, 1], (1, 2), 9) == [2, 1]
    with pytest.raises(ValueError):
        most_frequent(Counter())


def learn_merges_by_counting_anew(words, n_merges, first_id):
    """What a learner writes first."""
    merges = []
    for new_id in range(first_id, first_id + n_merges):
        counts = count_pairs(words)
        if not counts:
            break
        merges.append(most_frequent(counts))
        words = [(merge_pair(ids, merges[-1], new_id), count) for ids, count in words]
    return merges


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 4))),
    st.integers(0, 30),
)
@examples(max_examples=300)
def test_counting_what_changed_equals_counting_anew(words, n_merges):
    learned = learn_merges(words, n_merges, first_id=4)
    assert learned == learn_merges_by_counting_anew(words, n_merges, first_id=4)


# Byte pairs


@pytest.mark.parametrize("name", CORPORA)
def test_merges_and_ids_equal_the_trusted_ones(name):
    ours, theirs = trained(name), trusted(name)
    assert ours.vocab_size == theirs.get_vocab_size() == 1000
    assert ours.merges == trusted_merges(theirs)
    ids = ours.encode(corpus(name))
    assert ids == theirs.encode(corpus(name)).ids
    assert ours.decode(ids) == corpus(name)


@pytest.mark.parametrize("name", CORPORA)
@examples(max_examples=200)
@given(text=st.one_of(unicode_text, st.text("theandsго '1.\n")))
def test_encoding_equals_the_trusted_one(name, text):
    assert trained(name).encode(text) == trusted(name).encode(text).ids


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_hard_texts_equal_the_trusted_ones(text):
    for name in CORPORA:
        ids = trained(name).encode(text)
        assert ids == trusted(name).encode(text).ids
        assert trained(name).decode(ids) == text


@examples(max_examples=100)
@given(st.text("ab é'\n", max_size=80), st.integers(256, 290))
def test_training_equals_the_trusted_one(text, vocab_size):
    ours, theirs = BPETokenizer.train(text, vocab_size), train_trusted(text, vocab_size)
    assert ours.merges == trusted_merges(theirs)
    assert ours.vocab_size == theirs.get_vocab_size()


@examples()
@given(st.text())
@example("".join(map(chr, range(256))))
@example(HARD_TEXTS[5])
def test_bytes_round_trip(text):
    tokenizer = trained("fables.txt")
    assert tokenizer.decode(tokenizer.encode(text)) == text


@examples()
@given(st.lists(st.integers(0, 999)))
def test_any_ids_decode_as_the_trusted_ones(ids):
    theirs = trusted("fables.ru.txt").decode(ids, skip_special_tokens=False)
    assert trained("fables.ru.txt").decode(ids) == theirs


def test_training_is_fast():
    for name in CORPORA:
        start = time.process_time()
        tokenizer = BPETokenizer.train(corpus(name), 1000)
        assert time.process_time() - start < 5
        start = time.process_time()
        tokenizer.encode(corpus(name))
        assert time.process_time() - start < 4


def test_a_word_without_end_is_encoded_in_reasonable_time():
    text = corpus("fables.txt")
    letters = "".join(c for c in text[:40_000] if c.isalpha())
    start = time.process_time()
    ids = trained("fables.txt").encode(letters)
    assert time.process_time() - start < 5
    assert trained("fables.txt").decode(ids) == letters


def test_training_stops_when_no_pairs_are_left():
    tokenizer = BPETokenizer.train("ab ab", 1000)
    assert tokenizer.tokens[256:] == ["ab", "␣ab"]
    assert BPETokenizer.train("", 1000).vocab_size == 256
    assert BPETokenizer.train("ab", 256).merges == []


def test_bytes_have_gpt2s_ids():
    assert byte_ids("!~") == [0, 93]
    assert byte_ids("\0 \n") == [188, 220, 198]
    tokenizer = BPETokenizer([])
    assert sorted(tokenizer.decode([i]) for i in range(94)) == [
        chr(i) for i in range(33, 127)
    ]
    assert byte_ids(" ") == [tokenizer.tokens.index("␣")]


def test_a_cut_character_is_shown_as_such():
    tokenizer = BPETokenizer([])
    ids = tokenizer.encode("né")
    assert tokenizer.decode(ids) == "né"
    assert tokenizer.decode(ids[:-1]) == "n�"
    assert tokenizer.decode(ids[-1:]) == "�"
    assert [tokenizer.tokens[i] for i in ids] == ["n", "\\xc3", "\\xa9"]


def test_encoding_refuses_lone_surrogates():
    with pytest.raises(ValueError, match=r"^lone surrogate '\\udc41' at position 3: "):
        trained("fables.txt").encode("abc\udc41")


def test_cached_words_stay_as_they_are():
    tokenizer = BPETokenizer.train("aaaa", 258)
    ids = tokenizer.encode("aaaa")
    ids.append(5)
    assert tokenizer.encode("aaaa") == [257]


# Words


@examples()
@given(unicode_text.filter(bool))
@example(HARD_TEXTS[3])
def test_known_words_round_trip(text):
    tokenizer = WordTokenizer.from_text(text)
    ids = tokenizer.encode(text)
    assert 0 not in ids
    assert tokenizer.decode(ids) == text


def test_unknown_words_are_lost():
    tokenizer = WordTokenizer.from_text("the crow, the fox\n")
    ids = tokenizer.encode("the wolf, the fox")
    assert tokenizer.decode(ids) == "the <unk>, the fox"
    assert ids[2] == 0
    assert tokenizer.tokens[0] == "<unk>"
    assert 0 in tokenizer.encode("<unk>")


def test_the_most_frequent_words_are_kept_and_ties_sorted():
    tokenizer = WordTokenizer.from_text("d a c a c b", vocab_size=5)
    assert tokenizer.words == ["<unk>", " ", "a", "c", "b"]


def test_what_counts_as_a_word():
    tokenizer = WordTokenizer.from_text('"Don\'t," l’ours  said_1.\n\n')
    pieces = ['"', "Don't", ",", '"', " ", "l’ours", "  ", "said_1", ".", "\n\n"]
    assert [tokenizer.words[i] for i in tokenizer.encode("".join(pieces))] == pieces


# Files and dicts that hold something else


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (None, "a tokenizer is saved as a dict, not NoneType"),
        ([], "a tokenizer is saved as a dict, not list"),
        ({}, "unknown tokenizer None: choose from char, bpe, word"),
        ({"type": ["bpe"]}, "unknown tokenizer ['bpe']: choose from char, bpe, word"),
        ({"type": "char"}, '"characters" must be a string'),
        ({"type": "char", "characters": ["a"]}, '"characters" must be a string'),
        ({"type": "char", "characters": "aba"}, "characters of a vocabulary must all"),
        ({"type": "char", "characters": ""}, "the text is empty"),
        ({"type": "char", "characters": "a\ud800"}, "lone surrogate"),
        ({"type": "bpe"}, '"merges" must be a list of pairs of ids'),
        ({"type": "bpe", "merges": {"a": 1}}, '"merges" must be a list of pairs'),
        ({"type": "bpe", "merges": [[1]]}, "a merge is a pair of ids, not [1]"),
        ({"type": "bpe", "merges": ["ab"]}, "ids must be whole numbers in one"),
        ({"type": "bpe", "merges": [[1, 2.0]]}, "one dimension, not [1, 2.0]"),
        ({"type": "bpe", "merges": [[True, 2]]}, "one dimension, not [True, 2]"),
        (
            {"type": "bpe", "merges": [[0, 256]]},
            "merge 0 256 makes token 256, so its ids must be from 0 to 255",
        ),
        ({"type": "bpe", "merges": [[-1, 2]]}, "merge -1 2 makes token 256, so its"),
        ({"type": "bpe", "merges": [[2, -1]]}, "merge 2 -1 makes token 256, so its"),
        ({"type": "bpe", "merges": [[1, 2], [1, 2]]}, "merge 1 2 makes a token that"),
        (
            {"type": "bpe", "merges": [[1, 1], [256, 1], [1, 256]]},
            "merge 1 256 makes a token that already exists",
        ),
        (
            {"type": "bpe", "merges": [[0, 0]] + [[i, i] for i in range(256, 60_000)]},
            "the tokens hold more than 67,108,864 bytes together",
        ),
        ({"type": "bpe", "merges": [[0, 0]] * 65_281}, "to 65,536, not 65,537"),
        ({"type": "word"}, '"words" must be a list of strings'),
        ({"type": "word", "words": "abc"}, '"words" must be a list of strings'),
        ({"type": "word", "words": ["<unk>", 1]}, "a text must be a string, not 1"),
        ({"type": "word", "words": []}, "first word of a vocabulary must be '<unk>'"),
        ({"type": "word", "words": ["a", "<unk>"]}, "first word of a vocabulary must"),
        ({"type": "word", "words": ["<unk>", "a", "a"]}, "words of a vocabulary must"),
        ({"type": "word", "words": ["<unk>", ""]}, "must be different, not empty"),
        ({"type": "word", "words": ["<unk>", "\ud800"]}, "lone surrogate"),
    ],
)
def test_foreign_dicts_are_refused(fields, complaint, tmp_path):
    with pytest.raises(ValueError) as error:
        tokenizer_from_dict(fields)
    assert complaint in message(error)
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        load_tokenizer(path)
    assert message(error).startswith(f"{path} holds no usable tokenizer: ")
    assert complaint in message(error)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[" * 200_000, b"1" * 5000, b"\x00", b'{"type": "char"'],
    ids=range(7),
)
def test_broken_files_are_named(content, tmp_path):
    path = tmp_path / "vocab.json"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        load_tokenizer(path)
    assert message(error).startswith(f"{path} holds no usable tokenizer: ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@examples()
@given(st.sampled_from(["char", "bpe", "word"]), json_values)
def test_any_fields_make_a_tokenizer_or_a_value_error(kind, value):
    fields = {"type": kind, "characters": value, "merges": value, "words": value}
    try:
        tokenizer = tokenizer_from_dict(fields)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert len(tokenizer.tokens) == tokenizer.vocab_size


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_tokenizer(tmp_path / "vocab.json")


@examples()
@given(unicode_text.filter(bool))
def test_json_keeps_every_character(text):
    for tokenizer in CharTokenizer.from_text(text), WordTokenizer.from_text(text):
        assert json.loads(tokenizer_to_json(tokenizer)) == tokenizer.to_dict()


def test_json_can_be_read_by_people():
    assert tokenizer_to_json(CharTokenizer("\nжé")) == (
        '{\n "type": "char",\n "characters": "\\nжé"\n}'
    )
    lines = tokenizer_to_json(trained("fables.txt")).splitlines()
    assert len(lines) == 744 + 5


# The examples in the documentation


def test_examples_in_docstrings():
    modules = pkgutil.iter_modules(minigpt.tokenizer.__path__)
    results = {
        module.name: doctest.testmod(
            importlib.import_module(f"minigpt.tokenizer.{module.name}")
        )
        for module in modules
    }
    assert not any(result.failed for result in results.values())
    for name in "base", "bpe", "char", "vocab_json", "word":
        assert results[name].attempted > 0
