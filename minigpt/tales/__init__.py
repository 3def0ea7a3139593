"""Tales drawn from a grammar, a text whose entropy is known exactly.

`data/tales.toml` is the grammar of the course, and `data/README.md` shows how to write
another. A world narrow enough for a small model is the idea of TinyStories (Eldan and
Li, 2023).
"""

# ruff: noqa: F401 (these names are public)

from minigpt.tales.grammar import SEPARATOR, Grammar, Plot, Tale, draw_tales
from minigpt.tales.reader import BUILT_IN, read_grammar
