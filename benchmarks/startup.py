"""Measure what importing the package adds to torch, and how soon a first text is there.

    python benchmarks/startup.py

New processes in turn, medians. `minigpt generate` runs to its end; a text of one
character is the first.
"""

import argparse
import statistics
import subprocess
import sys
import time

CODE = {
    "import torch": ["-c", "import torch"],
    "import torch, minigpt": [
        "-c",
        "import torch, minigpt.model, minigpt.training, minigpt.sampling, "
        "minigpt.decoding, minigpt.checkpoint, minigpt.data",
    ],
    "minigpt generate": [
        *("-m", "minigpt", "generate", "--prompt", "THE FOX", "--length", "1")
    ],
}


def seconds_of(words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    for words in CODE.values():  # so that the files are at hand
        seconds_of(words)
    times = [[seconds_of(words) for words in CODE.values()] for _ in range(runs)]
    print("| what | ms | more than torch alone | of it |\n|---|---|---|---|")
    for name, column in zip(CODE, zip(*times, strict=True), strict=True):
        pairs = list(zip(column, (row[0] for row in times), strict=True))
        print(
            f"| {name} | {1e3 * statistics.median(column):.0f} "
            f"| {1e3 * statistics.median(a - b for a, b in pairs):+.0f} ms "
            f"| {statistics.median(a / b for a, b in pairs):.2f} × |"
        )


if __name__ == "__main__":
    main()
