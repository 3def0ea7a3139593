"""Generate the same tokens as `minigpt.sampling`, many times faster, from a cache.

The readable path runs the model over the whole context for every token. But the keys
and values of a position do not depend on what follows it: kept, they leave a new token
only its own position to compute, and a gaze over what was kept.

That holds until the text outgrows the block. Then the context slides, every position
moves, and with it every key and value: each was computed from a position that has
changed and from tokens that have dropped out. So the cache is filled anew, and
`sampling.context_start` slides by half a block at a time to make that rare. From there
on, each token costs one step and, in the average, one position of filling.

`Decoder` is the cache with the model around it. `generate` and `generate_batch` draw
from it, and see to it that rounding, which is not the same on both paths, never
changes a token: a draw too close to call is repeated on the readable path's logits.
"""

from minigpt.decoding.decoder import Decoder
from minigpt.decoding.generation import generate, generate_batch

__all__ = ["Decoder", "generate", "generate_batch"]
