"""A model becomes one page that fetches nothing; what is wrong is said in one line."""

import base64
import json
import re
from html.parser import HTMLParser
from itertools import chain

import numpy as np
import pytest
import torch

from minigpt.checkpoint import Checkpoint, TrainingState, save_checkpoint
from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.publish import (
    IMPORT,
    MODULES,
    STYLES,
    WEB,
    join_modules,
    make_page,
    write_page,
)
from minigpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

TEXT = "The fox and the crow saw a lantern; the crow took it, the fox did not.\n"


def small(tokenizer, **changes) -> Checkpoint:
    """A model that has learned nothing, for that tokenizer."""
    shape = {"block_size": 16, "n_layer": 1, "n_head": 2, "n_embd": 8} | changes
    model = GPT(GPTConfig(tokenizer.vocab_size, **shape)).eval()
    return Checkpoint(model, tokenizer, None)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return small(CharTokenizer.from_text(TEXT))


class Parts(HTMLParser):
    """The elements of a page, and the text of each that has an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text: dict[str, str] = {}
        self.inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside = [dict(attributes).get("id") or tag]

    def handle_endtag(self, tag):
        self.inside = []

    def handle_data(self, data):
        for name in self.inside:
            self.text[name] = self.text.get(name, "") + data


def content_of(page: str) -> dict:
    return json.loads(Parts(page).text["content"])


def test_the_shipped_model_is_a_small_file(minigpt, tmp_path):
    path = tmp_path / "new folder" / "play.html"
    result = minigpt("publish", SHIPPED_CHECKPOINT, path)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"{path}: ")
    assert path.stat().st_size < 6_000_000
    assert content_of(path.read_text(encoding="utf-8"))["tales"] is True


def test_the_page_has_nothing_to_fetch(checkpoint):
    page = make_page(checkpoint, title="A title", about="A sentence.", loss=1.5)
    assert "http:" not in page and "https:" not in page and "//cdn" not in page
    assert "import(" not in page and "@import" not in page and "url(" not in page
    parts = Parts(page)
    for tag, attributes in parts.elements:
        assert "src" not in attributes, tag
        assert attributes.get("href", "data:,") == "data:,"
    policy = next(a["content"] for _, a in parts.elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none';") and "eval" not in policy


def test_weights_survive_as_16_bit_floats(checkpoint):
    page = make_page(checkpoint)
    halves = np.frombuffer(base64.b64decode(Parts(page).text["weights"]), "<f2")
    start = 0
    weights = checkpoint.model.state_dict()
    for name, shape in content_of(page)["shapes"]:
        stop = start + int(np.prod(shape))
        found = torch.from_numpy(halves[start:stop].copy()).view(shape)
        assert torch.equal(found, weights[name].half()), name
        start = stop
    assert start == len(halves)


def test_title_sentence_prompt_and_loss(minigpt, checkpoint, tmp_path):
    model, path = tmp_path / "model.pt", tmp_path / "play.htm"
    save_checkpoint(model, checkpoint.model, checkpoint.tokenizer)
    result = minigpt(
        "publish", model, path, "--title", "Лиса & <b>", "--about", "</script>",
        "--prompt", "the crow", "--loss", "1.25",
    )  # fmt: skip
    assert result.status == 0, result.err
    page = path.read_text(encoding="utf-8")
    content = content_of(page)
    assert content["title"] == "Лиса & <b>"
    assert content["about"] == "</script>"
    assert (content["prompt"], content["loss"]) == ("the crow", 1.25)
    assert "<title>Лиса &amp; &lt;b&gt;</title>" in page
    assert "<b>" not in page and page.count("</script>") == 3


def test_the_last_loss_of_the_training_is_shown(checkpoint):
    training = TrainingState(TrainConfig(), 20, {}, [(10, 3.0), (20, 2.5)])
    trained = Checkpoint(checkpoint.model, checkpoint.tokenizer, training)
    assert content_of(make_page(trained))["loss"] == 2.5
    assert content_of(make_page(trained, loss=2.0))["loss"] == 2.0
    assert content_of(make_page(checkpoint))["loss"] is None


@pytest.mark.parametrize(
    "tokenizer, prompt",
    [
        (CharTokenizer.from_text(TEXT), "The fox and the"),
        (BPETokenizer.train("Лиса и журавль и лиса " * 9, 280), "Лиса и"),
        (CharTokenizer("?0δε"), "δ"),
        (CharTokenizer("?!"), "?"),
        (WordTokenizer.from_text("kot pies"), "kot"),
    ],
)
def test_without_a_prompt_one_is_chosen_that_the_model_can_read(tokenizer, prompt):
    assert content_of(make_page(small(tokenizer)))["prompt"] == prompt


def test_a_modern_model_is_published_too():
    tokenizer = CharTokenizer.from_text(TEXT)
    content = content_of(make_page(small(tokenizer, modern=True)))
    assert content["config"]["modern"] is True
    assert not any("position" in name for name, _ in content["shapes"])


@pytest.mark.parametrize("home", MODULES)
def test_the_modules_become_one(home):
    script = join_modules(home)
    assert not re.search(r"^(import|export) (?!default)", script, re.MULTILINE)
    # They share one scope, in which a name can stand for one thing only.
    named = r"^(?:async )?(?:function\*?|class|const|let) (\w+)"
    names = re.findall(named, script, re.MULTILINE)
    assert len(names) == len(set(names))
    assert "</script" not in script and "<!--" not in script


def test_no_file_is_left_out():
    assert {p.stem for p in WEB.glob("*.js")} == set(chain(*MODULES.values()))
    assert {p.stem for p in WEB.glob("*.css")} == set(chain(*STYLES.values()))


@pytest.mark.parametrize("name", sorted(set(chain(*MODULES.values()))))
def test_what_a_module_imports_is_exported(name):
    source = (WEB / f"{name}.js").read_text(encoding="utf-8")
    for statement in IMPORT.finditer(source):
        other = (WEB / f"{statement[1]}.js").read_text(encoding="utf-8")
        for word in re.findall(r"\w+", statement[0].split("}")[0])[1:]:
            assert re.search(rf"^export (?:function|class|const) {word}\b", other, re.M)
            assert len(re.findall(rf"\b{word}\b", source)) > 1, f"{word} is not used"


# What is wrong


def test_a_page_must_be_called_a_page(minigpt, tmp_path):
    model = tmp_path / "model.pt"
    model.write_bytes(SHIPPED_CHECKPOINT.read_bytes())
    complaint = minigpt("publish", SHIPPED_CHECKPOINT, model).complaint
    assert complaint == "the name of the page must end in .html, not 'model.pt'"
    assert model.read_bytes() == SHIPPED_CHECKPOINT.read_bytes()


def test_only_a_page_is_replaced(minigpt, checkpoint, tmp_path):
    path = tmp_path / "play.html"
    path.write_text("<h1>my own</h1>", encoding="utf-8")
    complaint = minigpt("publish", SHIPPED_CHECKPOINT, path).complaint
    assert "is not a page that minigpt has written: choose another name" in complaint
    assert path.read_text(encoding="utf-8") == "<h1>my own</h1>"
    path.unlink()
    for title in "First", "Second":
        page = make_page(checkpoint, title=title)
        assert write_page(page, path) == path.stat().st_size
        assert f'<h1 id="title">{title}</h1>' in path.read_text(encoding="utf-8")


def test_missing_damaged_and_foreign_files(minigpt, tmp_path):
    page = tmp_path / "play.html"
    assert "there is no checkpoint" in minigpt("publish", "none.pt", page).complaint
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(SHIPPED_CHECKPOINT.read_bytes()[:100_000])
    assert "is damaged" in minigpt("publish", damaged, page).complaint
    torch.save({"weights": 1}, damaged)
    complaint = minigpt("publish", damaged, page).complaint
    assert "is not a minigpt checkpoint" in complaint
    assert not page.exists()


def test_a_model_of_another_shape(minigpt, tmp_path):
    content = torch.load(SHIPPED_CHECKPOINT, weights_only=True)
    content["model_config"]["n_layer"] += 1
    torch.save(content, tmp_path / "other.pt")
    complaint = minigpt("publish", tmp_path / "other.pt", tmp_path / "a.html").complaint
    assert "does not hold together" in complaint


def test_a_model_with_other_layers(checkpoint):
    checkpoint.model.blocks[0].feed_forward.activation = torch.nn.ReLU()
    with pytest.raises(ValueError, match="cannot be published: its kinds of layers"):
        make_page(checkpoint)


def test_weights_that_16_bits_cannot_hold(checkpoint):
    with torch.no_grad():
        checkpoint.model.token_embedding.weight[0, 0] = 70_000
    with pytest.raises(ValueError, match="do not fit into 16 bits"):
        make_page(checkpoint)


def test_prompts_that_the_model_cannot_read(checkpoint):
    with pytest.raises(ValueError, match="the prompt is empty"):
        make_page(checkpoint, prompt="")
    with pytest.raises(ValueError, match="unknown character 'ж'"):
        make_page(checkpoint, prompt="ж")
