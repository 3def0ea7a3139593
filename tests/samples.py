"""Run a test on a few examples by default, and on many when asked to be thorough."""

import pytest


def few_or_many(name: str, few: int, many: int) -> pytest.MarkDecorator:
    """Return a decorator that gives a test `few` and, marked `thorough`, `many`."""
    values = [few, pytest.param(many, marks=pytest.mark.thorough)]
    return pytest.mark.parametrize(name, values)
