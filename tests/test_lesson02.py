"""Every common mistake of lesson 02 gets a verdict of its own."""

import pytest
import torch
from notebook_tools import run_solution, verdict_on_answer

from minigpt.attention import causal_attention, fused_attention
from minigpt.config import GPTConfig
from minigpt.inspection import leak_grid
from minigpt.model import GPT

AVERAGES = """
def answer(x):
    B, T, C = x.shape
    lower = torch.ones(T, T).tril()
    {}
"""
MASK = """
def answer(T):
    {}
"""
WEIGHTS = """
def answer(scores, mask):
    T = len(mask)
    {}
"""
SCORES = """
def answer(q, k):
    D = q.shape[-1]
    {}
"""
HEADS = """
def answer(x, H):
    B, T, C = x.shape
    D = C // H
    {}
"""
ATTENTION = """
def answer(q, k, v):
    T, D = q.shape[-2:]
    allowed = causal_mask(T)
    raw = q @ k.transpose(-2, -1)
    scores = raw / math.sqrt(D)
    hide = lambda s, mask=allowed: s.masked_fill(~mask, -math.inf)
    {}
"""

WRONG = {
    "02.averages": (
        AVERAGES,
        {
            "return x.mean(1, keepdim=True).expand_as(x)": "You averaged over all",
            "return (lower.T / lower.T.sum(1, keepdim=True)) @ x": "comes after it",
            "return lower @ x": "You added up the past but did not divide by the",
            "return lower / T @ x": "You divided every sum by T, but there are t + 1",
            "return x.cumsum(1) / torch.arange(T).view(-1, 1)": (
                "You divided the sum at position t by t, but"
            ),
            "w = lower.tril(-1); return w / w.sum(1, keepdim=True).clamp(min=1) @ x": (
                "Position t left itself out"
            ),
            "w = lower.tril(-1); return w / w.sum(1, keepdim=True) @ x": (
                "position 0 has nothing"
            ),
            "return x.cumsum(0) / torch.arange(1, B + 1).view(-1, 1, 1)": (
                "along the batch"
            ),
            "return x.cumsum(2) / torch.arange(1, C + 1)": "along the channels",
            "for t in range(T): x[:, t] = x[:, : t + 1].mean(1)\n    return x": (
                "You overwrote x while later positions still needed it"
            ),
            "return x": "You returned x unchanged",
            "return x.mean(1)": "has shape (2, 3), not (2, 4, 3)",
            "x.mean(1)": "returned nothing",
            "return x.numpy()": "has type ndarray, not Tensor",
            "return x * 2": "the result should be [[[4], [3], [5]]], not [[[8], [4],",
            "return lower / lower.sum(dim=0) @ x": "the sums of the columns",
            "return lower / lower.sum(dim=1) @ x": "Without keepdim=True",
            "return lower / lower.sum() @ x": "the sum of the whole triangle",
            "w = torch.ones(B, B).tril(); return w / w.sum(1, keepdim=True) @ x": (
                "T is x.shape[1], and x.shape[0] is B"
            ),
            "return x @ (lower / lower.sum(1, keepdim=True))": (
                "the weights come first"
            ),
            "return torch.stack([x[:, :t + 1].mean(1) for t in range(T)], 1)": (
                "a loop made them one by one"
            ),
            "w = torch.zeros(T, T)\n"
            "    for t in range(T): w[t, : t + 1] = 1 / (t + 1)\n"
            "    return w @ x": "a loop made them one by one",
            "t, rows = 0, []\n"
            "    while t < T: t += 1; rows.append(x[:, :t].mean(1))\n"
            "    return torch.stack(rows, 1) + 0": "a loop made them one by one",
            "f = lambda t: x[:, :t + 1].mean(1)\n"
            "    return torch.stack(list(map(f, range(T))), 1)": "map did the work",
            "for t in reversed(range(T)): x[:, t] = x[:, : t + 1].mean(1)\n"
            "    return x": "Your function changed x",
            "return (lower / lower.sum(1, keepdim=True) @ x).detach()": (
                "no gradient flows back"
            ),
            "w = torch.ones(C, C).tril(); return w @ x": "not x.shape[2]",
        },
    ),
    "02.mask": (
        MASK,
        {
            "return torch.ones(T, T).tril()": "numbers, not True and False",
            "return causal_mask(T).T": "You swapped future and past",
            "return ~causal_mask(T)": "Your mask is True where a position may not look",
            "return causal_mask(T).tril(-1)": "You masked the diagonal, but a",
            "return torch.ones(T, T, dtype=torch.bool)": "Nothing is masked",
            "return torch.zeros(T, T, dtype=torch.bool)": "allows nothing",
            "return torch.ones(T, T).bool().tril(1)": "one position of the future",
            "return torch.eye(T).bool()": "Each position sees only itself",
            "return torch.ones(T).bool()": "has shape (4,), not (4, 4)",
            "return torch.ones(T, T).bool().tril(2)": "the result should be [[True,",
            "return [[True]]": "has type list, not Tensor",
            "return causal_mask(4)": "has shape (4, 4), not (7, 7)",
            "return torch.zeros(T, T).masked_fill(~causal_mask(T), -math.inf)": (
                "Your mask holds 0 and -inf"
            ),
            "return causal_mask(T).flip(1)": "mirror image",
            "return causal_mask(T)": "causal_mask did the work",
            "return torch.ones(T, T).tril().long()": "integers, not True and False",
            "return causal_mask(T + 1)": "has shape (5, 5), not (4, 4)",
            "torch.ones(T, T, dtype=torch.bool).tril()": "returned nothing",
            "return torch.ones(T, T, dtype=bool).tril().numpy()": "has type ndarray",
        },
    ),
    "02.weights": (
        WEIGHTS,
        {
            "return scores.masked_fill(~mask, -math.inf).softmax(-2)": (
                "over the wrong axis"
            ),
            "return scores.masked_fill(~mask, -math.inf).softmax(0)": "over the batch",
            "return (scores + mask).softmax(-1)": "You added the mask to the scores,",
            "return scores.masked_fill(~mask, 0).softmax(-1)": (
                "You set hidden scores to 0, but e⁰ is 1"
            ),
            "return scores.softmax(-1) * mask": "You applied the mask after the",
            "return scores.masked_fill(mask, -math.inf).softmax(-1)": (
                "You inverted the mask"
            ),
            "return scores.masked_fill(~mask, math.inf).softmax(-1)": "+inf",
            "return scores.softmax(-1)": "You did not use the mask",
            "return scores.masked_fill(~mask, -math.inf)": "Those are masked scores",
            "return scores.masked_fill(~mask, -math.inf).exp()": (
                "You did not divide the powers of e by the sum of their row"
            ),
            "return scores.masked_fill(~causal_mask(T), -math.inf).softmax(-1)": (
                "You used a causal mask of your own"
            ),
            "scores[:, ~mask] = -1e9; return scores.softmax(-1)": "changed scores",
            "return scores.masked_fill_(~mask, -math.inf).softmax(-1)": (
                "changed scores"
            ),
            "return scores.masked_fill(~mask, -100).softmax(-1)": "Hide with -inf",
            "e = scores.exp() * mask; return e / e.sum(-1, keepdim=True)": (
                "e to the power of 300 is too large"
            ),
            "w = scores.softmax(-1) * mask; return w / w.sum(-1, keepdim=True)": (
                "Hide it before"
            ),
            "return (scores * mask).softmax(-1)": (
                "You set hidden scores to 0, but e⁰ is 1"
            ),
            "return scores.masked_fill(~mask.T, -math.inf).softmax(-1)": (
                "You transposed the mask"
            ),
            "e = scores.masked_fill(~mask, -math.inf).exp()\n"
            "    return e / e.sum(-2, keepdim=True)": "over the wrong axis",
            "s = scores.masked_fill(~mask, -math.inf)\n"
            "    return s.flatten(1).softmax(-1).view_as(s)": "the whole table",
            "scores.masked_fill(~mask, -math.inf).softmax(-1)": "returned nothing",
            "return scores.masked_fill(~mask, -math.inf).softmax(-1)[0]": (
                "has shape (4, 4), not (2, 4, 4)"
            ),
            "return scores.masked_fill(~mask, -math.inf).log_softmax(-1)": "should be",
            "s = scores.detach(); return s.masked_fill(~mask, -1e9).softmax(-1)": (
                "no gradient flows back"
            ),
        },
    ),
    "02.scores": (
        SCORES,
        {
            "B, T, D = q.shape; return q @ k.transpose(-2, -1) / math.sqrt(D)": (
                "Right for (B, T, D), but not for (B, H, T, D)"
            ),
            "return torch.stack([a @ b.mT / D**0.5 for a, b in zip(q, k)])": (
                "Right for (B, T, D), but not for (T, D)"
            ),
            "raise NotImplementedError": "your function raised NotImplementedError",
            "return q @ k.transpose(-2, -1) / torch.sqrt(q)": (
                "the square root of a whole tensor"
            ),
            "return q @ k.transpose(-2, -1)": "You did not divide the scores by the",
            "return q @ k.transpose(-2, -1) / D": "You divided the scores by D, not",
            "return q @ k.transpose(-2, -1) * D**0.5": "multiplied",
            "return q @ k.transpose(-2, -1) / q.shape[-2] ** 0.5": (
                "You took the square root of T"
            ),
            "return k @ q.transpose(-2, -1) / D**0.5": "You swapped queries and keys",
            "return (q @ k.transpose(-2, -1) / D**0.5).softmax(-1)": "already weights",
            "return q.transpose(-2, -1) @ k / D**0.5": "You compared channels with",
            "return q @ k.transpose(1, 2) / D**0.5": "Right for (B, T, D), but not",
            "return q @ k / D**0.5": "do not fit together",
            "return q @ k.T / D**0.5": "as k.T does",
            "return q @ k.reshape(*k.shape[:-2], D, -1) / D**0.5": (
                "view and reshape only cut"
            ),
            "return q @ k.mT / len(q) ** 0.5": "the square root of B",
            "return q * k / D**0.5": "multiplies position by position",
            "return (q * k).sum(-1) / D**0.5": "the key at its own position",
            "return q @ k.mT / torch.sqrt(k)": "the square root of a whole tensor",
            "return (q @ k.mT / D).sqrt()": "the square root of the scores",
            "q /= D**0.5; return q @ k.mT": "changed q",
            "return q @ k.mT / math.sqrt(3)": "the result",
            "return (q @ k.mT / D**0.5).detach()": "no gradient flows back",
            "m = causal_mask(q.shape[-2])\n"
            "    return (q @ k.mT / D**0.5).masked_fill(~m, -math.inf)": (
                "masked the scores already"
            ),
            "return [a @ b.mT / D**0.5 for a, b in zip(q, k)]": "has type list",
        },
    ),
    "02.split_heads": (
        HEADS,
        {
            "return x.view(B, H, T, D)": "You did not transpose",
            "return x.view(B, T, H, D)": "Positions still come before heads",
            "return x.view(B, T, D, H).permute(0, 3, 1, 2)": "Each head took every",
            "return x.view(B, T, H, D).permute(0, 2, 3, 1)": "positions and channels",
            "return x.view(B, T, H, D).permute(2, 0, 1, 3)": "batch and heads",
            "return x": "You returned q unchanged",
            "return x.chunk(H, dim=-1)": "has type tuple, not Tensor",
            "return x.view(B, T, D, H).transpose(1, 2)": "D heads of H channels",
            "return x.view(B, T, H, D).transpose(2, 3)": "1 and 2, not 2 and 3",
            "return x.view(B, T, H, D).transpose(0, 1)": "1 and 2, not 0 and 1",
            "return x.view(B, T, H, D).transpose(1, 3)": "1 and 2, not 1 and 3",
            "return x.view(B, T, H, C / H).transpose(1, 2)": "use C // n_head",
            "return x.view(B, T, H, D).transpose(1, 2).flip(1)": "reverse order",
            "return x[..., :D]": "You kept one head only",
            "return x[:, None, :, :D]": "not just the first",
            "return torch.stack([x] * H, 1)": "repeated all channels",
            "return x.view(B, T, D, H).transpose(1, 3)": "the result",
            "x.view(B, T, H, D).transpose(1, 2)": "returned nothing",
            "return x.view(B, T, 4, C // 4).transpose(1, 2)": "your function raised",
            "return x.view(B, T, H, D).transpose(1, 2).detach()": "no gradient",
        },
    ),
    "02.attention": (
        ATTENTION,
        {
            "return hide(scores, allowed[None]).softmax(-1) @ v": "has shape (1, 4, 3)",
            "return (scores + allowed.float()).softmax(-1) @ v": (
                "You added the mask to the scores, which hides nothing"
            ),
            "return scores.softmax(-1) @ v": "Nothing is masked, so every position",
            "return hide(scores, allowed.tril(-1)).softmax(-1) @ v": (
                "You masked the diagonal, but a position may look at itself"
            ),
            "return hide(scores, allowed.T).softmax(-1) @ v": (
                "You swapped future and past"
            ),
            "return hide(scores, ~allowed).softmax(-1) @ v": (
                "True where a position may not look; invert it"
            ),
            "return hide(scores, torch.ones(T, T).tril(1) > 0).softmax(-1) @ v": (
                "one position of the future"
            ),
            "return (scores * allowed).softmax(-1) @ v": "You set hidden scores to 0,",
            "return scores.softmax(-1) * allowed @ v": "after the softmax",
            "return hide(scores).softmax(-2) @ v": "over the wrong axis",
            "return hide(raw).softmax(-1) @ v": "You did not divide the scores by the",
            "return hide(raw / D).softmax(-1) @ v": "You divided the scores by D, not",
            "return hide(raw / math.sqrt(T)).softmax(-1) @ v": (
                "You took the square root of T"
            ),
            "return hide(scores.transpose(-2, -1)).softmax(-1) @ v": (
                "You swapped queries and keys"
            ),
            "return hide(scores).softmax(-1).transpose(-2, -1) @ v": (
                "You transposed the weights before they met the values"
            ),
            "return hide(scores).softmax(-1)": "Those are the weights",
            "return hide(scores).softmax(-1) @ k": "averaged the keys",
            "return hide(scores).softmax(-1) @ q": "averaged the queries",
            "return hide(scores).softmax(-1) @ v, scores": "has type tuple, not Tensor",
            "return torch.zeros(v.shape)": "the result should be [[[2], [3]]], not",
            "return v @ hide(scores).softmax(-1)": "the weights come first",
            "return v": "You returned the values",
            "from minigpt.attention import fused_attention\n"
            "    return fused_attention(q, k, v)": "fused_attention did the work",
            "from torch.nn import functional as F\n"
            "    return F.scaled_dot_product_attention(q, k, v, is_causal=True)": (
                "scaled_dot_product_attention did the work"
            ),
            "return hide(scores, causal_mask(q.shape[1])).softmax(-1) @ v": (
                "You took T from axis 1"
            ),
            "return hide(raw / q.shape[2] ** 0.5).softmax(-1) @ v": (
                "You took D from axis 2"
            ),
            "return (scores.masked_fill(~allowed, -30)).softmax(-1) @ v": (
                "Right for small scores, but not for large ones"
            ),
            "e = scores.exp() * allowed; return e / e.sum(-1, keepdim=True) @ v": (
                "let softmax compute the powers of e"
            ),
            "return hide(q @ k.T / math.sqrt(D)).softmax(-1) @ v": "as k.T does",
            "return hide(scores).softmax(0) @ v": "over the batch",
            "return hide(q @ k / math.sqrt(D)).softmax(-1) @ v": "do not fit together",
            "return hide(scores).exp() @ v": "the powers of e by the sum",
            "q *= D**-0.5; return hide(q @ k.mT).softmax(-1) @ v": "changed q",
            "return (hide(scores).softmax(-1) @ v).detach()": "no gradient flows back",
            "return (hide(scores).softmax(-1) @ v).sum(-1, keepdim=True)": (
                "along the channels"
            ),
            "return hide(raw * math.sqrt(D)).softmax(-1) @ v": "multiplied the scores",
            "hide(scores).softmax(-1) @ v": "returned nothing",
        },
    ),
}
ANSWERS = [
    pytest.param(name, template.format(body), said, id=f"{name[3:]}-{number}")
    for name, (template, wrong) in WRONG.items()
    for number, (body, said) in enumerate(wrong.items())
]


@pytest.mark.parametrize(("name", "code", "said"), ANSWERS)
def test_wrong_answer_is_told_what_is_wrong(name, code, said):
    text = verdict_on_answer("02", name, code)
    assert text.startswith("✗ ") and said in text, text
    assert "\n" not in text


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_has_its_own_verdict(name):
    template, wrong = WRONG[name]
    texts = [verdict_on_answer("02", name, template.format(body)) for body in wrong]
    assert len(set(texts)) >= len({*wrong.values()}) >= 12


@pytest.mark.parametrize("name", WRONG)
def test_solution_of_the_notebook_passes(name):
    assert run_solution("02", name).passed


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("02.averages", "return x.cumsum(1) / torch.arange(1, T + 1).view(-1, 1)"),
        ("02.mask", "i = torch.arange(T); return i.view(-1, 1) >= i"),
        ("02.weights", "return torch.where(mask, scores, -math.inf).softmax(-1)"),
        ("02.weights", "return scores.masked_fill(mask == 0, -1e9).softmax(-1)"),
        ("02.scores", "return torch.einsum('...td,...sd->...ts', q, k) * D**-0.5"),
        ("02.split_heads", "return torch.stack(x.split(D, dim=-1), dim=1)"),
        (
            "02.attention",
            "w = torch.where(allowed, scores, -math.inf).softmax(dim=-1)\n"
            "    return torch.einsum('...ts,...sd->...td', w, v)",
        ),
    ],
)
def test_other_right_ways_pass(name, body):
    text = verdict_on_answer("02", name, WRONG[name][0].format(body))
    assert text.startswith("✓ "), text


@pytest.mark.parametrize(
    ("name", "code", "value"),
    [
        ("02.averages", "lower = torch.ones(T, T).tril(); return lower @ x", "T"),
        ("02.mask", "return torch.ones(6, 6).tril() == lower", "lower"),
        ("02.weights", "return torch.where(mask, scores, low).softmax(-1)", "low"),
        ("02.scores", "return q @ k.transpose(-2, -1) / math.sqrt(D)", "D"),
        ("02.split_heads", "return x.view(2, 3, H, D).transpose(1, 2)", "D"),
        (
            "02.attention",
            "s = (q @ k.mT / D**0.5).masked_fill(~mask, -math.inf)\n"
            "    return s.softmax(-1) @ v",
            "D",
        ),
    ],
)
def test_answer_that_reads_a_value_of_the_notebook_is_told_which(name, code, value):
    notebook = "T, D, low = 6, 2, -50.0\n"
    notebook += "lower = torch.ones(T, T).tril(); mask = lower == 1\n"
    arguments = WRONG[name][0].splitlines()[1]
    text = verdict_on_answer("02", name, f"{notebook}{arguments}\n    {code}")
    assert text.startswith(f"✗ Your function reads {value} from the notebook"), text


def test_attribute_with_the_name_of_a_value_is_not_taken_for_it():
    code = "T = 6\ndef answer(q, k):\n    return q @ k.T / q.shape[-1] ** 0.5"
    assert "as k.T does" in verdict_on_answer("02", "02.scores", code)


# The leak grid


def test_leak_grid_of_the_package_attentions_is_the_mask():
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    right = torch.ones(5, 5, dtype=torch.bool).tril()
    for attend in (fused_attention, lambda q, k, v: causal_attention(q, k, v)[0]):
        assert torch.equal(leak_grid(lambda x: attend(x, x, x), x), right)  # noqa: B023


def test_leak_grid_sees_a_leak_through_layernorm_and_leaves_x_alone():
    torch.manual_seed(0)
    block = GPT(GPTConfig(vocab_size=8, n_layer=1, n_embd=32)).blocks[0]
    block.attention.attend = torch.nn.functional.scaled_dot_product_attention
    x = torch.randn(4, 32)
    before = x.clone()
    assert leak_grid(lambda x: block(x[None])[0], x).all()
    assert torch.equal(x, before)
