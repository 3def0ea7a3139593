"""Put the static pictures of the panels into the cells before them.

python tests/place_panels.py

A picture that is there already is replaced. The pictures themselves are drawn by
`browser/draw_panels.py`.
"""

import re
from pathlib import Path

import nbformat
import notebook_tools as tools

# By lesson and cell, what those read who cannot see the picture.
WORDS = {
    "00-panel": (
        "The panel: a title, a slider for the temperature, the button “Write a tale”,"
        " and below them the tale that the model wrote"
    ),
    "01-panel": (
        "The panel: a text, a choice of tokenizer, and the tokens that the text "
        "becomes, each with its id and in a colour of its own"
    ),
    "02-leak-panel": (
        "The panel: a choice of masks, and a grid that shows which positions of the "
        "output change when one position of the input does"
    ),
    "02-explorer": (
        "The panel: a sentence, sliders for position, layer and head, and the "
        "sentence's tokens shaded by how much the head takes from each, above the "
        "head's attention map"
    ),
    "03-stream-panel": (
        "The panel: choices of residuals, norm and number of blocks, and three curves"
        " over the blocks: the size of the stream, the size of the gradient, and how "
        "much the stream differs between positions"
    ),
    "04-library-live": (
        "The panel: the loss falls past the levels of the baselines while the model "
        "trains"
    ),
    "04-overfitting-run": (
        "The panel: the training loss falls and falls, while the validation loss turns "
        "and rises"
    ),
    "04-race": (
        "The panel: switches for two runs that start alike, and the two loss curves "
        "side by side"
    ),
    "05-panel-code": (
        "The panel: sliders for temperature, top-k and top-p, and bars of the next "
        "token's probabilities before and after them"
    ),
    "06-training-panel": (
        "The panel: choices of text, size and minutes, the buttons Train, Pause and "
        "Stop, and the loss curve of a model that is trained"
    ),
    "06-playground-panel": (
        "The panel: a prompt and sliders for temperature, top-k, top-p and length, "
        "the text that the model writes, and for one token what else could have come "
        "there and where the model looked"
    ),
    "inside-reasons-panel": (
        "The panel: a tale, a slider for the place in it, and for each head where it "
        "looked and what it added to the next token"
    ),
    "inside-surgery-panel": (
        "The panel: a choice of head or direction, a slider for the strength, and the "
        "text with and without the change"
    ),
    "inside-episode-panel": (
        "The panel: a slider over the moments of a training run, which moves the loss, "
        "a sample, the scores of the heads and the bars of the next token together"
    ),
    "06-side-by-side-panel": (
        "The panel: two texts written with the same seed, each with settings of its own"
    ),
}
PICTURE = re.compile(r"\n\n!\[[^\]]*\]\([./]*panels/[^)]+\)")


def place(name: str) -> None:
    """Write a lesson's notebook with a picture before each panel that has one."""
    path = tools.path_of(name)
    notebook = nbformat.read(path, as_version=4)
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        link = tools.picture_of(name, cell)
        picture = Path(link).stem
        if picture in WORDS:
            assert before.cell_type == "markdown", picture
            line = f"\n\n![{WORDS[picture]}]({link})"
            before.source = PICTURE.sub("", before.source) + line
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for lesson in tools.COURSE + tools.BEYOND:
        place(lesson)
