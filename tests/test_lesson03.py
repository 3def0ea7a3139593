"""Give the exercises of lesson 03 wrong answers, and see each get its own verdict."""

import notebook_tools as tools
import pytest
import torch

from minigpt import GPT, GPTConfig
from minigpt.course.exercises import lesson03


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


STD = "(x - mean) / (variance + 1e-5) * gain + bias"


def gelu(result: str) -> str:
    phi = "phi = (1 + torch.erf(x / math.sqrt(2))) / 2"
    return function("gelu(x)", phi, f"return {result}")


def block(*body: str) -> str:
    return function("block_forward(x, norm1, attention, norm2, feed_forward)", *body)


START = "x = model.token_embedding(ids) + model.position_embedding.weight[:T]"
LOOP = "for block in model.blocks: x = block(x)"
END = "return model.final_norm(x) @ model.token_embedding.weight.T"
PLACES = "model.position_embedding.weight"


def forward(start: str = START, loop: str = LOOP, end: str = END) -> str:
    return function("gpt_forward(model, ids)", "B, T = ids.shape", start, loop, end)


def places(index: str) -> str:
    return forward(
        f"x = model.token_embedding(ids) + model.position_embedding({index})"
    )


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
        (embed("return tokens[ids] - positions[:T]"), "You subtracted"),
        (embed("return (tokens[ids] + positions[:T]) / 2"), "You averaged"),
        (embed("return tokens[ids.flatten()] + positions[:T]"), "You flattened ids"),
        (embed("return tokens[ids].add_(positions[:T]).detach()"), "no gradient"),
        (
            embed("tokens += 1", "return tokens[ids] + positions[:T] - 1"),
            "changed token_table, which it was given",
        ),
        (
            "token_table = torch.ones(9, 4)\n"
            + embed("return token_table[ids] + positions[:T]"),
            "reads token_table from the notebook",
        ),
        (embed("tokens[ids] + positions[:T]"), "returned nothing"),
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
        (
            norm(variance="x.std(-1, keepdim=True)", result=STD),
            "x.std divides by C - 1, not by C, and eps belongs",
        ),
        (
            norm(
                variance="x.std(-1, keepdim=True)",
                result="(x - mean) / variance * gain + bias",
            ),
            "and eps is missing",
        ),
        (norm("0", "(x * x).mean(-1, keepdim=True)"), "This is RMSNorm"),
        (norm("x.mean(-1)", "x.var(-1, correction=0)"), "keepdim=True"),
        (
            norm(variance="(x - mean).abs().mean(-1, keepdim=True)", result=STD),
            "mean distance",
        ),
        (norm(result="(x - mean) * (variance + 1e-5).sqrt() * gain + bias"), "root of"),
        (
            norm(result="(x + mean) / (variance + 1e-5).sqrt() * gain + bias"),
            "the mean",
        ),
        (norm(result="(x - mean) / (variance + 1e-5).sqrt() * gain - bias"), "add it"),
        (
            norm(result="(x - mean) / (variance + 1e-5).sqrt() * (1 + gain) + bias"),
            "1 + gain",
        ),
        (
            norm(result="(x - mean) / (variance + 1e-5).sqrt() / gain + bias"),
            "by the gain",
        ),
        (norm(result="(x - mean) / (variance + 1e-6).sqrt() * gain + bias"), "1e-06"),
        (norm(result="(x - mean) / (variance + 1e-3).sqrt() * gain + bias"), "0.001"),
        (
            norm(result="x.sub_(mean).div_((variance + 1e-5).sqrt()) * gain + bias"),
            "changed x, which it was given",
        ),
        (norm(variance="x.detach().var(-1, keepdim=True, correction=0)"), "gradient"),
        (
            "mean, variance = torch.zeros(1), torch.ones(1)\n"
            + function(
                "layer_norm(x, gain, bias)",
                "return (x - mean) / (variance + 1e-5).sqrt() * gain + bias",
            ),
            "reads mean from the notebook",
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
        (
            gelu(
                "x / 2 * (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + 0.044715*x**3)))"
            ),
            "GPT-2's form with tanh",
        ),
        (gelu("x * (1 + torch.erf(x) / 2 ** 0.5) / 2"), "You divided erf by √2"),
        (gelu("x * (1 - phi)"), "You subtracted erf"),
        (gelu("x * (0.5 + torch.erf(x / 2 ** 0.5))"), "You halved only the 1"),
        (gelu("x + phi"), "You added x"),
        (gelu("x.abs() * (1 + torch.erf(x.abs() / 2 ** 0.5)) / 2"), "absolute"),
        (
            gelu("x * (1 + math.erf(x / 2 ** 0.5)) / 2"),
            "Functions of math take one number",
        ),
        (gelu("(x * phi).detach()"), "no gradient"),
        (gelu("x.mul_(phi)"), "changed x, which it was given"),
        (
            "share = torch.ones(9, 3)\n" + function("gelu(x)", "return x * share"),
            "reads share from the notebook",
        ),
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
        (
            block(
                "x = x + attention(norm1(x))",
                "return norm2(x + feed_forward(norm2(x)))",
            ),
            "You normalised the result",
        ),
        (
            block(
                "x = x + attention(norm1(x))",
                "return norm1(x + feed_forward(norm2(x)))",
            ),
            "with norm1",
        ),
        (
            block("y = attention(norm1(x))", "return x + y + feed_forward(norm2(y))"),
            "only what attention found",
        ),
        (
            block("y = norm1(x)", "return x + attention(y) + feed_forward(y)"),
            "You normalised only once",
        ),
        (
            block("x = x - attention(norm1(x))", "return x - feed_forward(norm2(x))"),
            "You subtracted what the layers found",
        ),
        (
            block("x = x - attention(norm1(x))", "return x + feed_forward(norm2(x))"),
            "You subtracted what attention found",
        ),
        (
            block("x = x + attention(norm1(x))", "return x - feed_forward(norm2(x))"),
            "You subtracted what feed_forward found",
        ),
        (
            block("x = x * attention(norm1(x))", "return x * feed_forward(norm2(x))"),
            "You multiplied x",
        ),
        (
            block(
                "x = x + x + attention(norm1(x))", "return x + feed_forward(norm2(x))"
            ),
            "You added x twice",
        ),
        (
            block(
                "x = norm1(x)",
                "x = x + attention(x)",
                "return x + feed_forward(norm2(x))",
            ),
            "The first addition went to norm1",
        ),
        (
            block(
                "x = x + attention(norm1(x))",
                "x = norm2(x)",
                "return x + feed_forward(x)",
            ),
            "The second addition went to norm2",
        ),
        (
            block(
                "x = x + attention(norm1(x))",
                "x = x + feed_forward(norm2(x))",
                "return x.detach()",
            ),
            "no gradient",
        ),
    ],
    "03.forward": [
        (forward("x = model.token_embedding(ids)"), "The positions are missing"),
        (places("ids % 6"), "You picked the position rows by the ids"),
        (places("torch.arange(1, T + 1)"), "count from 1"),
        (places("torch.zeros_like(ids)"), "got row 0"),
        (places("torch.arange(T).flip(0)"), "run backwards"),
        (places("torch.arange(B)[:, None]"), "You swapped batch and time"),
        (places("torch.arange(B)"), "and not ids.shape[0]"),
        (places("torch.arange(6)"), "the positions 0 to T - 1"),
        (places("torch.arange(T) + 6"), "larger than the position table"),
        (
            forward(
                "x = model.token_embedding(ids) * model.position_embedding.weight[:T]"
            ),
            "You multiplied token and position rows",
        ),
        (forward(loop="pass"), "The blocks are missing"),
        (forward(loop="x = model.blocks[0](x)"), "Only the first block ran"),
        (forward(loop="for b in model.blocks[:-1]: x = b(x)"), "The last block is"),
        (forward(loop="for b in model.blocks[1:]: x = b(x)"), "The first block is"),
        (
            forward(
                loop="for b in model.blocks: y = b(x)",
                end="return model.final_norm(y) @ model.token_embedding.weight.T",
            ),
            "Only the last block counts",
        ),
        (forward(loop="for b in reversed(model.blocks): x = b(x)"), "in reverse order"),
        (forward(loop="for b in model.blocks: x = b(b(x))"), "Every block ran twice"),
        (forward(loop="for b in model.blocks: x = x + b(x)"), "additions inside"),
        (
            forward(loop="for b in model.blocks: x = b(model.final_norm(x))"),
            "norms inside",
        ),
        (
            forward(
                loop="for b in model.blocks: x = model.final_norm(b(x))",
                end="return x @ model.token_embedding.weight.T",
            ),
            "You applied final_norm after every block",
        ),
        (
            forward(end="return x @ model.token_embedding.weight.T"),
            "final_norm is missing",
        ),
        (
            forward(loop="for b in model.blocks: x = model.final_norm(b(x))"),
            "after every block and once more",
        ),
        (
            forward(
                loop="x = model.final_norm(x)\n    for b in model.blocks: x = b(x)",
                end="return x @ model.token_embedding.weight.T",
            ),
            "final_norm came before the blocks",
        ),
        (forward(end="return model.final_norm(x)"), "the stream; multiply"),
        (forward(end="return x"), "You returned the stream; final_norm"),
        (
            forward(
                end="return model.final_norm(x) @ model.position_embedding.weight.T"
            ),
            "with the position rows",
        ),
        (forward(end=f"{END[:7]}({END[7:]}).softmax(-1)"), "You applied a softmax"),
        (forward(end=f"{END[:7]}({END[7:]}).log_softmax(-1)"), "a log-softmax"),
        (forward(end=f"{END[:7]}({END[7:]})[:, -1]"), "only the last position"),
        (forward(end=f"{END[:7]}({END[7:]}).argmax(-1)"), "the likeliest token"),
        (forward(end=f"{END} / x.shape[-1] ** 0.5"), "divided the logits"),
        (forward(end=END[:-2]), "the table is transposed"),
        (forward(end="return model.final_norm(x) @ model.token_embedding"), ".weight"),
        (forward("x = model.token_embedding[ids]"), "call it"),
        (forward(loop="x = model.blocks(x)"), "blocks is a list"),
        (forward("return model(ids)"), "writing it is your task"),
        (forward(f"{START}.detach()"), "the gradient of"),
        (forward(f"with torch.no_grad(): {START}"), "could not learn"),
        (
            "ids = torch.zeros(2, 5, dtype=torch.long)\n"
            + function(
                "gpt_forward(model, numbers)", "T = numbers.shape[1]", START, LOOP, END
            ),
            "reads ids from the notebook",
        ),
        (forward(end=END.removeprefix("return ")), "returned nothing"),
    ],
    "03.parameters": [
        (count("V*C + T*C + N * (12*C*C + 4*C) + 2*C"), "The biases are missing"),
        (count("V*C + T*C + N * (12*C*C + 2*C) + C"), "biases of linear layers and"),
        (count("V*C + T*C + N * 12*C*C"), "only the matrices"),
        (count("V*C + T*C + N * (12*C*C + 9*C)"), "The norms are missing"),
        (count("V*C + T*C + N * (12*C*C + 11*C) + C"), "a gain and a bias"),
        (count("V*C + T*C + N * block"), "The final norm is missing"),
        (count("V*C + T*C + N * (block - 2*C) + 2*C"), "it has two norms"),
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
        (count("float(V*C + T*C + N * block + 2*C)"), "parameters is whole"),
        (count("V*C + T*C + N * (block - 3*C) + 2*C"), "The biases of queries"),
        (
            count("V*C + T*C + N * (block - 4*C) + 2*C"),
            "The biases of attention have 4 C in all",
        ),
        (count("V*C + T*C + N * (block - 5*C) + 2*C"), "of the feed-forward layer are"),
        (count("V*C + T*C + N * (block - C) + 2*C"), "One bias of C numbers"),
        (count("V*C + T*C + N * (block - 6*C*C - 3*C) + 2*C"), "through 4 C numbers"),
        (count("V*C + T*C + N * (block - 2*C*C - 2*C) + 2*C"), "need three matrices"),
        (count("N * (V*C + T*C + block + 2*C)"), "were counted in every block"),
        (count("V*C + T*C + N * (block + 2*C)"), "final norm in every block"),
        (count("88_848"), "right for the small model only"),
        (count("124_439_808"), "GPT-2 only"),
        (
            "block = 9_408\n"
            + function(
                "count_parameters(V, T, N, C)", "return V*C + T*C + N * block + 2*C"
            ),
            "reads block from the notebook",
        ),
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
        (loss("round(math.log(vocab_size), 1)"), "You rounded it; return"),
        (loss("round(math.log(vocab_size), 2)"), "to two decimals"),
        (loss("round(math.log(vocab_size))"), "to a whole number"),
        (loss("math.log(2048)"), "right for 2,048 tokens only"),
        (loss("7.6"), "7.6 is right for 2,048 tokens only"),
        (loss("math.log(vocab_size + 1)"), "ln (V + 1)"),
        (loss("vocab_size * math.log(vocab_size)"), "You multiplied by V"),
        (loss("vocab_size ** 0.5"), "the root of V"),
        (loss("str(math.log(vocab_size))"), "has type str, not float"),
        ("V = 2048\n" + loss("math.log(V)"), "reads V from the notebook"),
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
    "03.gelu": gelu("x * torch.special.ndtr(x)"),
    "03.block": block(
        "y = attention(norm1(x)) + x", "return y + feed_forward(norm2(y))"
    ),
    "03.forward": forward(
        "x = model.token_embedding.weight[ids]",
        "x += model.position_embedding(torch.arange(T)); "
        "x = nn.Sequential(*model.blocks)(x)",
        "x = model.final_norm(x); "
        "return nn.functional.linear(x, model.token_embedding.weight)",
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


def test_the_forward_asked_for_is_that_of_the_packages_gpt():
    gpt = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=6))
    ids = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 10]])
    torch.testing.assert_close(lesson03.forward(gpt, ids), gpt(ids))


def test_parts_are_equal_if_their_weights_are():
    assert lesson03.Parts(seed=0) == lesson03.Parts(seed=0) != lesson03.Parts(seed=1)
    assert lesson03.Parts(seed=0) != 0


def test_an_answer_that_overwrites_its_input_is_refused():
    code = function("gelu(x)", "x *= 0.5 * (1 + torch.erf(x / 2 ** 0.5))", "return x")
    assert (
        "changed x, which it was given" in tools.verdict_on("03", "03.gelu", code).text
    )
