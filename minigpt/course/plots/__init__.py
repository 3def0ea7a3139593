"""Draw arrays and training steps in one house style.

Each function takes plain data, makes a new figure and leaves it to the cell to end in
`plt.show()`.
"""

from minigpt.course.colours import BLUE, COLOURS, GREEN, GREY, PURPLE, VERMILLION
from minigpt.course.plots.attention import (
    attention_grid,
    attention_map,
    draw_attention_map,
    leak_grids,
    number_tables,
    shaded_sentences,
)
from minigpt.course.plots.block import (
    gpt_plan,
    order_stripes,
    parameter_shares,
    through_depth,
)
from minigpt.course.plots.course import course_map
from minigpt.course.plots.sampling import (
    copied_runs,
    draw_by_chance,
    draw_next_bars,
    entropy_along,
    next_bars,
    repeat_maps,
    work_maps,
)
from minigpt.course.plots.style import DASHES, figure, label_line, use_house_style
from minigpt.course.plots.tokens import byte_rows, token_rows
from minigpt.course.plots.training import (
    lessons_in_a_block,
    loss_curves,
    museum_sheet,
    smoothed,
    sweep,
)

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
    "gpt_plan",
    "label_line",
    "leak_grids",
    "lessons_in_a_block",
    "loss_curves",
    "museum_sheet",
    "next_bars",
    "number_tables",
    "order_stripes",
    "parameter_shares",
    "repeat_maps",
    "shaded_sentences",
    "smoothed",
    "sweep",
    "through_depth",
    "token_rows",
    "use_house_style",
    "work_maps",
]
