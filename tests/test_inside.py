"""Give the exercises of looking_inside wrong answers, and see each get its verdict."""

import notebook_tools as tools
import pytest

from minigpt.course.exercises import verdict as module

# For each exercise: the first lines of an answer, and wrong ways to go on from them,
# each with a part of the verdict that it must get.
WRONG = {
    "inside.previous": (
        "def previous_score(maps, lengths):\n"
        "    diagonal = maps.diagonal(-1, -2, -1)\n"
        "    own = maps.diagonal(0, -2, -1)\n"
        "    found = [d[:, :n - 1] for d, n in zip(diagonal, lengths)]\n"
        "    places = torch.cat(found, dim=-1)",
        [
            ("return diagonal.mean(dim=(0, 2))", "You averaged over the padded places"),
            (
                "n = max(lengths)\nreturn diagonal[..., :n - 1].mean(dim=(0, 2))",
                "You took the longest length for every text",
            ),
            (
                "found = [d[:, :n] for d, n in zip(own, lengths)]\n"
                "return torch.cat(found, dim=-1).mean(dim=-1)",
                "the previous one is to the left",
            ),
            (
                "found = [d[:, 1:n] for d, n in zip(own, lengths)]\n"
                "return torch.cat(found, dim=-1).mean(dim=-1)",
                "the previous one is in column t - 1",
            ),
            (
                "found = [d[:, :n - 1] for d, n in\n"
                "         zip(maps.diagonal(1, -2, -1), lengths)]\n"
                "return torch.cat(found, dim=-1).mean(dim=-1)",
                "That is the weight on the next token",
            ),
            (
                "found = [d[:, :n - 2] for d, n in\n"
                "         zip(maps.diagonal(-2, -2, -1), lengths)]\n"
                "return torch.cat(found, dim=-1).mean(dim=-1)",
                "the token before the previous one",
            ),
            (
                "return sum(d.mean(dim=-1) for d in found) / len(found)",
                "You gave every text the same weight",
            ),
            ("return places.sum(dim=-1) / sum(lengths)", "You counted position 0"),
            (
                "return places.sum(dim=-1) / len(lengths)",
                "divided by the number of texts",
            ),
            ("return places.sum(dim=-1)", "That is a sum"),
            (
                "return places.sum(dim=-1) / diagonal[:, 0].numel()",
                "but divided by them as well",
            ),
            ("return places.mean()", "You averaged over the heads as well"),
            (
                "return torch.stack([d.mean(dim=-1) for d in found])",
                "one row for each text",
            ),
            ("return found[0].mean(dim=-1)", "the first text only"),
            ("return found[-1].mean(dim=-1)", "the last text only"),
            (
                "return torch.stack([d[:, -1] for d in found]).mean(dim=0)",
                "the last position of each text only",
            ),
            (
                "found = [d[:, :-1] for d in found]\n"
                "return torch.cat(found, dim=-1).mean(dim=-1)",
                "You left out the last position of each text",
            ),
            ("return places.amax(dim=-1)", "You took the largest weight"),
            ("return places.mean(dim=-1).tolist()", "has type list, not Tensor"),
            ("places.mean(dim=-1)", "returned nothing"),
        ],
    ),
    "inside.lens": (
        "def lens(x, gain, bias, token_table):\n"
        "    mean = x.mean(dim=-1, keepdim=True)\n"
        "    std = (x.var(dim=-1, correction=0, keepdim=True) + 1e-5).sqrt()\n"
        "    normed = (x - mean) / std",
        [
            ("return x @ token_table.T", "You forgot the final norm"),
            ("return normed @ token_table.T", "The norm has no gain and bias"),
            ("return (normed + bias) @ token_table.T", "The gain of the final norm"),
            ("return (normed * gain) @ token_table.T", "The bias of the final norm"),
            (
                "return (normed * bias + gain) @ token_table.T",
                "You swapped gain and bias",
            ),
            ("return (x * gain + bias) @ token_table.T", "but did not normalise"),
            (
                "std = (x.var(dim=-1, keepdim=True) + 1e-5).sqrt()\n"
                "return ((x - mean) / std * gain + bias) @ token_table.T",
                "divided the variance by C - 1",
            ),
            (
                "x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()\n"
                "return (x * gain + bias) @ token_table.T",
                "You normalised along the positions",
            ),
            ("return (x / std * gain + bias) @ token_table.T", "not subtract the mean"),
            (
                "return ((normed * gain + bias) @ token_table.T).softmax(dim=-1)",
                "Those are probabilities",
            ),
            (
                "return ((normed * gain + bias) @ token_table.T).log_softmax(dim=-1)",
                "Those are logarithms",
            ),
            (
                "return ((normed * gain + bias) @ token_table.T).argmax(dim=-1)",
                "You returned the likeliest ids",
            ),
            (
                "return ((normed * gain + bias) @ token_table.T)[-1]",
                "the last position only",
            ),
            ("return normed * gain + bias", "You returned the normalised stream"),
            ("return token_table @ (normed * gain + bias).T", "Your result is (V, T)"),
            ("return (normed * gain + bias) @ token_table", "table.T has shape (C, V)"),
            (
                "x -= mean; x /= std\nreturn (x * gain + bias) @ token_table.T",
                "changed x",
            ),
        ],
    ),
    "inside.adds": (
        "def head_adds(outputs, weight, head):\n"
        "    H, T, D = outputs.shape\n"
        "    columns = weight[:, head * D : (head + 1) * D]",
        [
            ("return outputs[head]", "the head's output before W_O"),
            (
                "return outputs[head] @ weight[head * D : (head + 1) * D]",
                "You took the head's rows of the weight",
            ),
            ("return outputs[head] @ columns", "of the weight, transposed"),
            (
                "return outputs[head] @ weight[:, head : head + D].T",
                "Your columns begin at the head's number",
            ),
            ("return outputs[head] @ weight[:, :D].T", "the columns of head 0"),
            (
                "return outputs[head - 1] @ weight.view(-1, H, D)[:, head - 1].T",
                "Your heads count from 1",
            ),
            (
                "return outputs[head] @ weight[:, head::H].T",
                "You took every H-th column",
            ),
            (
                "return outputs.transpose(0, 1).flatten(1) @ weight.T",
                "what all heads add together",
            ),
            ("return outputs[0] @ weight[:, :D].T", "That is head 0"),
            ("return outputs[-1] @ weight[:, -D:].T", "That is the last head"),
            (
                "return (outputs[head] @ columns.T).sum(dim=0)",
                "You added up the positions",
            ),
            ("return (outputs[head] @ columns.T)[-1]", "the last position only"),
            ("return columns @ outputs[head].T", "Your result is (C, T)"),
            ("return outputs[head] @ columns.T / H", "divided by the number of heads"),
            ("return outputs[head] @ weight.T", "D columns of the weight"),
            ("outputs[head] @ columns.T", "returned nothing"),
        ],
    ),
    "inside.attribute": (
        "def attribute(parts, gain, bias, right, wrong):\n"
        "    row = right - wrong\n"
        "    x = parts.sum(dim=0)\n"
        "    std = (x.var(correction=0) + 1e-5).sqrt()\n"
        "    centred = parts - parts.mean(dim=-1, keepdim=True)\n"
        "    def both(found): return torch.cat([found, (bias @ row)[None]])",
        [
            (
                "std = (parts.var(dim=-1, correction=0, keepdim=True) + 1e-5).sqrt()\n"
                "return both((centred / std * gain) @ row)",
                "You normalised each part by itself",
            ),
            ("return both(parts @ row)", "You forgot the final norm"),
            ("return both((centred * gain) @ row)", "You forgot the scale"),
            (
                "return both((parts / std * gain) @ row)",
                "did not subtract each part's mean",
            ),
            ("return both((centred / std) @ row)", "The gain of the final norm"),
            ("return (centred / std * gain) @ row", "The bias of the final norm"),
            (
                "return (centred / std * gain) @ row + bias @ row",
                "You gave the bias to every part",
            ),
            (
                "return torch.cat([(bias @ row)[None], (centred / std * gain) @ row])",
                "You put the bias first",
            ),
            (
                "row = wrong - right\nreturn both((centred / std * gain) @ row)",
                "The sign",
            ),
            (
                "row = right\nreturn both((centred / std * gain) @ row)",
                "the right token",
            ),
            (
                "row = wrong\nreturn both((centred / std * gain) @ row)",
                "the wrong token",
            ),
            (
                "row = right + wrong\nreturn both((centred / std * gain) @ row)",
                "added the",
            ),
            (
                "std = (x.var() + 1e-5).sqrt()\n"
                "return both((centred / std * gain) @ row)",
                "divided the variance by C - 1",
            ),
            (
                "return both((centred / std**2 * gain) @ row)",
                "You divided by the variance",
            ),
            ("return both((centred / std * gain) @ row).sum()", "the sum of all parts"),
            (
                "return both((centred / std * gain) @ row).softmax(dim=0)",
                "You took a softmax; a part",
            ),
            (
                "return both((centred / std * gain) @ row).abs()",
                "the size of each number",
            ),
            (
                "a, b = (torch.cat([(centred / std * gain) @ r, (bias @ r)[None]])\n"
                "        for r in (right, wrong))\n"
                "p = torch.stack([a, b], dim=1).softmax(dim=1)\n"
                "return p[:, 0] - p[:, 1]",
                "You took a softmax before the difference",
            ),
        ],
    ),
    "inside.ablate": (
        "def mean_ablate(outputs, head):\n"
        "    result = outputs.clone()\n"
        "    own = outputs[:, head]",
        [
            ("result[:, head] = 0\nreturn result", "You set the head to zero"),
            (
                "result[:, head] = own.mean(dim=1, keepdim=True)\nreturn result",
                "Each text got its own mean",
            ),
            (
                "result[:, head] = own.mean(dim=0)\nreturn result",
                "Each position got its own",
            ),
            (
                "result[:, head] = own.mean()\nreturn result",
                "averaged over the channels",
            ),
            (
                "result[:, head] = own.mean(dim=-1, keepdim=True)\nreturn result",
                "You averaged each row's channels",
            ),
            (
                "result[:, head] = outputs.mean(dim=(0, 1, 2))\nreturn result",
                "the mean of all heads",
            ),
            (
                "result[:] = outputs.mean(dim=(0, 2), keepdim=True)\nreturn result",
                "You replaced every head",
            ),
            (
                "result[:, head] -= own.mean(dim=(0, 1))\nreturn result",
                "You subtracted",
            ),
            (
                "result[:, head] += own.mean(dim=(0, 1))\nreturn result",
                "You added the mean",
            ),
            (
                "result[:, 0] = outputs[:, 0].mean(dim=(0, 1))\nreturn result",
                "You replaced head 0",
            ),
            (
                "h = head - 1\nresult[:, h] = outputs[:, h].mean(dim=(0, 1))\n"
                "return result",
                "Your heads count from 1",
            ),
            (
                "return own.mean(dim=(0, 1)).expand_as(own)",
                "You returned the head alone",
            ),
            ("return own.mean(dim=(0, 1))", "You returned the mean alone"),
            (
                "result[:, head, -1] = own.mean(dim=(0, 1))\nreturn result",
                "You replaced the last position only",
            ),
            ("return result", "You changed nothing"),
            (
                "outputs[:, head] = own.mean(dim=(0, 1))\nreturn outputs",
                "Your function changed outputs",
            ),
            (
                "result[head] = outputs[head].mean(dim=(0, 1))\nreturn result",
                "not a head",
            ),
        ],
    ),
    "inside.restored": (
        "def restored(clean, corrupted, patched, right, wrong):\n"
        "    a, b, c = (x[right] - x[wrong] for x in (clean, corrupted, patched))\n"
        "    p, q, r = (x.softmax(dim=0) for x in (clean, corrupted, patched))",
        [
            (
                "a, b, c = (x[right] - x[wrong] for x in (p, q, r))\n"
                "return (c - b) / (a - b)",
                "You took a softmax before the difference",
            ),
            (
                "return ((patched - corrupted) / (clean - corrupted))[right]",
                "Only the right token's logit",
            ),
            (
                "return ((patched - corrupted) / (clean - corrupted))[wrong]",
                "Only the wrong token's logit",
            ),
            (
                "return ((r - q) / (p - q))[right]",
                "the right token's probability alone",
            ),
            ("return (c - a) / (b - a)", "You swapped the clean and the corrupted run"),
            ("return c", "That is the difference in the patched run"),
            ("return c - b", "how much the patch raised the difference"),
            ("return (c - b) / a", "You divided by the clean difference"),
            ("return c / a", "divided the patched difference by the clean one"),
            ("return (a - b) / (c - b)", "turn it round"),
            ("return (b - c) / (a - b)", "The sign is turned round"),
            ("return c / (a - b)", "did not subtract the corrupted difference"),
            ("return (c - a) / (a - b)", "You subtracted the clean difference"),
            ("return min(max((c - b) / (a - b), 0), 1)", "You cut the result"),
            ("return 100 * (c - b) / (a - b)", "That is in percent"),
            ("return (patched - corrupted) / (clean - corrupted)", "has type Tensor"),
        ],
    ),
    "inside.patch": (
        "def patched(clean, corrupted, blocks, unembed, layer, position):\n"
        "    def run(x, some):\n"
        "        for block in some:\n"
        "            x = block(x)\n"
        "        return x\n"
        "    a, b = run(clean, blocks[:layer]), run(corrupted, blocks[:layer])\n"
        "    x = b.clone()\n"
        "    rest = blocks[layer:]",
        [
            (
                "t = (position + 1) % x.shape[1]\nx[:, t] = a[:, t]\n"
                "return unembed(run(x, rest))",
                "one position too late",
            ),
            (
                "t = position - 1\nx[:, t] = a[:, t]\nreturn unembed(run(x, rest))",
                "one position too early",
            ),
            ("x[:, -1] = a[:, -1]\nreturn unembed(run(x, rest))", "the last position"),
            (
                "x[:, 0] = a[:, 0]\nreturn unembed(run(x, rest))",
                "You patched position 0",
            ),
            (
                "x[:] = a\nreturn unembed(run(x, rest))",
                "You patched every position, so",
            ),
            (
                "t = position + 1\nx[:, :t] = a[:, :t]\nreturn unembed(run(x, rest))",
                "every position up to",
            ),
            (
                "t = position\nx[:, t:] = a[:, t:]\nreturn unembed(run(x, rest))",
                "from the one that is given on",
            ),
            (
                "x[..., position] = a[..., position]\nreturn unembed(run(x, rest))",
                "You patched a channel",
            ),
            (
                "x = a.clone()\nx[:, position] = b[:, position]\n"
                "return unembed(run(x, rest))",
                "the clean run with the corrupted one",
            ),
            ("return unembed(run(x, rest))", "Nothing of the clean run"),
            (
                "x[:, position] = a[:, position]\nreturn unembed(run(x, blocks))",
                "you ran all blocks again",
            ),
            (
                "x[:, position] = a[:, position]\nreturn unembed(x)",
                "ran no more blocks",
            ),
            (
                "x[:, position] = clean[:, position]\nreturn unembed(run(x, rest))",
                "the clean row from before the first block",
            ),
            (
                "x[:, position] += a[:, position]\nreturn unembed(run(x, rest))",
                "You added the clean row",
            ),
            (
                "x[:, position] = a[:, position]\nreturn unembed(run(x, rest))[:, -1]",
                "You returned the last position only",
            ),
            (
                "x[:, position] = a[:, position]\nreturn run(x, rest)",
                "returned the stream",
            ),
            (
                "x[:, position] = a[:, position]\n"
                "return unembed(run(x, blocks[layer + 1:]))",
                "You left out the block after the patch",
            ),
            (
                "x = corrupted.clone()\nx[:, position] = clean[:, position]\n"
                "return unembed(run(x, blocks))",
                "You patched before the first block",
            ),
        ],
    ),
    "inside.steer": (
        "def steer(x, ones, others, dose):\n"
        "    a, b = ones.mean(dim=0), others.mean(dim=0)",
        [
            ("return x + dose * (b - a)", "points the other way"),
            ("return x + dose * a", "the mean of `ones` alone"),
            ("return x + dose * b", "the mean of the others alone"),
            ("return x + dose * (a + b)", "You added the two means"),
            ("return x + dose * (ones.sum(0) - others.sum(0))", "You took sums"),
            ("return x + dose * (ones.mean() - others.mean())", "over the channels"),
            ("return x + a - b", "The dose has no effect"),
            ("return x + (a - b) / dose", "You divided by the dose"),
            ("return x + dose * (a - b) / (a - b).norm()", "to length 1"),
            ("return (dose * (a - b)).expand_as(x)", "You replaced the stream"),
            ("return x * dose * (a - b)", "You multiplied the stream"),
            ("return dose * (x + a - b)", "You scaled the whole stream"),
            ("return (1 - dose) * x + dose * (a - b)", "You mixed x"),
            (
                "x = x.clone(); x[-1] += dose * (a - b)\nreturn x",
                "You pushed the last position only",
            ),
            (
                "x = x.clone(); x[0] += dose * (a - b)\nreturn x",
                "You pushed position 0 only",
            ),
            ("return x + dose * (ones[0] - others[0])", "the first row of each"),
            ("return dose * (a - b)", "That is the direction"),
            ("x += dose * (a - b)\nreturn x", "Your function changed x"),
            ("return x", "You changed nothing"),
        ],
    ),
}


every_wrong_answer = pytest.mark.parametrize(
    ("exercise", "code", "said"), tools.wrong_answers(WRONG)
)


@every_wrong_answer
def test_wrong_answer_is_told_what_is_wrong(exercise, code, said):
    verdict = tools.verdict_on("inside", exercise, code)
    assert verdict.text.startswith("✗ ") and said in verdict.text
    assert "\n" not in verdict.text


@pytest.mark.parametrize("name", WRONG)
def test_many_mistakes_have_verdicts_of_their_own(name):
    assert len({said for _, said in WRONG[name][1]}) >= 12


def test_every_exercise_has_wrong_answers():
    names = {name for name in module.exercise_names() if name.startswith("inside.")}
    assert set(WRONG) == set(OTHER_RIGHT_ANSWERS) == names


OTHER_RIGHT_ANSWERS = {
    "inside.previous": """
def previous_score(maps, lengths):
    total, places = 0, 0
    for weights, n in zip(maps, lengths):
        for t in range(1, n):
            total = total + weights[:, t, t - 1]
            places += 1
    return total / places
""",
    "inside.lens": """
def lens(x, gain, bias, token_table):
    return F.linear(F.layer_norm(x, gain.shape, gain, bias), token_table)
""",
    "inside.adds": """
def head_adds(outputs, weight, head):
    alone = torch.zeros_like(outputs)
    alone[head] = outputs[head]
    return F.linear(alone.transpose(0, 1).flatten(1), weight)
""",
    "inside.attribute": """
def attribute(parts, gain, bias, right, wrong):
    row = gain * (right - wrong)
    std = (parts.sum(dim=0).var(correction=0) + 1e-5).sqrt()
    found = parts @ (row - row.mean()) / std
    return torch.cat([found, (bias @ (right - wrong)).reshape(1)])
""",
    "inside.ablate": """
def mean_ablate(outputs, head):
    mean = outputs.mean(dim=(0, 2), keepdim=True).expand_as(outputs)
    chosen = torch.arange(outputs.shape[1]) == head
    return torch.where(chosen[:, None, None], mean, outputs)
""",
    "inside.restored": """
def restored(clean, corrupted, patched, right, wrong):
    def difference(logits):
        logs = logits.log_softmax(dim=0)
        return (logs[right] - logs[wrong]).item()

    low, high = difference(corrupted), difference(clean)
    return (difference(patched) - low) / (high - low)
""",
    "inside.patch": """
def patched(clean, corrupted, blocks, unembed, layer, position):
    streams = [clean, corrupted]
    for n in range(len(blocks) + 1):
        if n == layer:
            here = torch.arange(clean.shape[1])[:, None] == position
            streams[1] = torch.where(here, streams[0], streams[1])
        if n < len(blocks):
            streams = [blocks[n](x) for x in streams]
    return unembed(streams[1])
""",
    "inside.steer": """
def steer(x, ones, others, dose):
    direction = sum(ones) / len(ones) - sum(others) / len(others)
    return torch.stack([row + dose * direction for row in x])
""",
}


@pytest.mark.parametrize("exercise", OTHER_RIGHT_ANSWERS)
def test_other_ways_to_write_it_pass(exercise):
    verdict = tools.verdict_on("inside", exercise, OTHER_RIGHT_ANSWERS[exercise])
    assert verdict.passed, verdict.text
