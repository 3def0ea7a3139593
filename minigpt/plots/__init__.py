"""Draw arrays and training steps in one house style.

Each function takes plain data, makes a new figure and leaves it to the cell to end in
`plt.show()`.
"""

from minigpt.plots.attention import (
    attention_grid,
    attention_map,
    draw_attention_map,
    leak_grids,
    number_tables,
    shaded_sentences,
)
from minigpt.plots.course import course_map
from minigpt.plots.sampling import (
    copied_runs,
    draw_by_chance,
    draw_next_bars,
    entropy_along,
    next_bars,
    repeat_maps,
    work_maps,
)
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
from minigpt.plots.tokens import byte_rows, token_rows

__all__ = [
    "BLUE",
    "COLOURS",
    "DASHES",
    "GREEN",
    "GREY",
    "PURPLE",
    "VERMILLION",
    "attention_grid",
    "attention_map",
    "byte_rows",
    "copied_runs",
    "course_map",
    "draw_attention_map",
    "draw_by_chance",
    "draw_next_bars",
    "entropy_along",
    "figure",
    "label_line",
    "leak_grids",
    "next_bars",
    "number_tables",
    "repeat_maps",
    "shaded_sentences",
    "show_whitespace",
    "token_rows",
    "use_house_style",
    "work_maps",
]
