"""The exercises of lesson 04: how a model learns."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn, tensor
from torch.nn import functional as F

from minigpt.course.exercises.judge import Function, exercise, noise
from minigpt.course.exercises.verdict import EXERCISES, Exercise, Mistake
from minigpt.course.faults import PATIENTS, name_of


def _rows(ids: Tensor, starts: Sequence[int], T: int) -> Tensor:
    return torch.stack([ids[s : s + T] for s in starts])


@exercise(
    "Your inputs are the targets; the inputs begin at the given places.",
    lambda ids, *rest: (_rows(ids[1:], *rest), _rows(ids[1:], *rest)),
    "You swapped inputs and targets.",
    lambda *case: batch(*case)[::-1],
    "Your targets are the inputs; shift them by one, or the model learns to copy.",
    lambda *case: (_rows(*case), _rows(*case)),
    "Your targets are one token too far ahead.",
    lambda ids, *rest: (_rows(ids, *rest), _rows(ids[2:], *rest)),
    "Your targets are the tokens before; they should be the tokens after.",
    lambda ids, *rest: (_rows(ids, *rest), _rows(ids.roll(1), *rest)),
    "You added 1 to the ids instead of moving on by one place in the text.",
    lambda *case: (_rows(*case), _rows(*case) + 1),
    "Your inputs begin one token too late, so they have become the targets.",
    lambda ids, *rest: (_rows(ids[1:], *rest), _rows(ids[2:], *rest)),
    "Your inputs begin one token too early; they should begin at the given places.",
    lambda ids, *rest: (_rows(ids.roll(1), *rest), _rows(ids, *rest)),
    "You moved the targets within their row, so the last one is the first input; cut "
    "them from the text.",
    lambda *case: (_rows(*case), _rows(*case).roll(-1, dims=1)),
    "Every row is the same window; each of them starts at its own place.",
    lambda ids, starts, T: batch(ids, [starts[0]] * len(starts), T),
    "Your windows follow one another; each of them starts at its own place.",
    lambda ids, starts, T: batch(ids, [T * i for i in range(len(starts))], T),
    cases=[
        (torch.arange(100, 120), [1, 6, 10], 4),
        *((noise(50, seed=1, below=63), *rest) for rest in (([3, 40], 8), ([20], 1))),
        (tensor([5, 3, 8, 1, 7, 2]), [3, 1], 2),
    ],
    praise="Every position has the token after it as its target.",
    errors={
        "stack expects each tensor to be equal size": "Your rows differ in length. "
        "Every row has exactly T tokens; cut with ids[s : s + T]."
    },
    parts=("the batch of inputs", "the batch of targets"),
)
def batch(ids: Tensor, starts: Sequence[int], T: int) -> tuple[Tensor, Tensor]:
    return _rows(ids, starts, T), _rows(ids[1:], starts, T)


def _p(logits: Tensor, targets: Tensor, axis: int = -1) -> Tensor:
    """Return the probabilities (B, T) of the targets."""
    return logits.softmax(axis).gather(-1, targets[..., None])[..., 0]


@exercise(
    "The sign is wrong: the loss is minus the logarithm, which is below 0.",
    lambda logits, targets: -cross_entropy(logits, targets),
    "That is in bits; take the natural logarithm, not log2.",
    lambda logits, targets: cross_entropy(logits, targets) / math.log(2),
    "That is in base 10; take the natural logarithm, not log10.",
    lambda logits, targets: cross_entropy(logits, targets) / math.log(10),
    "That is the sum over all positions; take the mean.",
    lambda logits, targets: -_p(logits, targets).log().sum(),
    "You averaged over the batch but summed over the positions; average over B · T.",
    lambda logits, targets: -_p(logits, targets).log().sum(1).mean(),
    "You averaged before you took the logarithm; the logarithm comes first.",
    lambda logits, targets: -_p(logits, targets).mean().log(),
    "That is a mean probability; the logarithm is missing.",
    lambda logits, targets: _p(logits, targets).mean(),
    "That is one minus a mean probability; the logarithm is missing.",
    lambda logits, targets: 1 - _p(logits, targets).mean(),
    "Those are the logits of the targets; a softmax makes them probabilities.",
    lambda logits, targets: -logits.gather(-1, targets[..., None]).mean(),
    "Your softmax runs over the wrong axis; the V scores are on the last one.",
    lambda logits, targets: -_p(logits, targets, axis=1).log().mean(),
    "Your softmax runs over the rows of the batch; the V scores are on the last axis.",
    lambda logits, targets: -_p(logits, targets, axis=0).log().mean(),
    "That is minus a mean probability; the logarithm is missing.",
    lambda logits, targets: -_p(logits, targets).mean(),
    "That is the model's own entropy; pick the probability of the target.",
    lambda logits, targets: (
        -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
    ),
    "You took the softmax of a softmax; one of them is enough.",
    lambda logits, targets: -_p(logits.softmax(-1), targets).log().mean(),
    "You skipped a position; every one of the B · T counts.",
    lambda logits, targets: -_p(logits, targets)[:, 1:].log().mean(),
    "That is the surprise at the largest score; pick the probability of the target.",
    lambda logits, targets: -_p(logits, logits.argmax(-1)).log().mean(),
    "You averaged over all V tokens; pick the probability of the target.",
    lambda logits, targets: -logits.log_softmax(dim=-1).mean(),
    cases=[
        (3 * noise(2, 5, 7, seed=2), noise(2, 5, seed=3, below=7)),
        (3 * noise(3, 4, 63, seed=2), noise(3, 4, seed=3, below=63)),
        (tensor([[[0.0, 0], [0, 1]]]), tensor([[1, 1]])),
    ],
    praise="The mean surprise at the right tokens, in nats.",
    types={float: "No gradient flows back from a number; return a tensor, no .item()."},
    errors={
        "out of bounds for dimension": "An index went out of bounds: gather along "
        "the last axis, the one with the V scores.",
        "Index tensor must have the same number of dimensions": "gather needs an index "
        "with as many axes as p: targets[..., None] has the shape (B, T, 1).",
    },
    otherwise="The loss is the mean of -ln p(target).",
    edges={
        "Scores can be large, and exp(200) is too large for a float: use softmax, or "
        "subtract the largest score first.": [
            (tensor([[[200.0, 0, 199], [0, 0, 0]]]), tensor([[0, 1]]))
        ]
    },
    gradients=True,
    by_hand=("cross_entropy", "CrossEntropyLoss"),
)
def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class _Table(nn.Module):
    """A model that is one table of logits (V, V), and notes what is asked of it."""

    def __init__(self, events: list[str], V: int, seed: int) -> None:
        super().__init__()
        self.table = nn.Parameter(noise(V, V, seed=seed))
        self.events, self.seen = events, []  # type: list[str], list[Any]
        self.table.register_hook(self._note_backward)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (B, T, V) for ids (B, T)."""
        self.events.append("forward")
        self.seen.append(inputs.clone() if isinstance(inputs, Tensor) else inputs)
        return self.table[inputs]

    def _note_backward(self, grad: Tensor) -> None:
        # It runs before the new gradient is added to the old one.
        old = self.table.grad
        stale = old is not None and bool(old.any())
        self.events.append("backward onto old gradients" if stale else "backward")


class _NotingSGD(torch.optim.SGD):
    """Plain gradient descent that notes each step, and whether it had a gradient."""

    def __init__(self, model: _Table) -> None:
        self.model = model
        super().__init__(model.parameters(), lr=0.5)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients."""
        self.model.events.append("clear")
        super().zero_grad(set_to_none)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step."""
        grad = self.model.table.grad
        empty = grad is None or not grad.any()
        self.model.events.append("step without gradients" if empty else "step")
        super().step()


_STEP_ERRORS = {
    "Expected target size": "F.cross_entropy wants the V scores on axis 1: give it "
    "logits.flatten(0, 1) and targets.flatten().",
    "Expected input batch_size": "Logits and targets do not fit together: "
    "logits.flatten(0, 1) goes with targets.flatten().",
    "'float' object has no attribute 'backward'": "You called .item() too early: a "
    "number has no backward(). Call loss.backward() first, loss.item() at the end.",
    "does not require grad": "backward() found nothing to go back through: call it on "
    "the loss, computed without torch.no_grad(), .detach() or torch.tensor().",
    "scalar outputs": "backward() starts at one number: take the mean over all "
    "positions first, which F.cross_entropy does by itself.",
    "a second time": "You called backward() twice on the same loss; once is enough.",
}


def step(answer: Any) -> None:
    """Raise Mistake unless the answer does one training step and returns its loss."""
    if not callable(answer):
        raise Mistake(
            "Pass the function itself, not its result: write its name without "
            "parentheses."
        )
    for V, B, T, seed in (5, 2, 3, 0), (7, 3, 4, 1):
        _judge_step(answer, V, noise(B, T, seed=seed, below=V), seed)


def _judge_step(answer: Function, V: int, inputs: Tensor, seed: int) -> None:
    targets = noise(*inputs.shape, seed=seed + 2, below=V)
    events: list[str] = []
    model = _Table(events, V, seed)
    optimizer, before = _NotingSGD(model), model.table.detach().clone()
    model.table.grad = 3 * noise(V, V, seed=seed + 4)  # of an earlier batch
    given = inputs.clone(), targets.clone()
    try:
        with torch.enable_grad():
            result = answer(model, optimizer, *given)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        for part, sentence in _STEP_ERRORS.items():
            if part in said:
                raise Mistake(sentence) from None
        raise Mistake(f"Your function raised {said}") from None
    moved = not torch.equal(before, model.table.detach())
    _judge_order(events, model.seen, (inputs, targets), moved)
    if not (torch.equal(given[0], inputs) and torch.equal(given[1], targets)):
        raise Mistake("Your function changed the batch; leave inputs and targets.")
    _judge_loss(result, model, before, inputs, targets)
    if not model.training:
        raise Mistake("You left the model in evaluation mode: leave out model.eval().")


def _judge_order(
    events: list[str], seen: list[Any], batch: tuple[Tensor, Tensor], moved: bool
) -> None:
    """Raise Mistake unless forward, a clean backward and a step came in that order."""
    kinds = [event.split()[0] for event in events]
    if "forward" not in kinds:
        raise Mistake("You never call the model: the logits are model(inputs).")
    if not isinstance(seen[0], Tensor) or not torch.equal(seen[0], batch[0]):
        if isinstance(seen[0], Tensor) and torch.equal(seen[0], batch[1]):
            raise Mistake("You gave the model the targets; it reads the inputs.")
        raise Mistake("The model should read the inputs, whole and as they are.")
    if "step" not in kinds:
        raise Mistake(
            "The weights changed, but not by the optimizer you were given: call "
            "optimizer.step()."
            if moved
            else "No weight has changed: optimizer.step() is missing."
        )
    if "backward" not in kinds:
        raise Mistake(
            "No gradient was computed: loss.backward() is missing, so "
            "optimizer.step() used those of an earlier batch or none at all."
        )
    if kinds.index("step") < kinds.index("backward"):
        raise Mistake(
            "You step before you have the gradients: loss.backward() comes before "
            "optimizer.step()."
        )
    if kinds.count("step") > 1 or kinds.count("backward") > 1:
        raise Mistake(
            f"One training step calls backward() once and optimizer.step() once; you "
            f"called them {kinds.count('backward')} and {kinds.count('step')} times."
        )
    if "step without gradients" in events:
        raise Mistake(
            "You cleared the gradients between loss.backward() and optimizer.step(), "
            "so the step had none left. Clear them before loss.backward()."
        )
    if "backward onto old gradients" in events:
        if "clear" in kinds:
            raise Mistake(
                "You clear the gradients too late: those of an earlier batch were "
                "still there, and the new ones were added to them. Call "
                "optimizer.zero_grad() before loss.backward()."
            )
        raise Mistake(
            "The gradients of an earlier batch were still there, and the new ones were "
            "added to them: call optimizer.zero_grad() before loss.backward()."
        )


def _judge_loss(
    result: Any, model: _Table, before: Tensor, inputs: Tensor, targets: Tensor
) -> None:
    """Raise Mistake unless the loss is right, and the weights moved as it says."""
    table = before.clone().requires_grad_(True)
    loss = cross_entropy(table[inputs], targets)
    loss.backward()
    after = before - 0.5 * table.grad  # type: ignore[operator]
    right, B = loss.item(), len(inputs)
    what = f"For a batch of shape {tuple(inputs.shape)} the loss should be {right:.3f}"
    if result is None or result is ...:
        raise Mistake("Your function returned nothing: end with return loss.item().")
    if isinstance(result, Tensor):
        raise Mistake(
            "Return loss.item(), a plain number. A tensor keeps everything in memory "
            "from which it was computed."
        )
    if isinstance(result, bool) or not isinstance(result, float | int):
        raise Mistake(f"Return the loss as a number, not a {type(result).__name__}.")

    def is_it(other: Tensor) -> bool:
        return abs(result - other.item()) < 1e-4

    with torch.no_grad():
        wrong = {
            "That is the loss after the step; return the one before it, from which the "
            "gradients were computed.": cross_entropy(model.table[inputs], targets),
            "You compared the logits with the inputs, not with the targets.": (
                cross_entropy(before[inputs], inputs)
            ),
            "That is the sum over all positions; take the mean.": (
                loss * targets.numel()
            ),
            "You summed over the positions of a row; take the mean over B · T.": (
                loss * targets.numel() / B
            ),
            "The sign is wrong: the loss is positive.": -loss,
        }
    if not is_it(loss):
        for sentence, other in wrong.items():
            if is_it(other):
                raise Mistake(f"{sentence} {what}, not {result:.3f}.")
        raise Mistake(f"{what}, not {result:.3f}.")
    got = model.table.detach()
    if torch.allclose(got, after, atol=1e-5):
        return
    if torch.allclose(got, 2 * before - after, atol=1e-5):
        raise Mistake("The step goes uphill: call backward() on the loss itself.")
    raise Mistake(
        "The loss is right, but the weights did not move by the learning rate times "
        "its gradient: call backward() on the very loss that you return, and change "
        "neither gradients nor learning rate."
    )


EXERCISES["04.step"] = Exercise(
    "Forward, clear, backward, step: that is all of training.", step
)


# An optimizer loads more of PyTorch: here, where it costs the answer no time.
torch.optim.SGD([nn.Parameter(torch.zeros(1))])


def _half(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _warmed(down: Callable[[float], float]) -> Function:
    """Return the schedule that goes down like this function after its warm-up."""
    return lambda i, up, end: (i + 1) / up if i < up else down((i - up) / (end - up))


@exercise(
    "There is no warm-up; the first iterations rise from 1 / warmup to 1.",
    lambda i, warmup, total: _half(i / total),
    "Iteration 0 would learn nothing; the first share is 1 / warmup, not 0.",
    lambda i, warmup, total: i / warmup if i < warmup else schedule(i, warmup, total),
    "Your decay begins at iteration 0; it should begin after the warm-up.",
    lambda i, warmup, total: (i + 1) / warmup if i < warmup else _half(i / total),
    "Your decay is as long as the whole run; it has total - warmup iterations.",
    lambda i, up, total: (i + 1) / up if i < up else _half((i - up) / total),
    "The decay is missing; after the warm-up the rate falls.",
    _warmed(lambda progress: 1.0),
    "Your decay is a straight line; take half of 1 + cos(π · progress).",
    _warmed(lambda progress: 1 - progress),
    "Your decay climbs from 0 to 1; it is 1 plus the cosine of π · progress, and "
    "progress goes from 0 to 1.",
    _warmed(lambda progress: _half(1 + progress)),
    "Your decay goes from 2 down to 0; take half of 1 + cosine.",
    _warmed(lambda progress: 2 * _half(progress)),
    "Your decay goes from 1/2 down to -1/2; the half is for 1 + cosine.",
    _warmed(lambda progress: math.cos(math.pi * progress) / 2),
    "The π is missing; the cosine of progress alone does not fall far.",
    _warmed(lambda progress: _half(progress / math.pi)),
    "Your cosine goes down to -1; take half of 1 + cosine.",
    _warmed(lambda progress: math.cos(math.pi * progress)),
    "That is a quarter of the wave; cos(π · progress) goes all the way down.",
    _warmed(lambda progress: math.cos(math.pi / 2 * progress)),
    "Your warm-up is one iteration too long; i < warmup is the warm-up.",
    lambda i, up, total: (i + 1) / up if i <= up else schedule(i, up, total),
    "Your warm-up ends below 1; divide by warmup, not by warmup + 1.",
    lambda i, up, total: (i + 1) / (up + 1) if i < up else schedule(i, up, total),
    "Your warm-up is over at once; it rises by 1 / warmup in each iteration.",
    lambda i, up, total: 1.0 if i < up else schedule(i, up, total),
    "Your decay is one iteration ahead; progress is 0 in iteration `warmup`.",
    lambda i, up, total: (i + 1) / up if i < up else schedule(i + 1, up, total),
    "Your warm-up is stretched over the whole run; divide by warmup.",
    lambda i, up, total: (i + 1) / total if i < up else schedule(i, up, total),
    "A pair of parentheses is missing: 0.5 multiplies the sum 1 + cos(...).",
    lambda i, warmup, total: (
        (i + 1) / warmup
        if i < warmup
        else 0.5 + math.cos(math.pi * (i - warmup) / (total - warmup))
    ),
    cases=[(i, 4, 12) for i in range(12)] + [(i, 10, 111) for i in range(111)],
    praise="Up in a straight line, down along a cosine.",
    types={
        Tensor: "Return a plain number: math.cos takes one and gives one, while "
        "torch.cos works on tensors."
    },
    edges={
        "With warmup = 0 there is no warm-up: iteration 0 has the share 1.": [
            (0, 0, 8),
            (4, 0, 8),
        ]
    },
)
def schedule(i: int, warmup: int, total: int) -> float:
    return _warmed(_half)(i, warmup, total)


def _norm(grads: Sequence[Tensor]) -> Tensor:
    return torch.cat([grad.flatten() for grad in grads]).norm()


def _scaled(grads: Sequence[Tensor], limit: float, norm: Any) -> tuple[Tensor, ...]:
    factor = limit / float(norm) if norm > limit else 1.0
    return tuple(grad * factor for grad in grads)


GRADS = [4 * noise(*shape, seed=3) for shape in ((3, 4), (5,), (2, 2))]


@exercise(
    "Small gradients must stay as they are; only shrink, never stretch.",
    lambda grads, limit: [grad * limit / _norm(grads) for grad in grads],
    "You clipped nothing.",
    lambda grads, limit: grads,
    "You divided by the norm, whatever the limit; multiply by limit / norm.",
    lambda grads, limit: [grad / _norm(grads) for grad in grads],
    "You divided by the norm and forgot the limit; the factor is limit / norm.",
    lambda grads, limit: [g / max(1.0, float(_norm(grads))) for g in grads],
    "Your factor is upside down; multiply by limit / norm, not by norm / limit.",
    lambda grads, limit: [grad * _norm(grads) / limit for grad in grads],
    "Your factor is upside down; above the limit, multiply by limit / norm.",
    lambda grads, limit: [g * max(1.0, float(_norm(grads)) / limit) for g in grads],
    "You clip when the norm is below the limit; clip when it is above.",
    lambda grads, limit: [g * max(1.0, limit / float(_norm(grads))) for g in grads],
    "You set the gradients to zero; shrink them until their norm is the limit.",
    lambda grads, limit: [g * 0 if _norm(grads) > limit else g for g in grads],
    "You clipped each number by itself, which changes the direction; use one factor.",
    lambda grads, limit: [grad.clamp(-limit, limit) for grad in grads],
    "You gave each tensor its own norm; take one norm and one factor for all.",
    lambda grads, limit: [_scaled([grad], limit, grad.norm())[0] for grad in grads],
    "You divided by the squared norm; take the root.",
    lambda grads, limit: _scaled(grads, limit, _norm(grads) ** 2),
    "You added up the norms of the tensors; add up the squares, then take the root.",
    lambda grads, limit: _scaled(grads, limit, sum(g.norm() for g in grads)),
    "The sum of the sizes is not the norm; take the root of the sum of squares.",
    lambda grads, limit: _scaled(grads, limit, sum(g.abs().sum() for g in grads)),
    "The largest number is not the norm; take the root of the sum of squares.",
    lambda grads, limit: _scaled(grads, limit, max(g.abs().max() for g in grads)),
    cases=[
        *[(GRADS, 1.0), (GRADS, 2.5), ([grad / 1000 for grad in GRADS], 1.0)],
        ([tensor([3.0, 0.0]), tensor([[-4.0]])], 1.0),
    ],
    praise="One factor for all gradients keeps their direction.",
    types={(float, Tensor): "Return a list with one tensor for each gradient."},
    edges={
        "Gradients that are all zero have the norm 0; they stay as they are.": [
            ([torch.zeros(2), torch.zeros(1)], 1.0)
        ]
    },
    by_hand=("clip_grad_norm_", "clip_grads_with_norm_"),
    otherwise="Every gradient is multiplied by limit / norm if the norm is above the "
    "limit; the norm is the root of the sum of all squares, of all gradients.",
)
def clip(grads: Sequence[Tensor], limit: float) -> tuple[Tensor, ...]:
    return _scaled(grads, limit, _norm(grads))


# What to look at, for each patient whose diagnosis is wrong.
CLUES = {
    "A": "compare where its curve starts to fall, and how low it ends, with the bigram",
    "B": "in one row of its map, compare the columns of the same letter",
    "C": "look at the first iterations of its curve; slowness is not its problem",
    "D": "look at the upper half of its map, which is hatched in the healthy one",
    "E": "it learns slowly, as if little of what goes in came out again",
    "F": "look at how the rows of its map share out their weight",
}


def museum(answer: Any) -> None:
    """Raise Mistake unless the answer gives each patient its diagnosis in words."""
    right = {letter: name_of(exhibit) for letter, exhibit in PATIENTS.items()}
    if not isinstance(answer, dict):
        raise Mistake(f"Your diagnoses are a {type(answer).__name__}, not a dict.")
    if set(answer) != set(right):
        raise Mistake(f"The patients are {', '.join(right)}, each once.")
    given = {letter: said for letter, said in answer.items() if said is not ...}
    for letter, said in given.items():
        if said not in right.values():
            raise Mistake(f"Patient {letter}: copy one of the diagnoses in the list.")
    for letter, said in sorted(given.items()):
        if said != right[letter]:
            raise Mistake(f"Patient {letter} has something else: {CLUES[letter]}.")
    if missing := sorted(set(right) - set(given)):
        rest = "; the others are right" if given else ""
        raise Mistake(f"Patient {missing[0]} has no diagnosis yet{rest}.")


EXERCISES["04.museum"] = Exercise("All six patients have their diagnosis.", museum)
