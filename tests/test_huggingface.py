"""What is exported is the same model in transformers, and a GPT-2 comes back whole."""

import json
import shutil
import sys
import unicodedata
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import (
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    PreTrainedTokenizerFast,
)

from minigpt.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from minigpt.config import GPTConfig
from minigpt.decoding import generate
from minigpt.huggingface import from_folder, to_files
from minigpt.model import GPT
from minigpt.paths import CHECKPOINTS, SHIPPED_CHECKPOINT, TEXTS
from minigpt.tokenizer import (
    BPETokenizer,
    CharTokenizer,
    WordTokenizer,
    from_hugging_face,
    stream_text,
    to_hugging_face,
    tokenizer_from_dict,
    train_tokenizer,
)

FABLES = (TEXTS / "fables.txt").read_text(encoding="utf-8")[:20_000]
RUSSIAN = (TEXTS / "fables.ru.txt").read_text(encoding="utf-8")[:20_000]
END = "<|endoftext|>"
AWKWARD = [
    "",
    " two  spaces\tand \n\n lines\r\n",
    "We'll don’t it's 'quoted' <unk> <|endoftext|>",
    "a_b 12٣½Ⅷ² 一二三 шёл 👩‍👩‍👧 \x1c\x1f\x85\u2028\0 \ue000",
]


def small(tokenizer, **changes) -> Checkpoint:
    """A model that has learned nothing, for that tokenizer."""
    shape = {"block_size": 32, "n_layer": 2, "n_head": 2, "n_embd": 16} | changes
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.vocab_size, **shape)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))  # biases are no longer 0
    return Checkpoint(model, tokenizer, None)


def written(checkpoint: Checkpoint, folder: Path) -> Path:
    folder.mkdir()
    for name, content in to_files(checkpoint).items():
        (folder / name).write_bytes(content)
    return folder


def largest_difference(ours: GPT, theirs: GPT2LMHeadModel) -> float:
    ids = torch.randint(ours.config.vocab_size, (4, ours.config.block_size))
    with torch.no_grad():
        return float((ours(ids) - theirs(ids).logits).abs().max())


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert asdict(one.model.config) == asdict(other.model.config)
    assert one.tokenizer.to_dict() == other.tokenizer.to_dict()
    weights = other.model.state_dict()
    for name, weight in one.model.state_dict().items():
        assert torch.equal(weight, weights[name]), name


# Our models in transformers


def test_the_shipped_model_goes_and_comes_back(minigpt, tmp_path, tried):
    folder, back = tmp_path / "new" / "folder", tmp_path / "back.pt"
    result = minigpt("export", SHIPPED_CHECKPOINT, folder, "--to", "huggingface")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"{folder}: 6.5 MB")
    shipped = load_checkpoint(SHIPPED_CHECKPOINT)
    theirs = GPT2LMHeadModel.from_pretrained(folder).eval()
    difference = largest_difference(shipped.model, theirs)
    tried(f"logits of the shipped model differ by at most {difference:.1e}")
    assert difference < 1e-4
    for kind in PreTrainedTokenizerFast, AutoTokenizer:
        tokenizer = kind.from_pretrained(folder, model_max_length=10**6)
        encoded = tokenizer(FABLES)
        assert encoded["input_ids"] == shipped.tokenizer.encode(FABLES)
        assert "token_type_ids" not in encoded  # GPT-2 would add their embeddings
        assert tokenizer.decode(encoded["input_ids"]) == FABLES

    assert minigpt("import", folder, back).status == 0
    assert_same(load_checkpoint(back), shipped)
    words = "generate", "--prompt", "The fox", "--seed", 7, "--length", 60
    texts = [minigpt(*words, "--checkpoint", p).out for p in (SHIPPED_CHECKPOINT, back)]
    assert texts[0] == texts[1] and len(texts[0]) > 100


def test_what_transformers_saves_again_comes_back(tmp_path):
    checkpoint = small(train_tokenizer("bpe", FABLES, 400), dropout=0.25)
    checkpoint.tokenizer.end = "\n\n\n"
    folder, again = written(checkpoint, tmp_path / "first"), tmp_path / "again"
    GPT2LMHeadModel.from_pretrained(folder).save_pretrained(again)
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(again)
    assert_same(from_folder(again), checkpoint)


def test_greedy_text_is_the_same(tmp_path):
    checkpoint = small(CharTokenizer.from_text(FABLES))
    theirs = GPT2LMHeadModel.from_pretrained(written(checkpoint, tmp_path / "f"))
    prompt = checkpoint.tokenizer.encode("The fox")
    found = theirs.generate(torch.tensor([prompt]), max_new_tokens=25, do_sample=False)[
        0, len(prompt) :
    ]
    expected = list(generate(checkpoint.model, prompt, 25, greedy=True))
    assert found.tolist() == expected and len(set(expected)) > 1


@cache
def both(kind: str) -> tuple:
    """A tokenizer that knows English and Russian, and Hugging Face's equal of it."""
    ours = train_tokenizer(kind, FABLES + RUSSIAN + "".join(AWKWARD))
    return ours, Tokenizer.from_str(json.dumps(to_hugging_face(ours)))


@pytest.mark.parametrize("kind", ["char", "bpe", "word"])
def test_tokenizers_give_the_same_ids(kind):
    ours, theirs = both(kind)
    for text in [FABLES, RUSSIAN, *AWKWARD]:
        assert theirs.encode(text).ids == ours.encode(text), text
        assert theirs.decode(ours.encode(text)) == text
    assert from_hugging_face(json.loads(theirs.to_str())).to_dict() == ours.to_dict()


KNOWN = st.text(sorted(set(FABLES + RUSSIAN + "".join(AWKWARD))))
ANY = st.text(st.characters(codec="utf-8", exclude_categories=["Cn"]))


@pytest.mark.parametrize(
    ("kind", "texts"), [("char", KNOWN), ("bpe", ANY), ("word", ANY)]
)
def test_tokenizers_give_the_same_ids_for_any_text(kind, texts):
    ours, theirs = both(kind)

    @settings(deadline=None)
    @given(texts)
    def check(text):
        assert theirs.encode(text).ids == ours.encode(text)

    check()


def test_words_and_spaces_are_split_the_same_at_every_character():
    ours, theirs = both("word")
    known = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    known = [c for c in known if unicodedata.category(c) != "Cn"]
    for start in range(0, len(known), 20_000):
        text = "".join(f"fox{c}fox{c}{c} " for c in known[start : start + 20_000])
        assert theirs.encode(text).ids == ours.encode(text)


def test_what_is_unknown_is_composed_first():
    ours = CharTokenizer("abé")
    theirs = Tokenizer.from_str(json.dumps(to_hugging_face(ours)))
    assert theirs.encode("ae\u0301").ids == ours.encode("ae\u0301") == [0, 2]
    with pytest.raises(Exception, match="Missing"):
        theirs.encode("ж")
    ours = WordTokenizer.from_text("café au lait")
    theirs = Tokenizer.from_str(json.dumps(to_hugging_face(ours)))
    text = "cafe\u0301 noir"
    assert theirs.encode(text).ids == ours.encode(text)


def test_combining_characters_are_never_composed_behind_our_back():
    ours = CharTokenizer("eé\u0301")
    theirs = Tokenizer.from_str(json.dumps(to_hugging_face(ours)))
    assert theirs.encode("e\u0301é").ids == ours.encode("e\u0301é") == [0, 2, 1]
    # All characters that can be the second half of a composed one.
    halves = [unicodedata.decomposition(chr(c)).split() for c in range(0xAC00)]
    marks = {
        chr(int(half[1], 16))
        for half in halves
        if len(half) == 2 and "<" not in half[0]
    }
    assert len(marks) > 50
    for mark in marks | {"\u1161", "\u11a8", "\u212b"}:
        assert to_hugging_face(CharTokenizer("a" + mark))["normalizer"] is None
    with pytest.raises(ValueError, match="word tokenizer with combining characters"):
        to_hugging_face(WordTokenizer.from_text("cafe\u0301"))


# GPT-2 as others have it


def bytes_to_unicode() -> dict[int, str]:
    """How GPT-2 shows bytes: this is the function of its `encoder.py`."""
    bs = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    bs += range(ord("®"), ord("ÿ") + 1)
    cs = bs[:]
    for b in range(256):
        if b not in bs:
            cs.append(256 + len(bs) - 188)
            bs.append(b)
    return dict(zip(bs, map(chr, cs), strict=True))


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory) -> Path:
    """A folder with a small random GPT-2 of 50,257 tokens. Not to be changed.

    Its first merges are those of English, the others make all pairs of bytes.
    """
    folder = tmp_path_factory.mktemp("gpt2")
    tokens = list(bytes_to_unicode().values())
    seen, merges = set(tokens), []

    def merge(first, second):
        if first + second not in seen and len(merges) < 50_000:
            merges.append(f"{first} {second}")
            tokens.append(first + second)
            seen.add(first + second)

    for first, second in BPETokenizer.train(FABLES, 1_000).merges:
        merge(tokens[first], tokens[second])
    for first in tokens[:256]:
        for second in tokens[:256]:
            merge(first, second)
    vocab = {token: i for i, token in enumerate([*tokens, END])}
    assert len(vocab) == 50_257
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    text = "\n".join(["#version: 0.2", *merges, ""])
    (folder / "merges.txt").write_text(text, encoding="utf-8")
    torch.manual_seed(1)
    config = GPT2Config(n_positions=64, n_embd=16, n_layer=2, n_head=2)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def copy(tmp_path):
    """A smaller folder, to be changed: `copy(n_inner=3)` changes its config.json."""

    def make(**changes) -> Path:
        tokenizer = BPETokenizer(BPETokenizer.train(FABLES, 300).merges, END)
        folder = written(small(tokenizer), tmp_path / "copy")
        edit(folder / "config.json", **changes)
        return folder

    return make


def edit(path: Path, **changes) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(content), encoding="utf-8")


def test_gpt2_becomes_a_checkpoint(minigpt, gpt2, tmp_path, tried):
    path = tmp_path / "gpt2.pt"
    assert minigpt("import", gpt2, path).status == 0
    made, theirs = load_checkpoint(path), GPT2LMHeadModel.from_pretrained(gpt2).eval()
    difference = largest_difference(made.model, theirs)
    tried(f"logits of a GPT-2 of 50,257 tokens differ by at most {difference:.1e}")
    assert difference < 1e-4
    assert made.model.config == GPTConfig(50_257, 64, 2, 2, 16, dropout=0.1)

    encode = GPT2Tokenizer.from_pretrained(gpt2, model_max_length=10**6)
    for text in [FABLES, RUSSIAN, *AWKWARD, f"{END}{END} a{END}\n"]:
        ids = encode(text)["input_ids"]
        assert made.tokenizer.encode(text) == ids, text
        assert made.tokenizer.decode(ids) == text
    assert encode(END)["input_ids"] == [50_256] == made.tokenizer.encode(END)

    prompt = made.tokenizer.encode_prompt("The fox")
    assert prompt == encode("The fox")["input_ids"]
    expected = theirs.generate(
        torch.tensor([prompt]), max_new_tokens=40, do_sample=False, pad_token_id=50_256
    )[0, len(prompt) :]
    assert list(generate(made.model, prompt, 40, greedy=True)) == expected.tolist()
    result = minigpt(
        "generate", "--checkpoint", path, "--prompt", "The fox", "--greedy",
        "--length", 40,
    )  # fmt: skip
    assert result.out == f"The fox{encode.decode(expected)}\n"


def test_every_form_in_which_gpt2_is_found(gpt2, tmp_path):
    expected, folder = from_folder(gpt2), tmp_path / "copy"
    shutil.copytree(gpt2, folder)
    # As transformers writes it today.
    GPT2Tokenizer.from_pretrained(gpt2).save_pretrained(folder)
    (folder / "merges.txt").unlink()
    (folder / "vocab.json").unlink()
    assert_same(from_folder(folder), expected)
    # As it was published: no kind of model, merges as lines, other defaults.
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    del content["model"]["type"], content["pre_tokenizer"]["use_regex"]
    content["model"]["merges"] = [" ".join(m) for m in content["model"]["merges"]]
    content["post_processor"] = content["decoder"] | {"trim_offsets": False}
    edit(folder / "tokenizer.json", **content)
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
    # Weights without a prefix, with the causal mask and the output layer.
    weights = load_file(folder / "model.safetensors")
    weights = {name.removeprefix("transformer."): w for name, w in weights.items()}
    for n in range(2):
        weights[f"h.{n}.attn.bias"] = torch.ones(1, 1, 64, 64).tril()
        weights[f"h.{n}.attn.masked_bias"] = torch.tensor(-1e4)
    weights["lm_head.weight"] = weights["wte.weight"].clone()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    fields = "n_inner", "scale_attn_by_inverse_layer_idx", "add_cross_attention"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = {name: value for name, value in config.items() if name not in fields}
    (folder / "config.json").write_text(json.dumps(config | {"n_inner": 64}))
    assert_same(from_folder(folder), expected)


def test_an_imported_gpt2_can_be_exported_again(gpt2, tmp_path):
    made = from_folder(gpt2)
    folder = written(made, tmp_path / "again")
    assert_same(from_folder(folder), made)
    model = GPT2LMHeadModel.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    assert model.config.eos_token_id == tokenizer.eos_token_id == 50_256
    assert tokenizer(f"a{END}")["input_ids"] == made.tokenizer.encode(f"a{END}")


def test_half_precision_is_read_as_single(copy):
    folder = copy()
    weights = load_file(folder / "model.safetensors")
    halves = {name: w.to(torch.bfloat16) for name, w in weights.items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    found = from_folder(folder).model.token_embedding.weight
    assert torch.equal(found, halves["transformer.wte.weight"].float())


# The token that ends a text


def test_an_end_token_is_one_token():
    ordinary = BPETokenizer.train(FABLES, 300)
    tokenizer = BPETokenizer(ordinary.merges, END)
    assert tokenizer.vocab_size == 301 and tokenizer.tokens[300] == END
    fox, crow = ordinary.encode("The fox"), ordinary.encode(" crow")
    assert tokenizer.encode(f"{END}The fox{END} crow") == [300, *fox, 300, *crow]
    assert tokenizer.decode([*fox, 300]) == f"The fox{END}"
    assert tokenizer.encode_prompt("The fox") == fox
    assert "".join(stream_text(tokenizer, [*fox, 300, *crow])) == "The fox"
    again = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert again.to_dict() == tokenizer.to_dict() and again.end == END
    assert "end_token" not in ordinary.to_dict()


@pytest.mark.parametrize("end_token", ["x" * 17, 3, "\ud800"])
def test_end_tokens_that_are_none(end_token):
    with pytest.raises(ValueError, match=r"end token|string|surrogate"):
        BPETokenizer([], end_token)
    with pytest.raises(ValueError):
        tokenizer_from_dict({"type": "bpe", "merges": [], "end_token": end_token})


# What is refused


def test_what_cannot_be_exported(minigpt, tmp_path):
    modern = small(CharTokenizer("ab"), modern=True)
    save_checkpoint(tmp_path / "modern.pt", modern.model, modern.tokenizer)
    complaint = minigpt("export", tmp_path / "modern.pt", tmp_path / "out").complaint
    assert complaint == "only a GPT-2 can be exported, and this model is a modern one"
    assert "there is no checkpoint" in minigpt("export", "none.pt", "out").complaint
    complaint = minigpt("export", "a.pt", "out", "--to", "onnx").complaint
    assert "--to: invalid choice: 'onnx'" in complaint
    assert not (tmp_path / "out").exists()
    changed = small(CharTokenizer("ab"))
    changed.model.blocks[0].feed_forward.activation = torch.nn.ReLU()
    with pytest.raises(ValueError, match="cannot be exported: its kinds of layers"):
        to_files(changed)


def test_nothing_is_overwritten(minigpt, gpt2, tmp_path):
    kept = tmp_path / "kept.pt"
    kept.write_text("mine")
    for folder in tmp_path, kept:
        complaint = minigpt("export", SHIPPED_CHECKPOINT, folder).complaint
        assert complaint.startswith(f"{folder} is there already")
    assert "exists and would be lost" in minigpt("import", gpt2, kept).complaint
    assert "must end in .pt" in minigpt("import", gpt2, tmp_path / "a.bin").complaint
    assert [p.name for p in tmp_path.iterdir()] == ["kept.pt"]
    assert kept.read_text() == "mine"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert minigpt("export", SHIPPED_CHECKPOINT, empty).status == 0


def test_a_checkpoint_has_the_name_of_its_folder(minigpt, gpt2):
    expected = CHECKPOINTS / f"{gpt2.name}.pt"
    assert minigpt("import", gpt2).out.startswith(f"{expected}: ")
    assert "would be lost" in minigpt("import", gpt2).complaint
    expected.unlink()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "llama"}, "its model_type is 'llama', and minigpt reads only"),
        ({"activation_function": "relu"}, "its activation_function is 'relu', and"),
        ({"n_inner": 100}, "its n_inner is 100, and minigpt has 64"),
        ({"layer_norm_epsilon": 1e-6}, "its layer_norm_epsilon is 1e-06, and minigpt"),
        ({"scale_attn_weights": False}, "its scale_attn_weights is False"),
        ({"scale_attn_by_inverse_layer_idx": True}, "_layer_idx is True"),
        ({"add_cross_attention": True}, "add_cross_attention is True"),
        ({"n_layer": 3}, "its blocks.2.attention.out.bias is not the one"),
        ({"n_layer": 10**12}, "its config claims a larger model"),
        ({"n_embd": 10**6}, "its config claims a larger model"),
        ({"n_embd": "many"}, "n_embd must be a whole number, not 'many'"),
        ({"n_embd": None}, "n_embd must be a whole number, not None"),
        ({"n_head": 3}, "n_embd (16) must be divisible by n_head (3)"),
        ({"n_positions": 33}, "its position_embedding.weight is not the one"),
        ({"vocab_size": 302}, "its tokenizer has 301 tokens, its model 302"),
    ],
)
def test_another_architecture(minigpt, copy, tmp_path, changes, words):
    folder = copy(**changes)
    complaint = minigpt("import", folder, tmp_path / "a.pt").complaint
    assert complaint.startswith(f"{folder} cannot be imported: ")
    assert words in complaint
    assert not (tmp_path / "a.pt").exists()


def test_missing_and_damaged_files(minigpt, copy, tmp_path):
    folder, out = copy(), tmp_path / "a.pt"
    assert "there is no folder" in minigpt("import", tmp_path / "no", out).complaint
    for name in "config.json", "tokenizer.json", "model.safetensors":
        path = folder / name
        content = path.read_bytes()
        path.unlink()
        complaint = minigpt("import", folder, out).complaint
        assert complaint.startswith(f"{folder} cannot be imported: it has no ")
        assert name in complaint
        path.write_bytes(b"\xff" + content[: len(content) // 2])
        assert "cannot be imported: " in minigpt("import", folder, out).complaint
        path.write_bytes(content)
    (folder / "tokenizer.json").rename(folder / "merges.txt")
    assert "it has no vocab.json" in minigpt("import", folder, out).complaint
    (folder / "config.json").write_text("[" * 100_000)
    assert "its config.json is not JSON" in minigpt("import", folder, out).complaint
    (folder / "config.json").write_text("[]")
    assert "is not a JSON object" in minigpt("import", folder, out).complaint
    assert not out.exists()


def test_a_pickle_is_not_read(minigpt, copy, tmp_path):
    folder = copy()
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    complaint = minigpt("import", folder, tmp_path / "a.pt").complaint
    assert "it has no model.safetensors; load it with transformers" in complaint


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("transformer.ln_f.weight", lambda w: None, "its final_norm.weight is not"),
        (
            "transformer.extra.weight",
            lambda w: torch.ones(3),
            "its extra.weight is not",
        ),
        (
            "transformer.wpe.weight",
            lambda w: w.T.contiguous(),
            "its position_embedding",
        ),
        ("transformer.h.1.ln_1.bias", lambda w: w.to(torch.int8), "not plain numbers"),
        ("lm_head.weight", lambda w: torch.zeros(301, 16), "is not its token embed"),
        ("lm_head.weight", lambda w: torch.zeros(3), "is not its token embed"),
    ],
)
def test_other_weights(minigpt, copy, tmp_path, name, change, words):
    folder = copy()
    weights = load_file(folder / "model.safetensors")
    weights[name] = change(weights.get(name))
    kept = {name: weight for name, weight in weights.items() if weight is not None}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    assert words in minigpt("import", folder, tmp_path / "a.pt").complaint


BOS = {"type": "TemplateProcessing", "special_tokens": {END: {"id": END}}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(normalizer={"type": "Lowercase"}), "in its normalizer"),
        (lambda c: c["pre_tokenizer"].update(add_prefix_space=True), "pre-tokenizer"),
        (lambda c: c["pre_tokenizer"].update(use_regex=False), "pre-tokenizer"),
        (lambda c: c.update(pre_tokenizer=None), "of a kind that minigpt lacks"),
        (lambda c: c.update(post_processor=BOS), "in its post-processor"),
        (lambda c: c["model"].update(type="Unigram", vocab=[["a", 1.0]]), "of a kind"),
        (lambda c: c["model"].update(dropout=0.1), "in its options"),
        (lambda c: c["model"].update(ignore_merges=True), "in its options"),
        (lambda c: c["added_tokens"].append({"id": 9, "content": "[PAD]"}), "special"),
        (lambda c: c["added_tokens"][0].update(lstrip=True), "in its special tokens"),
        (lambda c: c["model"]["merges"].reverse(), "merge"),
        (lambda c: c["model"]["merges"].pop(), "in its special tokens"),
        (lambda c: c["model"]["vocab"].update({"!": 1, '"': 0}), "vocabulary, or the"),
        (lambda c: c["model"].update(merges=[["a"]]), "unpack"),
        (lambda c: c.clear(), "of a kind that minigpt lacks"),
    ],
)
def test_other_tokenizers(change, words):
    tokenizer = BPETokenizer(BPETokenizer.train(FABLES, 300).merges, END)
    content = json.loads(json.dumps(to_hugging_face(tokenizer)))
    assert from_hugging_face(content).to_dict() == tokenizer.to_dict()
    change(content)
    with pytest.raises(ValueError, match=words):
        from_hugging_face(content)


def test_other_tokenizers_of_words():
    content = to_hugging_face(WordTokenizer.from_text(FABLES, 50))
    content["model"]["unk_token"] = "[UNK]"
    with pytest.raises(ValueError, match="differs from minigpt's in its kind"):
        from_hugging_face(content)


def test_a_space_that_is_added(minigpt, copy, tmp_path):
    folder = copy()
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    complaint = minigpt("import", folder, tmp_path / "a.pt").complaint
    assert "its tokenizer adds a space" in complaint
