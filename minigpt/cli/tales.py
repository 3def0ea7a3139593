"""Draw tales from a grammar and print them: `minigpt tales`."""

from pathlib import Path

from minigpt.tales import BUILT_IN, SEPARATOR, draw_tales, read_grammar


def run(grammar: Path | None, count: int, seed: int) -> None:
    """Print tales as a training text has them, two blank lines apart."""
    tales = draw_tales(read_grammar(grammar or BUILT_IN), count, seed)
    print(SEPARATOR.join(tale.text for tale in tales))
