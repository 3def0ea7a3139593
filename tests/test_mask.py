"""No path that computes logits lets a position see what comes after it.

Every path is asked for the logits of a text, and again for each place after which the
text goes on differently: up to there not one number may move.
"""

import shutil
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from minigpt.attention import causal_attention, causal_mask, fused_attention
from minigpt.checkpoint import load_checkpoint, save_checkpoint
from minigpt.config import GPTConfig
from minigpt.decoding import Decoder
from minigpt.inspection import attention_maps, residual_stream
from minigpt.model import GPT
from minigpt.tokenizer import CharTokenizer
from minigpt.training import evaluate

T, B = 24, 3
CHARACTERS = "abcdefghijklm"


def make(modern: bool) -> GPT:
    """A model whose numbers are large enough for any leak to be seen."""
    torch.manual_seed(0)
    V = len(CHARACTERS)
    model = GPT(GPTConfig(V, T, n_layer=3, n_head=4, n_embd=32, modern=modern))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


def leaky_attention(q, k, v):
    """A float mask, which is added: the bug that this file is about."""
    mask = causal_mask(q.shape[-2]).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


# Each path: a model and ids (B, T) to logits (B, T, V).


def plain(model, ids):
    return model(ids)


def attending(model, attend):
    for block in model.blocks:
        block.attention.attend = attend
    return model


def readable(model, ids):
    return attending(model, lambda *qkv: causal_attention(*qkv)[0])(ids)


def fused(model, ids):
    return attending(model, fused_attention)(ids)


def inspected(model, ids):
    maps = attention_maps(model, ids)
    assert all((m.masked_select(~causal_mask(T)) == 0).all() for m in maps)
    return model.unembed(residual_stream(model, ids)[-1])


def training(model, ids):
    """With the graph for learning, and dropout where there is some."""
    model.train()
    try:
        with torch.enable_grad():
            return model(ids).detach()
    finally:
        model.eval()


def autocast(model, ids):
    """As a run in bfloat16 computes."""
    with torch.autocast("cpu", torch.bfloat16):
        return model(ids)


def bfloat16(model, ids):
    return model.to(torch.bfloat16)(ids)


def loaded(model, ids, folder=Path()):
    path = folder / "mask.pt"
    save_checkpoint(path, model, CharTokenizer(CHARACTERS))
    return load_checkpoint(path).model(ids)


def cached(model, ids):
    """Each text for itself, one token at a time, in a cache that had another text."""
    rows, decoder = [], Decoder(model)
    for text in ids.tolist():
        decoder.length = 0
        decoder.feed(text[::-1])
        decoder.length = 0
        rows.append([decoder.feed([i]) for i in text])
    return torch.tensor(np.array(rows))


PATHS = [plain, readable, fused, inspected, training, autocast, bfloat16, loaded]
PATHS += [cached]


def leaks(path, model) -> int:
    """How many places of the text give away a later token; every place is tried."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(len(CHARACTERS), (B, T), generator=generator)
    found = 0
    with torch.no_grad():
        before = path(model, ids)
        for t in range(T - 1):
            changed = ids.clone()
            changed[:, t + 1 :] = (ids[:, t + 1 :] + 1 + t % 5) % len(CHARACTERS)
            after = path(model, changed)
            found += not torch.equal(after[:, : t + 1], before[:, : t + 1])
            assert not torch.equal(after[:, t + 1], before[:, t + 1])
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_nothing_leaks(path, tmp_path, monkeypatch, tried):
    monkeypatch.chdir(tmp_path)
    for modern in False, True:
        assert leaks(path, make(modern)) == 0
    tried(f"{path.__name__}: {2 * (T - 1) * B} changed futures, nothing seen of any")


@pytest.mark.parametrize("path", [plain, training, bfloat16])
def test_the_classic_bug_would_be_seen(path):
    assert leaks(path, attending(make(False), leaky_attention)) == T - 1


def test_evaluation_does_not_see_the_answer():
    """A model that copies what it sees would score 0; one that cannot, ln V."""
    V = len(CHARACTERS)
    model = make(False)
    ids = torch.randint(V, (3000,), generator=torch.Generator().manual_seed(2))
    loss = evaluate(model, ids, 1024)
    assert loss > torch.tensor(V).log()


def can_compile() -> bool:
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return sys.platform == "linux" and bool(shutil.which("g++")) and header.exists()


@pytest.mark.filterwarnings("ignore")  # those of other packages, seen by the compiler
@pytest.mark.skipif(not can_compile(), reason="no compiler, or no header of Python")
def test_nothing_leaks_compiled(tried):
    for modern in False, True:
        model = make(modern)
        torch.compiler.reset()
        compiled = torch.compile(model)
        assert leaks(lambda _, ids, compiled=compiled: compiled(ids), model) == 0
    tried(f"compiled: {2 * (T - 1) * B} changed futures, nothing seen of any")
