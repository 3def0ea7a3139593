"""Draw arrays and training steps in one house style.

Each function takes plain data, makes a new figure and leaves it to the cell to end in
`plt.show()`.
"""

from minigpt.plots.style import (
    BLUE,
    COLOURS,
    DASHES,
    GREEN,
    GREY,
    PURPLE,
    VERMILLION,
    figure,
    label_line,
    show_whitespace,
    use_house_style,
)

__all__ = [
    "BLUE",
    "COLOURS",
    "DASHES",
    "GREEN",
    "GREY",
    "PURPLE",
    "VERMILLION",
    "figure",
    "label_line",
    "show_whitespace",
    "use_house_style",
]
