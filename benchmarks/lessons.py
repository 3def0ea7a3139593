"""Measure how long each notebook computes, and how much memory it takes.

    python benchmarks/lessons.py

Every notebook is run from top to bottom in a fresh kernel; nothing is written. Linux
and macOS.
"""

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def measure(path: Path) -> tuple[float, float]:
    """Return the seconds that a notebook's cells take, and the most memory in MB."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(MEMORY))
    client = NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}
    )
    with client.setup_kernel():
        start = time.perf_counter()
        for index, cell in enumerate(notebook.cells[:-1]):
            client.execute_cell(cell, index)
        seconds = time.perf_counter() - start
        client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
    peak = int(notebook.cells[-1].outputs[0].text)
    return seconds, peak / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", nargs="+", default=["0"], help="such as 03 04")
    args = parser.parse_args()
    print("| notebook | seconds | memory, MB |\n|---|---|---|")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if path.stem.startswith(tuple(args.lessons)):
            seconds, memory = measure(path)
            print(f"| {path.stem} | {seconds:.0f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
