"""Draw arrays and training steps in one house style.

Each function takes plain data, makes a new figure and leaves it to the cell to end in
`plt.show()`.
"""

# ruff: noqa: F401 (these are the names that the lessons use)

from minigpt.course.colours import BLUE, GREEN, GREY, VERMILLION
from minigpt.course.curves import smoothed
from minigpt.course.plots.attention import (
    attention_grid,
    attention_map,
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
from minigpt.course.plots.style import figure, label_line, use_house_style
from minigpt.course.plots.tokens import byte_rows, token_rows
from minigpt.course.plots.training import (
    lessons_in_a_block,
    loss_curves,
    museum_sheet,
    sweep,
)
