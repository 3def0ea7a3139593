"""Train on the tales for some minutes, and keep twenty-one moments for the course.

python benchmarks/episode.py

It writes data/episode.json, through which a slider in the course moves: what the model
writes, what its heads look at, what it expects next, and its loss. With `--iterations`
the run is shorter, to try the script, and the file goes to `--out`.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from minigpt.config import get_preset
from minigpt.course.episode import FILE, record, save_episode
from minigpt.data import make_tales_dataset
from minigpt.run import begin
from minigpt.tales import draw_tales, read_grammar

# More at the beginning, where more changes, and after practice has ended.
SHARES = [0, 1, 2.5, 5, 7.5, 10, 11, 12.5, 15, 17.5, 20, 25, 30, 35, 40, 50, 60, 70]
SHARES += [80, 90, 100]
TALES, SEED = 12, 311


def main() -> None:
    """Train, record, and say how large the file is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, help="instead of the preset's number")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    grammar, preset = read_grammar(), get_preset("tales")
    n = options.iterations or preset.training.max_iters
    practice = preset.training.copy_iters * n // preset.training.max_iters
    config = replace(preset.training, max_iters=n, copy_iters=practice)
    dataset = make_tales_dataset(grammar)
    tales = draw_tales(grammar, TALES, SEED)
    prompts, truth = beginnings(tales[0].text, tales[0].words["Other"])
    run = begin(dataset, preset.model, config)
    about = (
        f"A GPT-2 with {preset.model.n_layer} layers, {preset.model.n_head} heads and "
        f"{run.model.num_parameters():,} parameters, trained on 5,000 tales for {n:,} "
        f"iterations, the first {practice} of which practised copying."
    )
    at = sorted({round(n * share / 100) for share in SHARES})
    save_episode(record(run, at, tales, prompts, truth, about), options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


def beginnings(text: str, other: str) -> tuple[list[str], list[str]]:
    """Return beginnings of a tale that end before a speaker, a name and a full stop."""
    paragraphs = text.split("\n\n")
    speech = next(i for i, one in enumerate(paragraphs) if ": " in one)
    second = "\n\n".join(paragraphs[: speech + 1]) + "\n\n"
    title = paragraphs[0].rpartition(" ")[0]
    first = "\n\n".join(paragraphs[:speech]) + "\n\n"
    truth = [
        " " + paragraphs[0].rpartition(" ")[2],
        paragraphs[speech].partition(":")[0],
        paragraphs[speech + 1].partition(":")[0],
    ]
    return [title, first, second], truth


if __name__ == "__main__":
    main()
