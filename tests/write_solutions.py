"""Copy the solutions from the notebooks to the teacher's page.

python tests/write_solutions.py
"""

import re

from notebook_tools import (
    BEYOND,
    COURSE,
    NOTEBOOKS,
    exercise_cells,
    neighbours,
    solutions,
)

PAGE = NOTEBOOKS / "TEACHING.md"
SECTION = re.compile(r"(?<=<!-- solutions -->\n).*?(?=<!-- end -->)", re.DOTALL)


def section() -> str:
    """Return the solutions of all lessons as markdown."""
    parts = []
    for name in [*COURSE, *BEYOND]:
        for exercise, code in solutions(name).items():
            heading, _ = neighbours(name, exercise_cells(name)[exercise])
            title = heading.source.splitlines()[0].removeprefix("### Exercise: ")
            parts.append(
                f"### {exercise}: {title}\n\n```python\n{code.strip()}\n```\n\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(SECTION.sub(lambda _: section(), page), encoding="utf-8")
