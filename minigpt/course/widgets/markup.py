"""Build the panels' HTML and SVG."""

import html

CODE_FONT = "var(--jp-code-font-family, monospace)"
PROSE_FONT = "var(--jp-content-font-family, serif)"


def tag(name: str, *content: str, **attributes: float | str) -> str:
    """Return one element of HTML or SVG around its content, which is markup already.

    Underscores in the names of attributes become hyphens; numbers are rounded.

    >>> tag("text", "loss", x=4.0, font_size=12)
    '<text x="4" font-size="12">loss</text>'
    """
    given = [
        f' {key.rstrip("_").replace("_", "-")}="{_rounded(value)}"'
        for key, value in attributes.items()
    ]
    return f"<{name}{''.join(given)}>{''.join(content)}</{name}>"


def _rounded(value: float | str) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)


def svg(
    label: str,
    box: tuple[float, float, float, float],
    *content: str,
    **attributes: float | str,
) -> str:
    """Return a picture; `label` is for screen readers, `box` is (x, y, width, height).

    It takes the width and height of the box, or less where the page is narrower.
    """
    _, _, width, height = box
    size = {"width": width, "height": height} | attributes
    size.setdefault("style", "max-width: 100%; height: auto")
    return tag(
        "svg",
        *content,
        role="img",
        aria_label=html.escape(label),
        viewBox=" ".join(map(_rounded, box)),
        **size,
    )


def text(
    x: float, y: float, words: str, turned: bool = False, **attributes: float | str
) -> str:
    """Return words at a place of a picture, read upwards if `turned`."""
    if turned:
        attributes["transform"] = f"translate({x:.1f}, {y:.1f}) rotate(-90)"
        x = y = 0
    return tag("text", html.escape(words), x=x, y=y, **attributes)


def polyline(points: list[tuple[float, float]], **attributes: float | str) -> str:
    """Return a line through (x, y) points of a picture."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return tag("polyline", points=path, fill="none", **attributes)
