"""Give the exercises of lesson 05 wrong answers, and see each get its own verdict."""

import notebook_tools as tools
import pytest

from minigpt.course.exercises import verdict as module

# For each exercise: the answer's code, and a part of the verdict that it must get.
WRONG = {
    "05.draw": [
        (
            """
def draw(probabilities, u):
    return int(probabilities.argmax())
""",
            "that is greedy",
        ),
        (
            """
def draw(probabilities, u):
    return int((probabilities.cumsum(dim=0) <= u).sum()) - 1
""",
            "Your id is one too low",
        ),
        (
            """
def draw(probabilities, u):
    return int((probabilities.cumsum(dim=0) <= u).sum()) + 1
""",
            "Your id is one too high",
        ),
        (
            """
def draw(probabilities, u):
    return int((probabilities > u).int().argmax())
""",
            "compare it with their cumulative sum",
        ),
        (
            """
def draw(probabilities, u):
    for i, p in enumerate(probabilities):
        if u < p:
            return i
""",
            "For some u you return nothing",
        ),
        (
            """
def draw(probabilities, u):
    return int((probabilities.cumsum(dim=0) < u).sum())
""",
            "Where u equals a cumulative sum",
        ),
        (
            """
def draw(probabilities, u):
    return int(u * len(probabilities))
""",
            "as if all were equally probable",
        ),
        (
            """
def draw(probabilities, u):
    ends = probabilities.flip(0).cumsum(dim=0)
    return len(ends) - 1 - int((ends <= u).sum())
""",
            "You added up from the last id",
        ),
        (
            """
def draw(probabilities, u):
    return probabilities.cumsum(dim=0) <= u
""",
            "several numbers",
        ),
        (
            """
def draw(probabilities, u):
    return float((probabilities.cumsum(dim=0) <= u).sum())
""",
            "has type float, not int",
        ),
        (
            """
def draw(probabilities, u):
    generator = torch.Generator().manual_seed(int(1000 * u))
    return int(torch.multinomial(probabilities, 1, generator=generator))
""",
            "u does not lie in the stretch",
        ),
        (
            """
def draw(probabilities, u):
    probabilities.cumsum_(dim=0)
    return int((probabilities <= u).sum())
""",
            "Your function changed probabilities",
        ),
    ],
    "05.temperature": [
        (
            """
def with_temperature(logits, temperature):
    return (logits * temperature).softmax(dim=0)
""",
            "You multiplied by the temperature",
        ),
        (
            """
def with_temperature(logits, temperature):
    return logits.softmax(dim=0) / temperature
""",
            "You divided the probabilities, which no",
        ),
        (
            """
def with_temperature(logits, temperature):
    return (logits.softmax(dim=0) / temperature).softmax(dim=0)
""",
            "You took the softmax of probabilities",
        ),
        (
            """
def with_temperature(logits, temperature):
    p = logits.softmax(dim=0) / temperature
    return p / p.sum()
""",
            "The temperature changed nothing",
        ),
        (
            """
def with_temperature(logits, temperature):
    return logits / temperature
""",
            "Those are still logits",
        ),
        (
            """
def with_temperature(logits, temperature):
    return (logits / temperature).log_softmax(dim=0)
""",
            "Those are logarithms",
        ),
        (
            """
def with_temperature(logits, temperature):
    logits /= temperature
    return logits.softmax(dim=0)
""",
            "Your function changed logits",
        ),
        (
            """
def with_temperature(logits, temperature):
    return (logits / temperature).softmax(dim=0).numpy()
""",
            "has type ndarray, not Tensor",
        ),
        (
            """
def with_temperature(logits, temperature):
    return (logits - temperature).softmax(dim=0)
""",
            "The temperature changed nothing",
        ),
        (
            """
def with_temperature(logits, temperature):
    return torch.tensor([0.8668, 0.1173, 0.0159])
""",
            "has shape (3,), not (63,)",
        ),
    ],
    "05.entropy": [
        (
            """
def entropy(probabilities):
    return -(probabilities * probabilities.log()).sum().item()
""",
            "0 · ln 0 counts as 0, but a computer makes",
        ),
        (
            """
def entropy(probabilities):
    p = probabilities[probabilities > 0]
    return -(p * p.log2()).sum().item()
""",
            "in bits",
        ),
        (
            """
def entropy(probabilities):
    p = probabilities[probabilities > 0]
    return (p * p.log()).sum().item()
""",
            "The sign is missing",
        ),
        (
            """
def entropy(probabilities):
    p = probabilities[probabilities > 0]
    return -(p * p.log()).mean().item()
""",
            "That is a mean",
        ),
        (
            """
def entropy(probabilities):
    p = probabilities[probabilities > 0]
    return math.exp(-(p * p.log()).sum())
""",
            "the perplexity",
        ),
        (
            """
def entropy(probabilities):
    return -probabilities.log().sum().item()
""",
            "You did not weight each logarithm by its",
        ),
        (
            """
def entropy(probabilities):
    p = probabilities[probabilities > 0]
    return -(p * p.log())
""",
            "That is one number for each character",
        ),
        (
            """
def entropy(probabilities):
    p = probabilities[probabilities > 0]
    print(-(p * p.log()).sum().item())
""",
            "returned nothing",
        ),
        (
            """
def entropy(probabilities):
    return 1.0397
""",
            "the result should be 0.325, not 1.04",
        ),
    ],
    "05.top_k": [
        (
            """
def top_k(logits, k):
    kept = logits.sort(descending=True).indices[: k + 1]
    cut = torch.full_like(logits, -math.inf)
    cut[kept] = logits[kept]
    return cut.softmax(dim=0)
""",
            "one too many",
        ),
        (
            """
def top_k(logits, k):
    kept = logits.sort(descending=True).indices[:k]
    cut = torch.zeros_like(logits)
    cut[kept] = logits[kept]
    return cut.softmax(dim=0)
""",
            "A logit of 0 is a score like any other",
        ),
        (
            """
def top_k(logits, k):
    kept = logits.sort(descending=True).indices[:k]
    result = torch.zeros_like(logits)
    result[kept] = logits.softmax(dim=0)[kept]
    return result
""",
            "no longer sums to 1",
        ),
        (
            """
def top_k(logits, k):
    k = min(k, len(logits))
    threshold = logits.topk(k).values[-1]
    return logits.masked_fill(logits < threshold, -math.inf).softmax(dim=0)
""",
            "Exactly k must remain, even if logits are equal",
        ),
        (
            """
def top_k(logits, k):
    return logits.sort(descending=True).values[:k].softmax(dim=0)
""",
            "You returned only k numbers",
        ),
        (
            """
def top_k(logits, k):
    kept = logits.sort().indices[:k]
    cut = torch.full_like(logits, -math.inf)
    cut[kept] = logits[kept]
    return cut.softmax(dim=0)
""",
            "You kept the k lowest",
        ),
        (
            """
def top_k(logits, k):
    kept = logits.sort(descending=True).indices[:k]
    cut = torch.full_like(logits, -math.inf)
    cut[kept] = logits[kept]
    return cut
""",
            "Those are still logits",
        ),
        (
            """
def top_k(logits, k):
    kept = logits.topk(k).indices
    cut = torch.full_like(logits, -math.inf)
    cut[kept] = logits[kept]
    return cut.softmax(dim=0)
""",
            "A k above the number of characters must",
        ),
        (
            """
def top_k(logits, k):
    logits[logits.sort(descending=True).indices[k:]] = -math.inf
    return logits.softmax(dim=0)
""",
            "Your function changed logits",
        ),
    ],
    "05.top_p": [
        (
            """
def top_p(probabilities, p):
    ranked, order = probabilities.sort(descending=True, stable=True)
    kept = ranked * (ranked.cumsum(dim=0) < p)
    result = torch.zeros_like(probabilities)
    result[order] = kept / kept.sum()
    return result
""",
            "You dropped the character that crosses p",
        ),
        (
            """
def top_p(probabilities, p):
    before = probabilities.cumsum(dim=0) - probabilities
    kept = probabilities * (before < p)
    return kept / kept.sum()
""",
            "in the order of the ids",
        ),
        (
            """
def top_p(probabilities, p):
    ranked, order = probabilities.sort(stable=True)
    before = ranked.cumsum(dim=0) - ranked
    kept = ranked * (before < p)
    result = torch.zeros_like(probabilities)
    result[order] = kept / kept.sum()
    return result
""",
            "from the least probable",
        ),
        (
            """
def top_p(probabilities, p):
    ranked, order = probabilities.sort(descending=True, stable=True)
    before = ranked.cumsum(dim=0) - ranked
    result = torch.zeros_like(probabilities)
    result[order] = ranked * (before < p)
    return result
""",
            "no longer sums to 1",
        ),
        (
            """
def top_p(probabilities, p):
    ranked, order = probabilities.sort(descending=True, stable=True)
    before = ranked.cumsum(dim=0) - ranked
    kept = ranked * (before < p)
    return kept / kept.sum()
""",
            "still sorted",
        ),
        (
            """
def top_p(probabilities, p):
    ranked, order = probabilities.sort(descending=True, stable=True)
    before = ranked.cumsum(dim=0) - ranked
    kept = ranked * (before <= p)
    result = torch.zeros_like(probabilities)
    result[order] = kept / kept.sum()
    return result
""",
            "Stop when the sum reaches p exactly",
        ),
        (
            """
def top_p(probabilities, p):
    ranked, order = probabilities.sort(descending=True, stable=True)
    count = int((ranked.cumsum(dim=0) < p).sum()) + 2
    result = torch.zeros_like(probabilities)
    result[order[:count]] = ranked[:count] / ranked[:count].sum()
    return result
""",
            "one more than it takes",
        ),
        (
            """
def top_p(probabilities, p):
    return probabilities
""",
            "You cut nothing",
        ),
        (
            """
def top_p(probabilities, p):
    while True:
        pass
""",
            "Your function did not finish",
        ),
    ],
}
every_wrong_answer = pytest.mark.parametrize(
    ("exercise", "code", "said"),
    [(name, code, said) for name, answers in WRONG.items() for code, said in answers],
)


@every_wrong_answer
def test_wrong_answer_is_told_what_is_wrong(exercise, code, said, monkeypatch):
    if "while True" in code:
        monkeypatch.setattr(module, "TIME_LIMIT_SECONDS", 0.2)
    verdict = tools.verdict_on("05", exercise, code)
    assert verdict.text.startswith("✗ ") and said in verdict.text
    assert "\n" not in verdict.text


@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_has_a_verdict_of_its_own(name):
    assert len({said for _, said in WRONG[name]}) >= 3


OTHER_RIGHT_ANSWERS = {
    "05.draw": """
def draw(probabilities, u):
    total = 0.0
    for i, p in enumerate(probabilities.tolist()):
        total += p
        if u < total:
            return i
    return len(probabilities) - 1
""",
    "05.temperature": """
def with_temperature(logits, temperature):
    powers = torch.exp(logits.double() / temperature)
    return powers / powers.sum()
""",
    "05.entropy": """
def entropy(probabilities):
    return sum(-p * math.log(p) for p in probabilities.tolist() if p)
""",
    "05.top_k": """
def top_k(logits, k):
    kept = logits.topk(min(k, len(logits))).indices
    p = torch.zeros_like(logits)
    p[kept] = logits[kept].exp()
    return p / p.sum()
""",
    "05.top_p": """
def top_p(probabilities, p):
    ids = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])
    result, total = torch.zeros_like(probabilities), 0.0
    for i in ids:
        if total >= p:
            break
        result[i] = probabilities[i]
        total += probabilities[i]
    return result / result.sum()
""",
}


@pytest.mark.parametrize("exercise", OTHER_RIGHT_ANSWERS)
def test_other_ways_to_write_it_pass(exercise):
    verdict = tools.verdict_on("05", exercise, OTHER_RIGHT_ANSWERS[exercise])
    assert verdict.passed, verdict.text
