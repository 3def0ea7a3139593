"""Every common mistake of lesson 04 gets a verdict of its own."""

import pytest
from notebook_tools import run_solution, verdict_on_answer

from minigpt import SHIPPED_CHECKPOINT, load_checkpoint
from minigpt.course.exercises.lesson04 import CLUES
from minigpt.course.faults import PATIENTS, name_of
from minigpt.data import BUILT_IN, read_dataset

BATCH = """
def answer(ids, starts, T):
    cut = lambda shift: torch.stack([ids[s + shift :][:T] for s in starts])
    {}
"""
LOSS = """
def answer(logits, targets):
    B, T, V = logits.shape
    at = targets[..., None]
    p = logits.softmax(dim=-1)
    {}
"""
STEP = """
def answer(model, optimizer, inputs, targets):
    score = lambda: cross_entropy(model(inputs), targets)
    {}
"""
SCHEDULE = """
def answer(i, warmup, total):
    done = (i - warmup) / (total - warmup)
    half = lambda progress: 0.5 * (1 + math.cos(math.pi * progress))
    up = (i + 1) / warmup if warmup else 1.0
    {}
"""
CLIP = """
def answer(grads, limit):
    squares = sum(grad.square().sum() for grad in grads)
    norm = squares.sqrt().item()
    scale = lambda by: [grad * min(1.0, limit / max(by, 1e-9)) for grad in grads]
    {}
"""
RIGHT = {letter: name_of(exhibit) for letter, exhibit in PATIENTS.items()}
MUSEUM = "answer = {}"


def diagnoses(**changed):
    """The right diagnoses but for some."""
    return repr({**RIGHT, **changed}).replace("Ellipsis", "...")


WRONG = {
    "04.batch": (
        BATCH,
        {
            "return cut(0), cut(0)": "Your targets are the inputs",
            "return cut(1), cut(0)": "You swapped inputs and targets",
            "return cut(0), cut(2)": "Your targets are one token too far ahead",
            "return cut(0), torch.stack([ids.roll(1)[s : s + T] for s in starts])": (
                "the tokens before"
            ),
            "return cut(0)": "your function should return 2 things: the batch of",
            "return cut(0), torch.stack([ids[s + T] for s in starts])": (
                "the batch of targets has shape (3,), not (3, 4)"
            ),
            "return cut(0).T, cut(1).T": "the batch of inputs has shape (4, 3), not",
            "return cut(0).tolist(), cut(1).tolist()": "the batch of inputs has type",
            "return ids[:T].expand(len(starts), T), cut(1)": "the batch of inputs",
            "return cut(0), cut(0).flip(1)": "the batch of targets should be [[7, 2],",
            "cut(0), cut(1)": "returned nothing",
            "return torch.stack(cut(0)), cut(1)": "your function raised TypeError",
            "return cut(0), cut(0) + 1": "You added 1 to the ids",
            "return cut(1), cut(2)": "Your inputs begin one token too late",
            "return torch.stack([ids.roll(1)[s : s + T] for s in starts]), cut(0)": (
                "Your inputs begin one token too early"
            ),
            "return cut(0), cut(0).roll(-1, dims=1)": "the last one is the first input",
            "return tuple(torch.stack([ids[starts[0] + i :][:T]] * len(starts)) "
            "for i in (0, 1))": "Every row is the same window",
            "return tuple(ids[i:][: T * len(starts)].view(-1, T) for i in (0, 1))": (
                "Your windows follow one another"
            ),
            "return cut(0).float(), cut(1).float()": "floating-point numbers, not int",
            "rows = [ids[starts.pop(0) :][: T + 1] for _ in starts[:]]\n"
            "    both = torch.stack(rows)\n"
            "    return both[:, :-1], both[:, 1:]": "changed starts",
            "starts.sort()\n    return cut(0), cut(1)": "changed starts",
            "x = cut(0)\n    ids += 1\n    return x, cut(1) - 1": "changed ids",
            "return cut(0), torch.stack([ids[s + 1 : s + T] for s in starts])": (
                "the batch of targets has shape (3, 3), not (3, 4)"
            ),
            "T = 4\n    return cut(0), cut(1)": "has shape (2, 4), not (2, 8)",
            "s = starts[-1]\n    return ids[s : s + T], ids[s + 1 : s + 1 + T]": (
                "has shape (4,), not (3, 4)"
            ),
            "both = torch.stack([ids[s : s + s + T] for s in starts])\n"
            "    return both, both": "Your rows differ in length",
        },
    ),
    "04.cross_entropy": (
        LOSS,
        {
            "return p.gather(-1, at).log().mean()": "The sign is wrong",
            "return -p.gather(-1, at).log2().mean()": "That is in bits",
            "return -p.gather(-1, at).log().sum()": "That is the sum over all",
            "return -p.gather(-1, at).mean().log()": "You averaged before you took",
            "return p.gather(-1, at).mean()": "That is a mean probability",
            "return 1 - p.gather(-1, at).mean()": "one minus a mean probability",
            "return -logits.gather(-1, at).mean()": "the logits of the targets",
            "return -logits.softmax(1).gather(-1, at).log().mean()": "the wrong axis",
            "return -p.log().mean()": "You averaged over all V tokens",
            "return -p.gather(-1, at).log()": "has shape",
            "return -p.gather(-1, at).log().sum() / B": "summed over the positions",
            "return -p.gather(-1, at).log10().mean()": "in base 10",
            "-p.gather(-1, at).log().mean()": "returned nothing",
            "return -p.gather(-1, at).log().mean().item()": "No gradient flows back",
            "return torch.tensor(-p.gather(-1, at).log().mean().item())": (
                "no gradient flows back"
            ),
            "return -logits.softmax(0).gather(-1, at).log().mean()": (
                "runs over the rows of the batch"
            ),
            "return -p.gather(-1, at).mean()": "minus a mean probability",
            "return -p.softmax(-1).gather(-1, at).log().mean()": "softmax of a softmax",
            "return -p.gather(-1, at)[:, 1:].log().mean()": "You skipped a position",
            "return -p.amax(-1).log().mean()": "at the largest score",
            "e = logits.exp()\n"
            "    return -(e / e.sum(-1, keepdim=True)).gather(-1, at).log().mean()": (
                "exp(200) is too large"
            ),
            "logits -= logits.amax(-1, keepdim=True)\n"
            "    return -logits.softmax(-1).gather(-1, at).log().mean()": (
                "changed logits"
            ),
            "return -p.gather(1, at).log().mean()": "gather along the last axis",
            "return -p.gather(-1, targets).log().mean()": "as many axes as p",
            "return -p.detach().gather(-1, at).log().mean()": "no gradient flows back",
            "ready = torch.nn.CrossEntropyLoss()\n"
            "    return ready(logits.view(-1, V), targets.view(-1))": (
                "CrossEntropyLoss did the work"
            ),
            "return -p[0, torch.arange(T), targets[0]].log().mean()": (
                "The loss is the mean of -ln"
            ),
            "from torch.nn.functional import cross_entropy as ready\n"
            "    return ready(logits.view(-1, V), targets.view(-1))": (
                "cross_entropy did the work"
            ),
        },
    ),
    "04.step": (
        STEP,
        {
            "loss = score()\n    loss.backward()\n    optimizer.step()\n"
            "    return loss.item()": "call optimizer.zero_grad() before",
            "loss = score()\n    loss.backward()\n    optimizer.step()\n"
            "    optimizer.zero_grad()\n    return loss.item()": (
                "You clear the gradients too late"
            ),
            "loss = score()\n    optimizer.zero_grad()\n    optimizer.step()\n"
            "    return loss.item()": "loss.backward() is missing",
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    return loss.item()": "optimizer.step() is missing",
            "loss = score()\n    loss.backward()\n    optimizer.zero_grad()\n"
            "    optimizer.step()\n    return loss.item()": "so the step had none left",
            "loss = score()\n    optimizer.zero_grad()\n    optimizer.step()\n"
            "    loss.backward()\n    return loss.item()": "You step before you have",
            "loss = score()\n    optimizer.step()\n    loss.backward()\n"
            "    optimizer.zero_grad()\n    return loss.item()": "You step before you",
            "optimizer.zero_grad()\n    score().backward()\n    optimizer.step()\n"
            "    return score().item()": "That is the loss after the step",
            "optimizer.zero_grad()\n    score().backward()\n    optimizer.step()": (
                "end with return loss.item()"
            ),
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    optimizer.step()\n    return loss": "Return loss.item(), a plain",
            "loss = score().item()\n    optimizer.zero_grad()\n    loss.backward()": (
                "You called .item() too early"
            ),
            "with torch.no_grad():\n        loss = score()\n"
            "    optimizer.zero_grad()\n    loss.backward()": "without torch.no_grad",
            "loss = score().detach()\n    loss.backward()": "without torch.no_grad",
            "loss = score()\n    optimizer.zero_grad()\n    (-loss).backward()\n"
            "    optimizer.step()\n    return loss.item()": "The step goes uphill",
            "loss = -score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    optimizer.step()\n    return loss.item()": "The sign is wrong",
            "loss = cross_entropy(model(inputs), inputs)\n    optimizer.zero_grad()\n"
            "    loss.backward()\n    optimizer.step()\n    return loss.item()": (
                "You compared the logits with the inputs"
            ),
            "loss = cross_entropy(model(targets), inputs)\n    optimizer.zero_grad()\n"
            "    loss.backward()\n    optimizer.step()\n    return loss.item()": (
                "You gave the model the targets"
            ),
            "loss = cross_entropy(model(inputs[:1]), targets[:1])\n"
            "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
            "    return loss.item()": "should read the inputs, whole",
            "loss = score() * targets.numel()\n    optimizer.zero_grad()\n"
            "    loss.backward()\n    optimizer.step()\n    return loss.item()": (
                "That is the sum over all positions"
            ),
            "loss = score()\n    optimizer.zero_grad()\n    (2 * loss).backward()\n"
            "    optimizer.step()\n    return loss.item()": "the very loss that you",
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    for p in model.parameters(): p.data -= 0.5 * p.grad\n"
            "    return loss.item()": "not by the optimizer you were given",
            "own = torch.optim.SGD(model.parameters(), lr=0.5)\n    loss = score()\n"
            "    own.zero_grad()\n    loss.backward()\n    own.step()\n"
            "    return loss.item()": "not by the optimizer you were given",
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    optimizer.step()\n    optimizer.step()\n    return loss.item()": (
                "you called them 1 and 2 times"
            ),
            "loss = score()\n    optimizer.zero_grad()\n"
            "    loss.backward(retain_graph=True)\n    loss.backward()\n"
            "    optimizer.step()\n    return loss.item()": "2 and 1 times",
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    loss.backward()": "backward() twice on the same loss",
            "optimizer.step()\n    return 1.6": "You never call the model",
            "model.eval()\n    loss = score()\n    optimizer.zero_grad()\n"
            "    loss.backward()\n    optimizer.step()\n    return loss.item()": (
                "in evaluation mode"
            ),
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    optimizer.step()\n    inputs += 1\n    return loss.item()": (
                "changed the batch"
            ),
            "loss = torch.nn.functional.cross_entropy(model(inputs), targets)": (
                "wants the V scores on axis 1"
            ),
            "loss = torch.nn.functional.cross_entropy(\n"
            "        model(inputs).flatten(0, 1), targets, reduction='none')": (
                "do not fit together"
            ),
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    optimizer.step()\n    return 2.0": "the loss should be",
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    optimizer.step()\n    return [loss.item()]": "as a number, not a list",
            "loss = score()\n    optimizer.zero_grad()\n    loss.backward()\n"
            "    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n"
            "    optimizer.step()\n    return loss.item()": "change neither gradients",
        },
    ),
    "04.schedule": (
        SCHEDULE,
        {
            "return half(i / total)": "There is no warm-up",
            "return i / warmup if i < warmup else half(done)": "would learn nothing",
            "return up if i < warmup else half(i / total)": "begins at iteration 0",
            "return up if i < warmup else 1 - done": "Your decay is a straight line",
            "return up if i < warmup else math.cos(math.pi * done)": "down to -1",
            "return up if i < warmup else math.cos(math.pi / 2 * done)": (
                "a quarter of the wave"
            ),
            "return up if i < warmup else 1.0": "The decay is missing",
            "return up if i < warmup else half((i - warmup) / total)": (
                "Your decay is as long as the whole run"
            ),
            "return up if i < warmup else 0.5 * (1 - math.cos(math.pi * done))": (
                "Your decay climbs"
            ),
            "return up if i < warmup else 0.5 * (1 + math.cos(done))": "π is missing",
            "return min(up, 2.0)": "the result should be 0.5, not 2",
            "return 0.5 if i < warmup else half(done)": "the result should be 1, not",
            "return torch.tensor(half(done))": "Return a plain number",
            "return up if i <= warmup else half(done)": "one iteration too long",
            "return 1.0 if i < warmup else half(done)": "Your warm-up is over at once",
            "return up if i < warmup else half((i + 1 - warmup) / (total - warmup))": (
                "one iteration ahead"
            ),
            "return (i + 1) / total if i < warmup else half(done)": "divide by warmup",
            "warmup = 4\n    return up if i < warmup else half(done)": "should be",
        },
    ),
    "04.clip": (
        CLIP,
        {
            "return [grad * limit / norm for grad in grads]": "never stretch",
            "return grads": "You clipped nothing",
            "return [grad.clamp(-limit, limit) for grad in grads]": "each number by",
            "return [g * min(1.0, limit / g.norm().item()) for g in grads]": (
                "You gave each tensor its own norm"
            ),
            "return scale(squares.item())": "divided by the squared norm",
            "return scale(sum(grad.norm().item() for grad in grads))": (
                "added up the norms"
            ),
            "return scale(max(grad.abs().max().item() for grad in grads))": (
                "The largest number is not the norm"
            ),
            "return scale(sum(grad.abs().sum().item() for grad in grads))": (
                "The sum of the sizes is not the norm"
            ),
            "return scale(norm / 2)": "the root of the sum of all squares",
            "for g in grads: g.mul_(min(1.0, limit / norm))\n    return grads": (
                "changed grads"
            ),
            "return norm": "a list with one tensor for each",
            "return [grad / norm for grad in grads]": "whatever the limit",
            "return [grad / max(1.0, norm) for grad in grads]": "forgot the limit",
            "return [grad * norm / limit for grad in grads]": "upside down",
            "return [grad * max(1.0, norm / limit) for grad in grads]": "upside down",
            "return [grad * max(1.0, limit / norm) for grad in grads]": (
                "You clip when the norm is below the limit"
            ),
            "return [grad * (norm <= limit) for grad in grads]": "to zero",
            "torch.nn.utils.clip_grad_norm_([], 1.0)\n    return scale(norm)": (
                "did the work"
            ),
            "return scale(norm)[:1]": "return 3 things",
            "return [grad * min(1.0, limit / norm) for grad in grads]": (
                "Gradients that are all zero have the norm 0"
            ),
            "return [grad.flatten() for grad in scale(norm)]": "has shape",
        },
    ),
    "04.museum": (
        MUSEUM,
        {
            **{
                diagnoses(**{letter: ...}): f"Patient {letter} has no diagnosis yet"
                for letter in RIGHT
            },
            **{
                diagnoses(
                    **{letter: "no positions" if letter != "B" else "no residual"}
                ): CLUES[letter]
                for letter in RIGHT
            },
            diagnoses(A=..., D="no positions"): CLUES["D"],
            diagnoses(A=..., C=...): "Patient A has no diagnosis yet",
            diagnoses(C="a cold"): "copy one of the diagnoses",
            repr({"A": "no residual"}): "each once",
            "['no residual']": "a list, not a dict",
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
    text = verdict_on_answer("04", name, code)
    assert text.startswith("✗ ") and said in text, text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["04.batch", "04.cross_entropy", "04.clip"])
def test_every_mistake_has_its_own_verdict(name):
    template, wrong = WRONG[name]
    bodies = {body: said for body, said in wrong.items() if "return" in body}
    texts = [verdict_on_answer("04", name, template.format(body)) for body in bodies]
    assert len(set(texts)) >= len(set(bodies.values())) >= 6


def test_a_loss_of_zero_is_not_laid_on_the_softmax():
    template, _ = WRONG["04.cross_entropy"]
    text = verdict_on_answer(
        "04", "04.cross_entropy", template.format("return torch.tensor(0.0)")
    )
    assert text.startswith(
        "✗ Your function returns 0 for every input. The loss is the "
    )


@pytest.mark.parametrize("name", WRONG)
def test_solution_of_the_notebook_passes(name):
    assert run_solution("04", name).passed


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("04.batch", "return [cut(0), cut(1)]"),
        (
            "04.batch",
            "both = torch.stack([ids[s : s + T + 1] for s in starts])\n"
            "    return both[:, :-1], both[:, 1:]",
        ),
        (
            "04.batch",
            "at = torch.tensor(starts)[:, None] + torch.arange(T)\n"
            "    return ids[at], ids[at + 1]",
        ),
        (
            "04.cross_entropy",
            "from torch.nn.functional import nll_loss\n"
            "    return nll_loss(p.log().view(-1, V), targets.view(-1))",
        ),
        (
            "04.cross_entropy",
            "return (logits.logsumexp(-1) - logits.gather(-1, at)[..., 0]).mean()",
        ),
        (
            "04.cross_entropy",
            "return -(p * torch.eye(V)[targets]).sum(-1).log().mean()",
        ),
        (
            "04.step",
            "optimizer.zero_grad()\n    loss = score()\n    loss.backward()\n"
            "    optimizer.step()\n    return float(loss)",
        ),
        (
            "04.step",
            "for p in model.parameters(): p.grad = None\n    loss = score()\n"
            "    loss.backward()\n    optimizer.step()\n    return loss.item()",
        ),
        (
            "04.step",
            "model.zero_grad(set_to_none=False)\n"
            "    loss = torch.nn.functional.cross_entropy(\n"
            "        model(inputs).transpose(1, 2), targets)\n    loss.backward()\n"
            "    optimizer.step()\n    optimizer.zero_grad()\n    return loss.item()",
        ),
        ("04.schedule", "return up if i <= warmup - 1 else half(done)"),
        ("04.schedule", "return min(up, math.cos(math.pi / 2 * max(done, 0)) ** 2)"),
        ("04.clip", "return scale(norm) if norm > limit else grads"),
        ("04.clip", "return tuple(scale(norm))"),
        ("04.museum", diagnoses()),
        ("04.museum", repr(dict(reversed(RIGHT.items())))),
    ],
)
def test_other_right_ways_pass(name, body):
    text = verdict_on_answer("04", name, WRONG[name][0].format(body))
    assert text.startswith("✓ "), text


def test_every_patient_has_a_clue_of_its_own():
    assert list(CLUES) == list(PATIENTS)
    assert len(set(CLUES.values())) == len(CLUES)
    assert all(name not in clue for name in RIGHT.values() for clue in CLUES.values())


@pytest.mark.parametrize("name", [name for name in WRONG if name != "04.museum"])
def test_answers_that_fail_get_one_line(name):
    for body in "raise SystemExit", "return 1 / 0":
        text = verdict_on_answer("04", name, f"def answer(*_):\n    {body}")
        assert "your function raised" in text.lower() and "\n" not in text


def test_the_shipped_model_reads_the_tokens_whose_floor_is_drawn():
    tales = read_dataset(BUILT_IN["tales"])
    shipped = load_checkpoint(SHIPPED_CHECKPOINT)
    assert shipped.tokenizer.tokens == tales.tokenizer.tokens
    assert tales.entropy is not None and 0.1 < tales.entropy < 0.4
