"""Measure what a learner's next changes cost and gain: the table of notebook 06.

    python benchmarks/what_next.py --threads 2

Every run trains on the fables with the `laptop` preset and one thing changed, for 400
iterations, the schedule of the learning rate fitted to them: nine tenths of the text
to learn from, the loss on the last tenth. A quarter of an hour on two cores.
"""

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.course.overlap import repeated_share
from minigpt.data import Dataset, make_dataset, read_text
from minigpt.decoding import generate
from minigpt.model import GPT
from minigpt.paths import TEXTS
from minigpt.training import evaluate, train

BPE_VOCAB = 512
SAMPLES, LENGTH = 16, 1000


@dataclass(frozen=True)
class Result:
    """What a run has cost and gained.

    Attributes:
        model: the trained model.
        seconds: spent in iterations, evaluation not counted.
        loss: nats per character on the validation text.
    """

    model: GPT
    seconds: float
    loss: float


def run(dataset: Dataset, shape: GPTConfig, config: TrainConfig) -> Result:
    """Train a model and measure it, in nats per character whatever its tokens are."""
    torch.manual_seed(config.seed)
    model = GPT(replace(shape, vocab_size=dataset.tokenizer.vocab_size))
    steps = train(
        model, dataset.train_ids, dataset.val_ids, config, measure=lambda *_: None
    )
    seconds = sum(step.seconds for step in steps)
    characters = len(dataset.tokenizer.decode(dataset.val_ids.tolist()))
    per_character = len(dataset.val_ids) / characters
    return Result(model, seconds, evaluate(model, dataset.val_ids) * per_character)


def training_rows(text: str, iterations: int) -> Iterator[tuple[str, str, Result]]:
    """Yield what was changed, how, and its result; the default comes first."""
    preset = get_preset("laptop")
    shape = preset.model
    config = replace(preset.training, max_iters=iterations, eval_interval=10**9)
    whole = make_dataset(text)
    half = replace(whole, train_ids=whole.train_ids[: len(whole.train_ids) // 2])
    longer = replace(config, max_iters=2 * iterations)
    wider = replace(shape, n_embd=shape.n_embd * 3 // 2)
    deeper = replace(shape, n_layer=2 * shape.n_layer)
    wide_view = replace(shape, block_size=2 * shape.block_size)
    fewer_rows = replace(config, batch_size=config.batch_size // 2)  # as many tokens
    bpe = f"byte pairs, V = {BPE_VOCAB}"
    yield "*the default*", "Train", run(whole, shape, config)
    yield "more iterations", "minutes × 2", run(whole, shape, longer)
    yield "less text", "half of it", run(half, shape, config)
    yield "wider", "`n_embd` × 1.5", run(whole, wider, config)
    yield "deeper", "`n_layer` × 2", run(whole, deeper, config)
    yield "longer block", "`block_size` × 2", run(whole, wide_view, fewer_rows)
    pairs = make_dataset(text, "bpe", BPE_VOCAB)
    yield "another tokenizer", bpe, run(pairs, shape, config)


def writing_rows(text: str, model: GPT) -> Iterator[tuple[str, str, float, float]]:
    """Yield how the same model writes: real words and repeats, as shares."""
    dataset = make_dataset(text)
    tokenizer = dataset.tokenizer
    known = set(
        re.findall(r"\w+", tokenizer.decode(dataset.train_ids.tolist()).lower())
    )
    prompt = tokenizer.encode("THE FOX")
    ways = {
        ("*the default*", "temperature 0.8"): {"temperature": 0.8},
        ("lower temperature", "0.5"): {"temperature": 0.5},
        ("greedy", "sampling off"): {"greedy": True},
    }
    for (change, how), settings in ways.items():
        texts = (
            generate(model, prompt, LENGTH, seed=i, **settings) for i in range(SAMPLES)
        )
        written = [tokenizer.decode(ids) for ids in texts]
        words = re.findall(r"\w+", " ".join(written).lower())
        real = sum(word in known for word in words) / len(words)
        yield change, how, real, sum(map(repeated_share, written)) / SAMPLES


def main() -> None:
    """Print both halves of the table, each row relative to the default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--iterations", type=int, default=400)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text, began = read_text(TEXTS / "fables.txt"), time.perf_counter()
    print("| change | how | cost (time) | loss (nats per character) and its change |")
    print("|---|---|---|---|", flush=True)
    default: Result | None = None
    for change, how, result in training_rows(text, options.iterations):
        default = default or result
        ratio = result.seconds / default.seconds
        gain = f" ({result.loss - default.loss:+.3f})" if result is not default else ""
        print(
            f"| {change} | {how} | {ratio:.1f} × | {result.loss:.3f}{gain} |",
            flush=True,
        )
    assert default is not None
    print("\n| change | how | real words | repeats of 12 characters |")
    print("|---|---|---|---|", flush=True)
    for change, how, real, repeats in writing_rows(text, default.model):
        print(f"| {change} | {how} | {real:.0%} | {repeats:.0%} |", flush=True)
    print(f"\n{default.model.num_parameters():,} parameters by default, ", end="")
    print(f"{default.seconds:.0f} s; in all {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
