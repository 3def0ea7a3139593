"""List the texts and sizes that the training panel offers."""

from dataclasses import dataclass, replace

from platformdirs import user_cache_path

from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.course.widgets.base import PROMPTS
from minigpt.paths import DATA

OWN = DATA / "input.txt"


@dataclass(frozen=True)
class Choice:
    """What to train, and for how long.

    Attributes:
        text: a name that `data.find_source` knows, or a path.
        size: a key of `sizes()`.
        minutes: how long to train, evaluations included.
    """

    text: str = "fables"
    size: str = "laptop"
    minutes: float = 2.0

    def configs(self) -> tuple[GPTConfig, TrainConfig]:
        """Return how the model is built and how it is trained."""
        training = replace(get_preset("laptop").training, minutes=self.minutes)
        return sizes()[self.size], training


def texts() -> dict[str, str]:
    """Return the texts on offer: their labels, and their names for `find_source`."""
    cached = (user_cache_path("minigpt") / "tinyshakespeare.txt").exists()
    offered = {
        "fables": "fables",
        "fables in Russian": "fables-ru",
        f"Tiny Shakespeare{'' if cached else ' (downloads 1.1 MB)'}": "shakespeare",
    }
    return offered | ({"your own data/input.txt": str(OWN)} if OWN.exists() else {})


def opening_of(text: str, content: str) -> str:
    """Return the prompt for samples of a text: words that it contains."""
    return PROMPTS.get(text) or content.strip()[:8]


def sizes() -> dict[str, GPTConfig]:
    """Return the models on offer: the laptop preset, a smaller and a larger one."""
    laptop = get_preset("laptop").model
    C = laptop.n_embd
    return {
        "small": replace(laptop, n_layer=2, n_embd=C // 2),
        "laptop": laptop,
        "large": replace(laptop, n_layer=6, n_embd=C * 3 // 2),
    }


def size_labels() -> dict[str, str]:
    """Return the sizes on offer: their labels, and their names."""
    return {
        f"{name}: {shape.n_layer} layers, {shape.n_embd} channels": name
        for name, shape in sizes().items()
    }
