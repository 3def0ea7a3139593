"""Look inside a model, and try what it does with a part changed.

`looking` returns what a model computes, `scores` says what each attention head looks
at, `attribution` splits logits into the parts that add up to them, and `editing`
replaces activations on the way. None of them changes the model.
Letters: B batch, T time, C channels, H heads, D head size, V vocabulary, L layers.
"""

# ruff: noqa: F401 (these names are public)

from minigpt.inspection.attribution import attribution, contributions, sources
from minigpt.inspection.editing import (
    Edit,
    ablate,
    activation,
    edited,
    mean_activation,
    patch,
    patching_map,
    steer,
)
from minigpt.inspection.folding import fold_head, fold_vector
from minigpt.inspection.looking import (
    attention_maps,
    early_logits,
    leak_grid,
    residual_stream,
)
from minigpt.inspection.scores import (
    after_same_token,
    head_scores,
    previous_token,
    repeated_tokens,
    same_token,
    token_to_come,
    uniform_attention,
)
