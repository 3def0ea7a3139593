"""Draw attention weights as maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from minigpt.plots.style import show_whitespace


def draw_attention_map(
    axes: Axes, weights: ArrayLike, tokens: Sequence[str], tick_size: float = 9
) -> AxesImage:
    """Draw weights (T, T) into axes: query down, key across, the masked half hatched.

    A masked cell is hatched grey and so cannot be mistaken for a weight of zero.
    """
    values = np.asarray(weights, dtype=float)
    T = len(values)
    future = np.triu(np.ones((T, T), dtype=bool), k=1)
    axes.patch.set(facecolor="#e6e6e6", hatch="////", edgecolor="#bdbdbd")
    image = axes.imshow(
        np.ma.masked_array(values, future), cmap="Blues", vmin=0, vmax=1
    )
    labels = [show_whitespace(token) for token in tokens]
    axes.set_xticks(range(T), labels, fontsize=tick_size, rotation=90 if T > 12 else 0)
    axes.set_yticks(range(T), labels, fontsize=tick_size)
    axes.tick_params(length=0)
    return image


def attention_map(
    weights: ArrayLike, tokens: Sequence[str], title: str
) -> tuple[Figure, Axes]:
    """Return a new 5 by 5 inch figure of one map of weights (T, T)."""
    import matplotlib.pyplot as plt

    made, axes = plt.subplots(figsize=(5, 5))
    image = draw_attention_map(axes, weights, tokens)
    axes.set_title(title)
    axes.set_xlabel("key: looked at")
    axes.set_ylabel("query: looking")
    made.colorbar(image, ax=axes, shrink=0.7, label="attention weight")
    return made, axes
