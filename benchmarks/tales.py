"""Measure what trained models write against unseen tales of the grammar.

python benchmarks/tales.py checkpoints/tales.pt
python benchmarks/tales.py --minutes 2 --seeds 0 1 2
python benchmarks/tales.py --iterations 1000 --seeds 0 1 2

Each model writes tales with the default settings (temperature 0.8, top-k 50), and so
does the grammar itself. `--minutes` or `--iterations` trains the preset for that long
first, once for each seed.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

import torch

from minigpt.checkpoint import Checkpoint, load_checkpoint
from minigpt.config import get_preset
from minigpt.course.overlap import copied_lengths
from minigpt.course.sense import meter_of
from minigpt.data import (
    BUILT_IN,
    TRAIN_SEED,
    TRAIN_TALES,
    VAL_SEED,
    Dataset,
    as_id_tensor,
    make_tales_dataset,
)
from minigpt.decoding import generate
from minigpt.run import begin
from minigpt.tales import SEPARATOR, draw_tales, read_grammar
from minigpt.tokenizer import stream_text
from minigpt.training import NO_TARGET, cross_entropy, tale_windows

LONGEST = 400  # tokens, for models that do not end
COPIES = 40  # tales whose longest copied run is looked for, which takes a while


def main() -> None:
    """Print one column for unseen tales and one for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="*", help="models to measure")
    parser.add_argument("--preset", default="tales")
    parser.add_argument("--minutes", type=float, default=0, help="train first")
    parser.add_argument("--iterations", type=int, default=0, help="train first")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--tales", type=int, default=200)
    parser.add_argument("--dtype", help="in place of the preset's own")
    options = parser.parse_args()
    grammar = read_grammar(BUILT_IN["tales"])
    dataset = make_tales_dataset(grammar)
    training = draw_tales(grammar, TRAIN_TALES, TRAIN_SEED)
    seen = frozenset(tale.combination for tale in training)
    meter = meter_of(grammar)
    source = SEPARATOR.join(tale.text for tale in training)

    def measure(tales: list[str]) -> dict[str, float]:
        runs = [max(copied_lengths(tale, source)) for tale in tales[:COPIES]]
        longest = {"longest copied run": statistics.median(runs)}
        return meter.measure(tales).fractions() | longest

    unseen = draw_tales(grammar, options.tales, VAL_SEED, without=seen)
    columns = {"unseen tales": measure([tale.text for tale in unseen])}
    models: dict[str, Callable[[], Checkpoint]] = {
        name: lambda name=name: load_checkpoint(name) for name in options.checkpoints
    }
    if options.minutes or options.iterations:
        models |= {
            f"seed {seed}": lambda seed=seed: train(dataset, options, seed)
            for seed in options.seeds
        }
    for name, make in models.items():
        made = make()
        columns[name] = measure([write(made, n) for n in range(options.tales)])
        if made.tokenizer.to_dict() == dataset.tokenizer.to_dict():
            columns[name] |= losses(made, dataset)
        print(f"{name}: {columns[name]}", flush=True)
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    print("| |", " | ".join(columns), "|")
    print("|---" * (len(columns) + 1) + "|")
    for row in rows:
        values = [column.get(row) for column in columns.values()]
        cells = ("–" if v is None else f"{v:.3g}" for v in values)
        print(f"| {row} |", " | ".join(cells), "|")


def train(dataset: Dataset, options: argparse.Namespace, seed: int) -> Checkpoint:
    """Train the preset for some minutes, evaluations included."""
    preset = get_preset(options.preset)
    config = replace(preset.training, minutes=options.minutes, seed=seed)
    if options.iterations:
        config = replace(config, max_iters=options.iterations)
    if options.dtype:
        config = replace(config, dtype=options.dtype)
    run = begin(dataset, preset.model, config)
    for step in run.steps():
        if step.val_loss is not None:
            print(
                f"{run.clock.seconds:6.1f} s  {step.iteration:5}  {step.val_loss:.4f}"
            )
    return Checkpoint(run.model.eval(), dataset.tokenizer, None)


def write(made: Checkpoint, seed: int) -> str:
    """Return one tale, without the line break that it begins with."""
    prompt = made.tokenizer.encode_prompt("")
    settings = {"temperature": 0.8, "top_k": min(50, made.tokenizer.vocab_size)}
    ids = generate(made.model, prompt, LONGEST, seed=seed, **settings)
    return "".join(stream_text(made.tokenizer, ids))


@torch.inference_mode()
def losses(made: Checkpoint, dataset: Dataset) -> dict[str, float]:
    """Return losses on the validation tales: above their entropy, early and late."""
    ids = as_id_tensor(dataset.val_ids)
    starts, T = dataset.starts(ids), made.model.config.block_size
    assert starts is not None and dataset.entropy is not None
    inputs, targets = tale_windows(ids, starts, torch.arange(len(starts)), T)
    counted = targets != NO_TARGET
    loss = torch.cat(
        [
            cross_entropy(made.model(x), y, "none")
            for x, y in zip(inputs.split(32), targets.split(32), strict=True)
        ]
    )

    def mean(first: int, end: int) -> float:
        return float(loss[:, first:end].sum() / counted[:, first:end].sum())

    return {
        "nats per token above the floor": mean(0, T) - dataset.entropy,
        "nats per token, tokens 16 to 32": mean(16, 32),
        "nats per token, tokens 128 and later": mean(128, T),
    }


if __name__ == "__main__":
    main()
