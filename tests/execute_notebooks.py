"""Run notebooks from top to bottom and store them as the course keeps them.

    python tests/execute_notebooks.py                # all of them
    python tests/execute_notebooks.py notebooks/02_attention.ipynb

Each runs in a fresh kernel; metadata is cut to the kernel, tags and cell ids.
"""

import base64
import io
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
KERNEL = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}


def execute(path: Path) -> None:
    """Run the notebook at `path` and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    normalize(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def normalize(notebook: nbformat.NotebookNode) -> None:
    """Cut what differs from run to run and from machine to machine."""
    notebook.metadata = nbformat.NotebookNode(
        kernelspec=KERNEL, language_info={"name": "python"}
    )
    count = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.NotebookNode({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = join_streams(cell.outputs)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
                if "metadata" in output:
                    output.metadata.pop("execution", None)
                if png := output.get("data", {}).get("image/png"):
                    output.data["image/png"] = with_few_colours(png)


def with_few_colours(png: str) -> str:
    """Return a PNG in base64 with a palette of 256 colours: a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def join_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the outputs with what was printed piece by piece in one piece."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and output.name == last.get("name"):
            last.text += output.text
        else:
            joined.append(output)
    return joined


if __name__ == "__main__":
    chosen = [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.rglob("*.ipynb"))
    for chosen_path in chosen:
        print(chosen_path.name, flush=True)
        execute(chosen_path)
