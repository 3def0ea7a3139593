"""List the texts and sizes that the training panel offers."""

from dataclasses import dataclass, replace

from platformdirs import user_cache_path

from minigpt.config import GPTConfig, TrainConfig
from minigpt.course.widgets.base import PROMPTS
from minigpt.data import Dataset
from minigpt.paths import DATA
from minigpt.run import suitable_preset

OWN = DATA / "input.txt"


@dataclass(frozen=True)
class Choice:
    """What to train, and for how long.

    Attributes:
        text: a name that `data.find_source` knows, or a path.
        size: one of the names in `SIZES`.
        minutes: how long to train, evaluations included.
    """

    text: str = "tales"
    size: str = "laptop"
    minutes: float = 5.0

    def configs(self, dataset: Dataset) -> tuple[GPTConfig, TrainConfig]:
        """Return how a model of the dataset is built and how it is trained."""
        preset = suitable_preset(dataset)
        shape = resized(preset.model, self.size)
        return shape, replace(preset.training, minutes=self.minutes)


def texts() -> dict[str, str]:
    """Return the texts on offer: their labels, and their names for `find_source`."""
    cached = (user_cache_path("minigpt") / "tinyshakespeare.txt").exists()
    offered = {
        "tales": "tales",
        "fables": "fables",
        "fables in Russian": "fables-ru",
        f"Tiny Shakespeare{'' if cached else ' (downloads 1.1 MB)'}": "shakespeare",
    }
    return offered | ({"your own data/input.txt": str(OWN)} if OWN.exists() else {})


def opening_of(text: str, dataset: Dataset) -> str:
    """Return the prompt for samples of a text: how a tale or the text begins."""
    if text not in PROMPTS and dataset.entropy is not None:
        return "\n"
    beginning = dataset.tokenizer.decode(dataset.train_ids[:100])
    return PROMPTS.get(text) or beginning.strip()[:8]


# The sizes on offer: their labels, and their names.
SIZES = {
    "small: half as deep and wide": "small",
    "laptop: as in the preset": "laptop",
    "large: half again as deep and wide": "large",
}


def resized(shape: GPTConfig, size: str) -> GPTConfig:
    """Return a preset's shape in one of the `SIZES`."""
    factor = {"small": 0.5, "laptop": 1.0, "large": 1.5}[size]
    layers, channels = int(factor * shape.n_layer), int(factor * shape.n_embd)
    return replace(shape, n_layer=layers, n_embd=channels)
