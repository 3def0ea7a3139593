"""Say which texts and sizes the training panel offers, and fetch what was chosen."""

from dataclasses import dataclass, replace

from platformdirs import user_cache_path

from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.data import Dataset, find_source, make_dataset, read_text
from minigpt.paths import DATA

OWN = DATA / "input.txt"


@dataclass(frozen=True)
class Choice:
    """What is to be trained, and for how long.

    Attributes:
        text: a name that `data.find_source` knows, or a path.
        size: one of `sizes()`.
        minutes: how long the training shall take, evaluation included.
    """

    text: str = "fables"
    size: str = "laptop"
    minutes: float = 2.0


def texts() -> dict[str, str]:
    """Return the texts to be had, what `data.find_source` calls each by its label."""
    cached = (user_cache_path("minigpt") / "tinyshakespeare.txt").exists()
    offered = {
        "fables": "fables",
        "fables in Russian": "fables-ru",
        f"Tiny Shakespeare{'' if cached else ' (downloads 1.1 MB)'}": "shakespeare",
    }
    return offered | ({"your own data/input.txt": str(OWN)} if OWN.exists() else {})


def read_dataset(text: str) -> Dataset:
    """Return a text by characters, downloading Tiny Shakespeare if it is not here.

    Raises:
        ValueError: in one line, if it cannot be had or is too short.
    """
    return make_dataset(read_text(find_source(text)))


def opening(text: str, content: str) -> str:
    """Return how a sample of that text begins: with something that stands in it."""
    usual = {"fables": "THE FOX", "fables-ru": "ЛИСА", "shakespeare": "ROMEO:"}
    return usual.get(text) or content.strip()[:8]


def sizes() -> dict[str, tuple[GPTConfig, TrainConfig]]:
    """Return the shapes on offer by their names: the laptop's, a smaller, a larger."""
    preset = get_preset("laptop")
    C = preset.model.n_embd
    small = replace(preset.model, n_layer=2, n_embd=C // 2)
    large = replace(preset.model, n_layer=6, n_embd=C * 3 // 2)
    return {
        "small": (small, preset.training),
        "laptop": (preset.model, preset.training),
        "large": (large, preset.training),
    }


def size_label(name: str) -> str:
    """Return a size's name with its layers and channels."""
    shape, _ = sizes()[name]
    return f"{name}: {shape.n_layer} layers, {shape.n_embd} channels"
