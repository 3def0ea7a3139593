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
        (embed("return tokens[ids]"), "the positions are missing"),
        (embed("return positions[:T]"), "the tokens are missing"),
        (embed("return tokens[ids] + positions[ids]"), "picked by the ids"),
        (embed("return tokens[ids] + positions[0]"), "got row 0"),
        (embed("return tokens[ids] + positions[T]"), "got row T"),
        (embed("return tokens[ids] + positions[T - 1]"), "the last one's row"),
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
        (embed("return tokens[ids] + 2 * positions[:T]"), "wrong numbers"),
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
        (norm("x.mean()", "x.var(correction=0)"), "all numbers at once"),
        (
            norm(
                "x.mean((1, 2), keepdim=True)",
                "x.var((1, 2), keepdim=True, correction=0)",
            ),
            "a whole sentence",
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
        (norm(mean="0"), "the mean was not taken away"),
        (norm(result="(x - mean) * gain + bias"), "nothing was divided"),
        (norm(result="(x - mean) / (variance + 1e-5).sqrt()"), "gain and bias are"),
        (norm(result="(x - mean) / (variance + 1e-5).sqrt() + bias"), "gain is"),
        (norm(result="(x - mean) / (variance + 1e-5).sqrt() * gain"), "bias is"),
        (
            norm(result="((x - mean) / (variance + 1e-5).sqrt() + bias) * gain"),
            "multiplied by the gain too",
        ),
        (norm(result="F.layer_norm(x * gain + bias, (4,))"), "came first"),
        (
            norm(result="(x - mean) / (variance + 1e-5).sqrt() * bias + gain"),
            "changed places",
        ),
    ],
    "03.gelu": [
        (gelu("phi"), "alone"),
        (gelu("x * (1 + torch.erf(x)) / 2"), "not divided by √2"),
        (gelu("x * (1 + torch.erf(x * 2 ** 0.5)) / 2"), "multiplied by √2"),
        (gelu("x * (1 + torch.erf(x / 2)) / 2"), "divided by 2 inside"),
        (gelu("x * phi * 2"), "half of it is missing"),
        (gelu("x * (phi - 0.5)"), "the 1 is missing"),
        (gelu("x * (2 * phi - 1)"), "erf alone"),
        (gelu("torch.relu(x)"), "ReLU"),
        (gelu("F.silu(x)"), "SiLU"),
        (gelu("x * torch.sigmoid(1.702 * x)"), "1.702"),
        (gelu("x"), "came back as it was"),
        (gelu("phi.numpy()"), "not a tensor"),
    ],
    "03.block": [
        (
            block(
                "x = norm1(x + attention(x))",
                "return norm2(x + feed_forward(x))",
            ),
            "post-norm",
        ),
        (
            block("return feed_forward(norm2(attention(norm1(x))))"),
            "both additions are missing",
        ),
        (
            block("x = attention(norm1(x))", "return x + feed_forward(norm2(x))"),
            "the first addition is missing",
        ),
        (
            block("x = x + attention(norm1(x))", "return feed_forward(norm2(x))"),
            "the second addition is missing",
        ),
        (
            block(
                "x = norm1(x)",
                "x = x + attention(x)",
                "x = norm2(x)",
                "return x + feed_forward(x)",
            ),
            "the norms went into the stream",
        ),
        (
            block("return x + feed_forward(norm2(attention(norm1(x))))"),
            "one addition round both",
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
            block(
                "x = x + feed_forward(norm2(x))",
                "return x + attention(norm1(x))",
            ),
            "feed_forward came first",
        ),
        (
            block("x = x + attention(x)", "return x + feed_forward(x)"),
            "both norms are missing",
        ),
        (
            block("x = x + attention(x)", "return x + feed_forward(norm2(x))"),
            "attention got x itself",
        ),
        (
            block("x = x + attention(norm1(x))", "return x + feed_forward(x)"),
            "feed_forward got x itself",
        ),
        (
            block(
                "x = x + attention(norm1(x))",
                "return x + feed_forward(norm1(x))",
            ),
            "norm1 was used twice",
        ),
        (
            block(
                "x = x + attention(norm2(x))",
                "return x + feed_forward(norm1(x))",
            ),
            "changed places",
        ),
        (
            block(
                "x = x + norm1(attention(x))",
                "return x + norm2(feed_forward(x))",
            ),
            "came after the layers",
        ),
        (
            block(
                "x = x + attention(attention(norm1(x)))",
                "return x + feed_forward(norm2(x))",
            ),
            "attention ran twice",
        ),
        (
            block(
                "x = x + attention(norm1(x))",
                "return x + feed_forward(feed_forward(norm2(x)))",
            ),
            "feed_forward ran twice",
        ),
        (block("return x + attention(norm1(x))"), "still to come"),
        (block("return x"), "came back as it was"),
        (
            block(
                "x += attention(norm1(x))",
                "x += feed_forward(norm2(x))",
                "return x",
            ),
            "x += wrote into",
        ),
        (block("x = x + attention(norm1(x))"), "returned nothing"),
    ],
    "03.parameters": [
        (count("V*C + T*C + N * (12*C*C + 4*C) + 2*C"), "the biases are missing"),
        (count("V*C + T*C + N * (12*C*C + 2*C) + C"), "biases of linear layers and"),
        (count("V*C + T*C + N * 12*C*C"), "the matrices alone"),
        (count("V*C + T*C + N * (12*C*C + 9*C)"), "the norms are missing"),
        (count("V*C + T*C + N * (12*C*C + 11*C) + C"), "a gain and a bias"),
        (count("V*C + T*C + N * block"), "the final norm"),
        (count("V*C + T*C + N * (block - 2*C) + 2*C"), "two norms, not one"),
        (count("2*V*C + T*C + N * block + 2*C"), "counted twice: what it reads"),
        (count("2*V*C + V + T*C + N * block + 2*C"), "the second time with a bias"),
        (count("V*C + N * block + 2*C"), "the position table"),
        (count("T*C + N * block + 2*C"), "the token table is missing"),
        (count("N * block"), "the blocks alone"),
        (count("V*C + T*C + block + 2*C"), "counted once"),
        (count("V*C + T*C + N * (block - C*C - C) + 2*C"), "last matrix"),
        (count("V*C + T*C + N * (block - 4*C*C - C) + 2*C"), "two matrices"),
        (count("V*C + T*C + N * (block + 12*C*C + 12*C) + 2*C"), "however many heads"),
        (count("809_600"), "part by part"),
        (count("float(V*C + T*C + N * block + 2*C)"), "not an int"),
    ],
    "03.start_loss": [
        (loss("math.log2(vocab_size)"), "in bits"),
        (loss("math.log10(vocab_size)"), "base 10"),
        (loss("1 / vocab_size"), "the probability"),
        (loss("math.log(1 / vocab_size)"), "the sign"),
        (loss("math.log(vocab_size - 1)"), "right token is one of the V"),
        (loss("1 - 1 / vocab_size"), "this is 1 - 1 / V"),
        (loss("vocab_size"), "this is V"),
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
    "03.embed": embed("return F.embedding(ids, tokens) + positions[torch.arange(T)]"),
    "03.layer_norm": norm(result="F.layer_norm(x, (x.shape[-1],), gain, bias)"),
    "03.gelu": gelu("F.gelu(x, approximate='tanh')"),
    "03.block": block(
        "y = attention(norm1(x)) + x", "return y + feed_forward(norm2(y))"
    ),
    "03.parameters": "from minigpt.model import GPT\n\n\n"
    + count("GPT(GPTConfig(V, T, n_layer=N, n_head=1, n_embd=C)).num_parameters()"),
    "03.start_loss": loss("-torch.tensor(1 / vocab_size).log()"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_other_right_answers_pass(name):
    verdict = tools.verdict_on("03", name, RIGHT[name])
    assert verdict.passed, verdict.text


def test_an_answer_that_overwrites_its_input_is_still_judged():
    code = function("gelu(x)", "x *= 0.5 * (1 + torch.erf(x / 2 ** 0.5))", "return x")
    assert tools.verdict_on("03", "03.gelu", code).passed
