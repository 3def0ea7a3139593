"""Draw arrays and training steps in one house style.

Each function takes plain data, makes a new figure and leaves it to the cell to end in
`plt.show()`.
"""

# ruff: noqa: F401 (these are the names that the lessons use)

from minigpt.course.colours import BLUE, GREEN, GREY, VERMILLION
from minigpt.course.curves import centred, smoothed
from minigpt.course.plots.attention import (
    attention_flow,
    attention_grid,
    attention_map,
    by_size,
    head_scores,
    heads_flow,
    leak_grids,
    losses_of_masks,
    number_tables,
    quadratic_cost,
    shaded_texts,
)
from minigpt.course.plots.block import (
    gpt_plan,
    lens_table,
    order_stripes,
    parameter_shares,
    similarity_lines,
    through_depth,
    token_bars,
)
from minigpt.course.plots.course import (
    course_map,
    hesitation_bars,
    likely_words,
    text_cards,
)
from minigpt.course.plots.inside import (
    ablation_grid,
    cost_table,
    dose_lines,
    forming,
    lens_lines,
    paired_bars,
    part_bars,
    patch_map,
    share_table,
    two_measures,
)
from minigpt.course.plots.playing import (
    behind_a_token,
    loss_between,
    loss_levels,
    mention_bars,
    sense_by_temperature,
    sense_dots,
    two_texts,
)
from minigpt.course.plots.sampling import (
    chosen_and_kept,
    context_steps,
    copied_runs,
    draw_by_chance,
    draw_next_bars,
    entropy_along,
    longest_copies,
    loop_bars,
    next_bars,
    perplexity_curves,
    word_ticks,
    work_maps,
)
from minigpt.course.plots.style import figure, label_line, use_house_style
from minigpt.course.plots.tokens import (
    by_vocabulary,
    byte_rows,
    character_bars,
    surprise_curve,
    token_rows,
    word_ranks,
)
from minigpt.course.plots.training import (
    examples_in_a_window,
    gradient_norms,
    loss_curves,
    museum_sheet,
    sweep,
    valley,
)
