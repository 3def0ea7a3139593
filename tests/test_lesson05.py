"""Give the exercises of lesson 05 wrong answers, and see each get its own verdict."""

import notebook_tools as tools
import pytest

from minigpt.course.exercises import verdict as module

# For each exercise: the first line of an answer, and wrong ways to go on from it, each
# with a part of the verdict that it must get.
WRONG = {
    "05.penalty": (
        "def with_penalty(logits, ids, penalty):\n    result = logits.clone()",
        [
            ("result[ids] = result[ids] / penalty; return result", "negative logits, "),
            ("result[ids] = result[ids] * penalty; return result", "positive logits, "),
            (
                "x = result[ids]; "
                "result[ids] = torch.where(x > 0, x * penalty, x / penalty)\n"
                "return result",
                "the wrong way round",
            ),
            ("result[ids] -= penalty; return result", "You subtracted the penalty"),
            (
                "for i in ids:\n"
                "    result[i] *= 1 / penalty if result[i] > 0 else penalty\n"
                "return result",
                "once for each time it has occurred",
            ),
            (
                "return torch.where(logits > 0, logits / penalty, logits * penalty)",
                "You changed all logits",
            ),
            ("return result", "You changed nothing"),
            (
                "i = ids[-1] if ids else 0\n"
                "if ids: result[i] *= 1 / penalty if result[i] > 0 else penalty\n"
                "return result",
                "only the last token",
            ),
            ("result[ids] = -math.inf; return result", "not impossible"),
            ("result[ids] = 0.0; return result", "You set those logits to 0"),
            (
                "for i in set(ids):\n"
                "    result[i] *= 1 / penalty if result[i] > 0 else penalty\n"
                "return result.softmax(dim=0)",
                "Those are probabilities",
            ),
            (
                "x = logits[ids]\nreturn torch.where(x > 0, x / penalty, x * penalty)",
                "only the logits of ids",
            ),
            (
                "for i in set(ids):\n"
                "    logits[i] *= 1 / penalty if logits[i] > 0 else penalty\n"
                "return logits",
                "Your function changed logits",
            ),
            (
                "for i in set(ids):\n"
                "    result[i] *= 1 / 2 if result[i] > 0 else 2\n"
                "return result",
                "always 2 in your function",
            ),
            (
                "for i in range(len(logits)):\n"
                "    if i not in ids:\n"
                "        result[i] *= 1 / penalty if result[i] > 0 else penalty\n"
                "return result",
                "that have not occurred",
            ),
            (
                "return sampling.penalize_repetition(logits, ids, penalty)",
                "penalize_repetition did the work",
            ),
            (
                "for i in set(ids):\n"
                "    result[i] *= 1 / penalty if result[i] > 0 else penalty",
                "returned nothing",
            ),
        ],
    ),
    "05.draw": (
        "def draw(probabilities, u):\n    ends = probabilities.cumsum(dim=0)",
        [
            ("return int(probabilities.argmax())", "that is greedy"),
            ("return int((ends <= u).sum()) - 1", "Your id is one too low"),
            ("return int((ends <= u).sum()) + 1", "Your id is one too high"),
            ("return int((ends >= u).sum())", "that end after u"),
            (
                "return int((probabilities > u).int().argmax())",
                "compare it with their cumulative sum",
            ),
            ("return int((probabilities <= u).sum())", "You counted the probabilities"),
            (
                "for i, p in enumerate(probabilities):\n    if u < p: return i",
                "For some u you return nothing",
            ),
            ("return int((ends < u).sum())", "Where u equals a cumulative sum"),
            ("return int(u * len(probabilities))", "as if all were equally probable"),
            (
                "ends = probabilities.flip(0).cumsum(dim=0)\n"
                "return len(ends) - 1 - int((ends <= u).sum())",
                "You added up from the last id",
            ),
            ("return ends <= u", "several numbers"),
            ("return (ends <= u).sum()", "You returned a tensor"),
            ("return torch.searchsorted(ends, torch.tensor([u]))", "returned a tensor"),
            ("return float((ends <= u).sum())", "has type float, not int"),
            (
                "ends = probabilities.sort(descending=True).values.cumsum(dim=0)\n"
                "return int((ends <= u).sum())",
                "a rank and not an id",
            ),
            (
                "ranked, order = probabilities.sort(descending=True)\n"
                "place = int((ranked.cumsum(dim=0) <= u).sum())\n"
                "return int(order[min(place, len(order) - 1)])",
                "in the order of the ids",
            ),
            ("return int((ends - u).abs().argmin())", "nearest cumulative sum"),
            ("return int((ends <= 0.62).sum())", "a u of 0.62 of your own"),
            (
                "return int((torch.tensor([0.5, 0.8, 1.0]) <= u).sum())",
                "the probabilities of the example",
            ),
            ("return 0", "does not depend on u"),
            (
                "generator = torch.Generator().manual_seed(int(1000 * u))\n"
                "return int(torch.multinomial(probabilities, 1, generator=generator))",
                "u does not lie in the stretch",
            ),
            (
                "probabilities.cumsum_(dim=0)\nreturn int((probabilities <= u).sum())",
                "Your function changed probabilities",
            ),
            ("return int((stretches <= u).sum())", "NameError"),
        ],
    ),
    "05.temperature": (
        "def with_temperature(logits, temperature):\n    p = logits.softmax(dim=0)",
        [
            (
                "return (logits * temperature).softmax(dim=0)",
                "You multiplied by the temperature",
            ),
            ("return p / temperature", "You divided the probabilities, which no"),
            ("return (p / temperature).softmax(dim=0)", "You took the softmax of prob"),
            (
                "p = p / temperature\nreturn p / p.sum()",
                "The temperature changed nothing",
            ),
            ("return logits / temperature", "Those are still logits"),
            ("return (logits / temperature).log_softmax(dim=0)", "Those are logarithm"),
            (
                "logits /= temperature\nreturn logits.softmax(dim=0)",
                "Your function changed logits",
            ),
            (
                "return (logits / temperature).softmax(dim=0).numpy()",
                "has type ndarray, not Tensor",
            ),
            (
                "return (logits - temperature).softmax(dim=0)",
                "The temperature changed nothing",
            ),
            ("return torch.tensor([0.8668, 0.1173, 0.0159])", "has shape (3,), not"),
            ("return p ** (1 / temperature)", "no longer sum to 1"),
            ("return (logits / temperature).exp()", "Those are powers of e"),
            ("return p * temperature", "You multiplied the probabilities"),
            ("return (logits / 0.5).softmax(dim=0)", "always 0.5 in your function"),
            ("return int(logits.argmax())", "You returned the most probable id"),
            (
                "return sampling.next_token_probabilities(logits, temperature)",
                "next_token_probabilities did the work",
            ),
            ("return (scores / temperature).softmax(dim=0)", "NameError"),
        ],
    ),
    "05.entropy": (
        "def entropy(probabilities):\n    p = probabilities[probabilities > 0]",
        [
            (
                "return -(probabilities * probabilities.log()).sum().item()",
                "0 · ln 0 counts as 0, but a computer makes",
            ),
            ("return -(p * p.log2()).sum().item()", "in bits"),
            ("return -(p * p.log10()).sum().item()", "in base 10"),
            ("return (p * p.log()).sum().item()", "The sign is missing"),
            ("return -(p * p.log()).mean().item()", "That is a mean"),
            ("return math.exp(-(p * p.log()).sum())", "the perplexity"),
            ("return -p.log().sum().item()", "You did not weight each logarithm by"),
            ("return -p.log().mean().item()", "the mean of the logarithms"),
            ("return -(p * p.log())", "That is one number for each token"),
            ("print(-(p * p.log()).sum().item())", "returned nothing"),
            ("return 1.0397", "the result should be 0.325, not 1.04"),
            ("return (p * (1 - p)).sum().item()", "the surprise is -ln p"),
            ("return -p.max().log().item()", "the surprise of the most probable"),
            ("return math.log(len(p))", "of equally probable tokens"),
            (
                "return -(p * p.log()).sum(dim=0, keepdim=True)",
                "has type Tensor, not float",
            ),
            (
                "return -sum(x * math.log(x) for x in probabilities.tolist())",
                "leave the zeros out",
            ),
            ("p = p.softmax(dim=0)\nreturn -(p * p.log()).sum().item()", "a softmax"),
        ],
    ),
    "05.top_k": (
        "def top_k(logits, k):\n"
        "    order = logits.sort(descending=True, stable=True).indices\n"
        "    cut = torch.full_like(logits, -math.inf)",
        [
            (
                "kept = order[: k + 1]; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "one too many",
            ),
            (
                "kept = order[: k - 1]; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "one too few",
            ),
            (
                "kept = order[:2]; cut[kept] = logits[kept]\nreturn cut.softmax(dim=0)",
                "You always keep 2",
            ),
            (
                "kept = order[:k]; cut[:] = 0; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "A logit of 0 is a score like any other",
            ),
            (
                "kept = order[:k]; cut[:] = -10; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "A finite number may be above every logit",
            ),
            (
                "kept = order[:k]; cut[:] = -100; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "A finite number may be above every logit",
            ),
            (
                "cut[:] = 0; kept = order[:k]; cut[kept] = logits.softmax(0)[kept]\n"
                "return cut",
                "no longer sums to 1",
            ),
            (
                "k = min(k, len(logits))\n"
                "threshold = logits.topk(k).values[-1]\n"
                "return logits.masked_fill(logits < threshold, -math.inf).softmax(0)",
                "Exactly k must remain, even if logits are equal",
            ),
            ("return logits[order][:k].softmax(dim=0)", "You returned only k numbers"),
            (
                "kept = order[-k:]; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "You kept the k lowest",
            ),
            (
                "kept = order[:k]; cut[kept] = logits[kept]\nreturn cut",
                "Those are still logits",
            ),
            (
                "kept = logits.topk(k).indices; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0)",
                "A k above the number of tokens must",
            ),
            (
                "logits[order[k:]] = -math.inf\nreturn logits.softmax(dim=0)",
                "Your function changed logits",
            ),
            (
                "kept = order[:k]; cut[kept] = logits[kept]\n"
                "return cut.softmax(dim=0).sort(descending=True).values",
                "still sorted",
            ),
            (
                "return logits.masked_fill(order >= k, -math.inf).softmax(dim=0)",
                "You took order for ranks",
            ),
            ("return order[:k]", "You returned ids"),
            (
                "cut[:k] = logits[:k]\nreturn cut.softmax(dim=0)",
                "You kept the first k ids",
            ),
            (
                "cut[:] = 0; cut[order[:k]] = 1 / k\nreturn cut",
                "have the same probability",
            ),
            (
                "return sampling.next_token_probabilities(logits, top_k=k)",
                "next_token_probabilities did the work",
            ),
        ],
    ),
    "05.top_p": (
        "def top_p(probabilities, p):\n"
        "    ranked, order = probabilities.sort(descending=True, stable=True)\n"
        "    before = ranked.cumsum(dim=0) - ranked\n"
        "    result = torch.zeros_like(probabilities)",
        [
            (
                "kept = ranked * (ranked.cumsum(dim=0) < p)\n"
                "result[order] = kept / kept.sum(); return result",
                "You dropped the token that crosses p",
            ),
            (
                "before = probabilities.cumsum(dim=0) - probabilities\n"
                "kept = probabilities * (before < p); return kept / kept.sum()",
                "in the order of the ids",
            ),
            (
                "ranked, order = probabilities.sort(stable=True)\n"
                "kept = ranked * (ranked.cumsum(dim=0) - ranked < p)\n"
                "result[order] = kept / kept.sum(); return result",
                "from the least probable",
            ),
            (
                "result[order] = ranked * (before < p); return result",
                "no longer sums to 1",
            ),
            ("kept = ranked * (before < p); return kept / kept.sum()", "still sorted"),
            (
                "kept = ranked * (before <= p)\n"
                "result[order] = kept / kept.sum(); return result",
                "Stop when the sum reaches p exactly",
            ),
            (
                "count = int((ranked.cumsum(dim=0) < p).sum()) + 2\n"
                "result[order[:count]] = ranked[:count] / ranked[:count].sum()\n"
                "return result",
                "one more than it takes",
            ),
            (
                "kept = ranked * (before < 0.7)\n"
                "result[order] = kept / kept.sum(); return result",
                "p is always 0.7",
            ),
            (
                "result[order] = ranked * (before < p) / p; return result",
                "You divided by p",
            ),
            (
                "kept = (before < p).float()\n"
                "result[order] = kept / kept.sum(); return result",
                "You shared everything equally",
            ),
            (
                "kept = ranked.masked_fill(before >= p, -math.inf).softmax(dim=0)\n"
                "result[order] = kept; return result",
                "You took a softmax of probabilities",
            ),
            (
                "kept = ranked * (before < p); kept = kept / kept.sum()\n"
                "return kept[order]",
                "result[order] = ..., not",
            ),
            (
                "kept = probabilities * (probabilities >= p * probabilities.max())\n"
                "return kept / kept.sum()",
                "p times the highest",
            ),
            (
                "last = ranked[before < p][-1]\n"
                "kept = probabilities * (probabilities >= last)\n"
                "return kept / kept.sum()",
                "Only the fewest may remain, even if",
            ),
            (
                "kept = ranked * (before >= p)\n"
                "result[order] = kept / kept.sum(); return result",
                "You kept the tail",
            ),
            ("return probabilities", "You cut nothing"),
            ("while True:\n    pass", "Your function did not finish"),
        ],
    ),
    "05.choose": (
        "def choose(logits, u, temperature, k, p):\n"
        "    def shape(t=temperature, k=k, p=p, late=1.0):\n"
        "        ranked, order = (logits.double() / t).sort(descending=True)\n"
        "        kept = ranked[:k].softmax(dim=0)\n"
        "        kept = kept * (kept.cumsum(dim=0) - kept < p)\n"
        "        kept = (kept / kept.sum()) ** late\n"
        "        result = torch.zeros_like(ranked)\n"
        "        result[order[:k]] = kept / kept.sum()\n"
        "        return result\n"
        "    def pick(ps): return int((ps.cumsum(dim=0) <= u).sum())",
        [
            ("return pick(shape(t=1.0))", "The temperature has no effect"),
            ("return pick(shape(t=1 / temperature))", "You multiplied by the temper"),
            (
                "return pick(shape(t=1.0, late=1 / temperature))",
                "after the cuts; it comes first",
            ),
            ("return pick(shape(k=len(logits)))", "k has no effect"),
            ("return pick(shape(k=k + 1))", "one too many by k"),
            ("return pick(shape(p=1.0))", "p has no effect"),
            ("return pick(shape(k=len(logits), p=1.0))", "Only the temperature has an"),
            (
                "return pick(shape(t=1.0, k=len(logits), p=1.0))",
                "you drew from the plain softmax",
            ),
            ("return int(logits.argmax())", "u has no say"),
            (
                "return pick(shape().sort(descending=True).values)",
                "You returned a rank",
            ),
            (
                "ps, order = shape().sort(descending=True)\n"
                "return int(order[pick(ps)])",
                "in the order of the ids",
            ),
            ("return pick(shape()) + 1", "one too high"),
            ("return torch.tensor(pick(shape()))", "You returned a tensor"),
            ("return shape()", "several numbers"),
            ("pick(shape())", "returned nothing"),
            (
                "ps = shape(k=len(logits))\n"
                "ps[ps.argsort(descending=True)[k:]] = 0\n"
                "return pick(ps / ps.sum())",
                "You cut by p first",
            ),
            (
                "ps = (logits.double() / temperature).softmax(dim=0) * (shape() > 0)\n"
                "return pick(ps)",
                "no longer sums to 1",
            ),
            (
                "ps = (shape() > 0).double()\nreturn pick(ps / ps.sum())",
                "as if all were equally probable",
            ),
            (
                "ps = sampling.next_token_probabilities(logits, temperature, k, p)\n"
                "return pick(ps)",
                "next_token_probabilities did the work",
            ),
        ],
    ),
    "05.until": (
        "def until(ids, end):\n    found = []",
        [
            (
                "for i in ids:\n    found.append(i)\n    if i == end: break\n"
                "return found",
                "The end is part of your result",
            ),
            ("return list(ids)", "Your function never stops"),
            ("return [i for i in ids if i != end]", "You left the end out and went on"),
            (
                "found = list(ids)\nif end not in found: return found\n"
                "return found[:-1 - found[::-1].index(end)]",
                "You stopped at the last end",
            ),
            (
                "found = list(ids)\nif end not in found: return found\n"
                "return found[found.index(end) + 1:]",
                "what follows the end",
            ),
            (
                "found = list(ids)\nif end not in found: return found\n"
                "return found[:found.index(end)]",
                "asked for one more id",
            ),
            (
                "for i in ids:\n    if end in found: break\n    found.append(i)\n"
                "return found[:found.index(end)] if end in found else found",
                "asked for one more id",
            ),
            (
                "for i in ids:\n    if i == end: return found\n    found.append(i)",
                "even if the ids run out",
            ),
            (
                "i = next(ids)\nwhile i != end:\n    found.append(i); i = next(ids)\n"
                "return found",
                "asked for an id when none was left",
            ),
            (
                "for i in ids:\n    if i == end: break\n    found.append(i)\n"
                "return found[:-1]",
                "one id too early",
            ),
            (
                "next(ids)\nfor i in ids:\n    if i == end: break\n"
                "    found.append(i)\nreturn found",
                "You lost the first id",
            ),
            (
                "for i in ids:\n    if i == end: break\n    found = [i, *found]\n"
                "return found",
                "Your result is backwards",
            ),
            (
                "for i in ids:\n    if i == end: break\n"
                "    if i not in found: found.append(i)\nreturn found",
                "You dropped ids that had come before",
            ),
            (
                "for i in ids:\n    if i == end: break\n    found.append(i)\n"
                "return tuple(found)",
                "has type tuple, not list",
            ),
            (
                "for i in ids:\n    if i == end: return i\nreturn 0",
                "You returned a number",
            ),
            ("return [next(ids)]", "only the first id"),
            (
                "for i in ids:\n    if i == 0: break\n    found.append(i)\n"
                "return found",
                "You stopped at the id 0",
            ),
        ],
    ),
    "05.attend": (
        "def attend(q, k, v, keys, values):\n"
        "    K, V = torch.cat([keys, k[None]]), torch.cat([values, v[None]])\n"
        "    D = len(q)",
        [
            ("return (K @ q).softmax(dim=0) @ V, K, V", "You did not divide by √D"),
            ("return (K @ q / D).softmax(dim=0) @ V, K, V", "You divided by D"),
            ("return (K @ q * D**0.5).softmax(dim=0) @ V, K, V", "You multiplied by √"),
            (
                "return (K @ q / len(K)**0.5).softmax(dim=0) @ V, K, V",
                "the root of the number of positions",
            ),
            ("return K @ q / D**0.5 @ V, K, V", "The softmax is missing"),
            (
                "return (K @ k / D**0.5).softmax(dim=0) @ V, K, V",
                "the new key with all keys",
            ),
            (
                "return (V @ q / D**0.5).softmax(dim=0) @ V, K, V",
                "the query with the values",
            ),
            (
                "return (K @ q / D**0.5).softmax(dim=0) @ K, K, V",
                "You averaged the keys",
            ),
            ("return V.mean(dim=0), K, V", "the same weight"),
            (
                "return (K @ q / D**0.5).softmax(dim=0), K, V",
                "You returned the weights",
            ),
            (
                "return ((K @ q / D**0.5).softmax(dim=0) @ V)[None], K, V",
                "a dimension of 1 too many",
            ),
            (
                "return (keys @ q / D**0.5).softmax(dim=0) @ values, K, V",
                "the earlier positions only",
            ),
            (
                "return (K @ q / D**0.5).softmax(dim=0) @ V, keys, values",
                "Your caches have not grown",
            ),
            (
                "out = (K @ q / D**0.5).softmax(dim=0) @ V\n"
                "K, V = torch.cat([k[None], keys]), torch.cat([v[None], values])\n"
                "return out, K, V",
                "in front; they belong at the end",
            ),
            ("return (K @ q / D**0.5).softmax(dim=0) @ V, V, K", "in the wrong order"),
            ("return (K @ q / D**0.5).softmax(dim=0) @ V", "return 3 things"),
            ("return v, K, V", "nothing but the new position"),
            (
                "from torch.nn.functional import scaled_dot_product_attention as go\n"
                "out = torch.nn.functional.scaled_dot_product_attention(\n"
                "    q[None], K, V)[0]\nreturn out, K, V",
                "scaled_dot_product_attention did the work",
            ),
        ],
    ),
}


every_wrong_answer = pytest.mark.parametrize(
    ("exercise", "code", "said"), tools.wrong_answers(WRONG)
)


@every_wrong_answer
def test_wrong_answer_is_told_what_is_wrong(exercise, code, said, monkeypatch):
    if "while True" in code:
        monkeypatch.setattr(module, "TIME_LIMIT_SECONDS", 0.2)
    verdict = tools.verdict_on("05", exercise, code)
    assert verdict.text.startswith("✗ ") and said in verdict.text
    assert "\n" not in verdict.text


@pytest.mark.parametrize("name", WRONG)
def test_many_mistakes_have_verdicts_of_their_own(name):
    assert len({said for _, said in WRONG[name][1]}) >= 12


OTHER_RIGHT_ANSWERS = {
    "05.penalty": """
def with_penalty(logits, ids, penalty):
    factor = torch.ones_like(logits)
    for i in ids:
        factor[i] = penalty if logits[i] < 0 else 1 / penalty
    return logits * factor
""",
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
    p[kept] = (logits[kept] - logits.max()).exp()
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
    "05.choose": """
def choose(logits, u, temperature, k, p):
    probabilities = (logits / temperature).softmax(dim=0)
    order = probabilities.argsort(descending=True)
    total, kept = 0.0, []
    share = probabilities[order[:k]].sum()
    for i in order[:k].tolist():
        if total >= p:
            break
        kept.append(i)
        total += float(probabilities[i] / share)
    u *= float(probabilities[kept].sum())
    for i in sorted(kept):
        u -= float(probabilities[i])
        if u < 0:
            return i
    return i
""",
    "05.until": """
def until(ids, end):
    return list(iter(lambda: next(ids, end), end))
""",
    "05.attend": """
def attend(q, k, v, keys, values):
    keys, values = torch.vstack([keys, k]), torch.vstack([values, v])
    powers = torch.exp(keys @ q / math.sqrt(q.shape[-1]))
    return (powers[:, None] * values).sum(dim=0) / powers.sum(), keys, values
""",
}


@pytest.mark.parametrize("exercise", OTHER_RIGHT_ANSWERS)
def test_other_ways_to_write_it_pass(exercise):
    verdict = tools.verdict_on("05", exercise, OTHER_RIGHT_ANSWERS[exercise])
    assert verdict.passed, verdict.text


def test_equal_probabilities_may_be_ranked_either_way():
    backwards = """
def top_p(probabilities, p):
    return right(probabilities.flip(0), p).flip(0)

def right(probabilities, p):
    ranked, order = probabilities.sort(descending=True, stable=True)
    kept = ranked * (ranked.cumsum(dim=0) - ranked < p)
    result = torch.zeros_like(probabilities)
    result[order] = kept / kept.sum()
    return result
"""
    assert tools.verdict_on("05", "05.top_p", backwards).passed
