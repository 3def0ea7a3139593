"""Give the exercises of lesson 03 wrong answers, and see each get its own verdict."""

import notebook_tools as tools
import pytest


def function(head: str, *body: str) -> str:
    return f"def {head}:\n" + "".join(f"    {line}\n" for line in body)


def embed(*body: str) -> str:
    return function("embed(ids, tokens, positions)", "B, T = ids.shape", *body)


def norm(
    mean: str = "x.mean(-1, keepdim=True)",
    variance: str = "x.var(-1, keepdim=True, correction=0)",
    result: str = "(x - mean) / (variance + 1e-5).sqrt() * gain + bias",
) -> str:
    lines = (f"mean = {mean}", f"variance = {variance}", f"return {result}")
    return function("layer_norm(x, gain, bias)", *lines)


def gelu(result: str) -> str:
    phi = "phi = (1 + torch.erf(x / math.sqrt(2))) / 2"
    return function("gelu(x)", phi, f"return {result}")


def block(*body: str) -> str:
    return function("block_forward(x, norm1, attention, norm2, feed_forward)", *body)


def count(result: str) -> str:
    block = "block = 12 * C * C + 13 * C"
    return function("count_parameters(V, T, N, C)", block, f"return {result}")


def loss(result: str) -> str:
    return function("starting_loss(vocab_size)", f"return {result}")


# For each exercise: the answer's code, and a part of the verdict that it must get.
WRONG = {
    "03.embed": [
        (embed("return tokens[ids]"), "The positions are missing"),
        (embed("return positions[:T]"), "The tokens are missing"),
        (
            embed("return tokens[ids] + positions[ids]"),
            "You picked the rows of the positions by the ids",
        ),
        (embed("return tokens[ids] + positions[0]"), "got row 0"),
        (embed("return tokens[ids] + positions[T]"), "got row T"),
        (
            embed("return tokens[ids] + positions[T - 1]"),
            "Every position got the row of the last one",
        ),
        (embed("return tokens[ids] + positions[1 : T + 1]"), "count from 1"),
        (embed("return tokens[ids] + positions[-T:]"), "last T rows"),
        (embed("return tokens[ids] + positions[:T].flip(0)"), "run backwards"),
        (embed("return tokens[ids] + positions[:B, None]"), "batch and time"),
        (embed("return tokens[ids] * positions[:T]"), "multiplied"),
        (
            embed(
                "p = positions[:T].expand(B, -1, -1)",
                "return torch.cat([tokens[ids], p], dim=-1)",
            ),
            "side by side",
        ),
        (embed("return tokens[ids] + positions"), "first T rows"),
        (
            embed("return tokens[ids] + 2 * positions[:T]"),
            "the result should be [[[13, 24], [31, 42]]], not [[[23, 44], [61, 82]]]",
        ),
        (embed("return ids"), "has shape"),
    ],
    "03.layer_norm": [
        (norm(variance="x.var(-1, keepdim=True)"), "torch's default"),
        (
            norm("x.mean(1, keepdim=True)", "x.var(1, keepdim=True, correction=0)"),
            "along the positions",
        ),
        (
            norm("x.mean(0, keepdim=True)", "x.var(0, keepdim=True, correction=0)"),
            "along the batch",
        ),
        (
            norm("x.mean()", "x.var(correction=0)"),
            "You took one mean and variance for all numbers",
        ),
        (
            norm(
                "x.mean((1, 2), keepdim=True)",
                "x.var((1, 2), keepdim=True, correction=0)",
            ),
            "per sentence",
        ),
        (norm(result="(x - mean) / variance.sqrt() * gain + bias"), "eps is missing"),
        (
            norm(result="(x - mean) / (variance.sqrt() + 1e-5) * gain + bias"),
            "outside the root",
        ),
        (
            norm(result="(x - mean) / (variance + 1e-5) * gain + bias"),
            "divided by the variance",
        ),
        (norm(mean="0"), "You did not subtract the mean"),
        (
            norm(result="(x - mean) * gain + bias"),
            "You subtracted the mean but divided by nothing",
        ),
        (
            norm(result="(x - mean) / (variance + 1e-5).sqrt()"),
            "Gain and bias are missing",
        ),
        (norm(result="(x - mean) / (variance + 1e-5).sqrt() + bias"), "gain is"),
        (norm(result="(x - mean) / (variance + 1e-5).sqrt() * gain"), "bias is"),
        (
            norm(result="((x - mean) / (variance + 1e-5).sqrt() + bias) * gain"),
            "You multiplied the bias by the gain, too",
        ),
        (
            norm(result="nn.functional.layer_norm(x * gain + bias, x.shape[-1:])"),
            "You normalised after gain and bias",
        ),
        (
            norm(result="(x - mean) / (variance + 1e-5).sqrt() * bias + gain"),
            "You swapped gain and bias",
        ),
    ],
    "03.gelu": [
        (gelu("phi"), "alone"),
        (gelu("x * (1 + torch.erf(x)) / 2"), "You did not divide x by √2 inside erf"),
        (
            gelu("x * (1 + torch.erf(x * 2 ** 0.5)) / 2"),
            "You multiplied x by √2 inside erf",
        ),
        (gelu("x * (1 + torch.erf(x / 2)) / 2"), "You divided x by 2 inside erf"),
        (gelu("x * phi * 2"), "A factor of one half is missing"),
        (gelu("x * (phi - 0.5)"), "The 1 is missing"),
        (gelu("x * (2 * phi - 1)"), "erf alone"),
        (gelu("torch.relu(x)"), "ReLU"),
        (gelu("nn.functional.silu(x)"), "SiLU"),
        (gelu("x * torch.sigmoid(1.702 * x)"), "1.702"),
        (gelu("x"), "You returned x unchanged"),
        (gelu("phi.numpy()"), "has type ndarray, not Tensor"),
    ],
    "03.block": [
        (
            block("x = norm1(x + attention(x))", "return norm2(x + feed_forward(x))"),
            "post-norm",
        ),
        (
            block("return feed_forward(norm2(attention(norm1(x))))"),
            "Both additions are missing",
        ),
        (
            block("x = attention(norm1(x))", "return x + feed_forward(norm2(x))"),
            "The first addition is missing",
        ),
        (
            block("x = x + attention(norm1(x))", "return feed_forward(norm2(x))"),
            "The second addition is missing",
        ),
        (
            block(
                "x = norm1(x)",
                "x = x + attention(x)",
                "x = norm2(x)",
                "return x + feed_forward(x)",
            ),
            "You put the norms into the stream",
        ),
        (
            block("return x + feed_forward(norm2(attention(norm1(x))))"),
            "You made one addition around both layers",
        ),
        (
            block("return x + attention(norm1(x)) + feed_forward(norm2(x))"),
            "did not see",
        ),
        (
            block("y = x + attention(norm1(x))", "return x + feed_forward(norm2(y))"),
            "is lost",
        ),
        (
            block("x = x + feed_forward(norm2(x))", "return x + attention(norm1(x))"),
            "feed_forward came first",
        ),
        (
            block("x = x + attention(x)", "return x + feed_forward(x)"),
            "Both norms are missing",
        ),
        (
            block("x = x + attention(x)", "return x + feed_forward(norm2(x))"),
            "attention received x itself",
        ),
        (
            block("x = x + attention(norm1(x))", "return x + feed_forward(x)"),
            "feed_forward received x itself",
        ),
        (
            block("x = x + attention(norm1(x))", "return x + feed_forward(norm1(x))"),
            "You used norm1 twice",
        ),
        (
            block("x = x + attention(norm2(x))", "return x + feed_forward(norm1(x))"),
            "You swapped norm1 and norm2",
        ),
        (
            block("x = x + norm1(attention(x))", "return x + norm2(feed_forward(x))"),
            "came after the layers",
        ),
        (
            block(
                "x = x + attention(attention(norm1(x)))",
                "return x + feed_forward(norm2(x))",
            ),
            "You ran attention twice",
        ),
        (
            block(
                "x = x + attention(norm1(x))",
                "return x + feed_forward(feed_forward(norm2(x)))",
            ),
            "You ran feed_forward twice",
        ),
        (block("return x + attention(norm1(x))"), "This is x after attention"),
        (block("return x"), "You returned x unchanged"),
        (
            block(
                "x += attention(norm1(x))", "x += feed_forward(norm2(x))", "return x"
            ),
            "x += changes the tensor that you were given",
        ),
        (block("x = x + attention(norm1(x))"), "returned nothing"),
    ],
    "03.parameters": [
        (count("V*C + T*C + N * (12*C*C + 4*C) + 2*C"), "The biases are missing"),
        (count("V*C + T*C + N * (12*C*C + 2*C) + C"), "biases of linear layers and"),
        (count("V*C + T*C + N * 12*C*C"), "only the matrices"),
        (count("V*C + T*C + N * (12*C*C + 9*C)"), "The norms are missing"),
        (count("V*C + T*C + N * (12*C*C + 11*C) + C"), "a gain and a bias"),
        (count("V*C + T*C + N * block"), "The final norm is missing"),
        (count("V*C + T*C + N * (block - 2*C) + 2*C"), "two norms, not one"),
        (count("2*V*C + T*C + N * block + 2*C"), "You counted the token table twice"),
        (count("2*V*C + V + T*C + N * block + 2*C"), "the second time with a bias"),
        (count("V*C + N * block + 2*C"), "The position table is missing"),
        (count("T*C + N * block + 2*C"), "The token table is missing"),
        (count("N * block"), "only the blocks"),
        (count("V*C + T*C + block + 2*C"), "You counted one block"),
        (count("V*C + T*C + N * (block - C*C - C) + 2*C"), "last matrix"),
        (count("V*C + T*C + N * (block - 4*C*C - C) + 2*C"), "two matrices"),
        (count("V*C + T*C + N * (block + 12*C*C + 12*C) + 2*C"), "however many heads"),
        (count("809_600"), "part by part"),
        (count("float(V*C + T*C + N * block + 2*C)"), "has type float, not int"),
    ],
    "03.start_loss": [
        (loss("math.log2(vocab_size)"), "in bits"),
        (loss("math.log10(vocab_size)"), "base 10"),
        (loss("1 / vocab_size"), "the probability"),
        (loss("math.log(1 / vocab_size)"), "The sign is wrong"),
        (loss("math.log(vocab_size - 1)"), "right token is one of the V"),
        (loss("1 - 1 / vocab_size"), "That is 1 - 1 / V"),
        (loss("vocab_size"), "That is V"),
        (loss("math.log(vocab_size) / vocab_size"), "divided by V"),
        (loss("4.174"), "not the loss of an even bet"),
        (loss("None or print('')"), "returned nothing"),
    ],
}
ANSWERS = [(name, *wrong) for name, wrongs in WRONG.items() for wrong in wrongs]


@pytest.mark.parametrize(("name", "code", "part"), ANSWERS)
def test_wrong_answer_is_named(name, code, part):
    verdict = tools.verdict_on("03", name, code)
    assert verdict.text.startswith("✗") and part in verdict.text, verdict.text


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_has_its_own_verdict(name):
    texts = [tools.verdict_on("03", name, code).text for code, _ in WRONG[name]]
    assert len(set(texts)) == len(texts) >= 3
    assert all("\n" not in text for text in texts)


RIGHT = {
    "03.embed": embed(
        "return nn.functional.embedding(ids, tokens) + positions[torch.arange(T)]"
    ),
    "03.layer_norm": norm(
        variance="(x * x).mean(-1, keepdim=True) - mean**2",
        result="(x - mean) * torch.rsqrt(variance + 1e-5) * gain + bias",
    ),
    "03.gelu": gelu(
        "x / 2 * (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3)))"
    ),
    "03.block": block(
        "y = attention(norm1(x)) + x", "return y + feed_forward(norm2(y))"
    ),
    "03.parameters": count("sum([V * C, T * C, *[block] * N, C, C])"),
    "03.start_loss": loss("-torch.tensor(1 / vocab_size).log()"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_other_right_answers_pass(name):
    verdict = tools.verdict_on("03", name, RIGHT[name])
    assert verdict.passed, verdict.text


SHORTCUTS = {
    "03.layer_norm": (
        "layer_norm",
        norm(result="nn.functional.layer_norm(x, x.shape[-1:], gain, bias)"),
    ),
    "03.gelu": ("gelu", "from torch.nn.functional import gelu"),
    "03.parameters": (
        "GPT",
        "from minigpt.model import GPT\n\n\n"
        + count("GPT(GPTConfig(V, T, N, 1, C)).num_parameters()"),
    ),
}


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_function_that_does_the_work_is_refused(name):
    shortcut, code = SHORTCUTS[name]
    verdict = tools.verdict_on("03", name, code)
    assert verdict.text.startswith(
        f"✗ The result is right, but {shortcut} did the work"
    )


def test_an_answer_that_overwrites_its_input_is_refused():
    code = function("gelu(x)", "x *= 0.5 * (1 + torch.erf(x / 2 ** 0.5))", "return x")
    assert (
        "changed x, which it was given" in tools.verdict_on("03", "03.gelu", code).text
    )
