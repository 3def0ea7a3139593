"""Know who tried to reach the network during a run of the tests."""

import os
from pathlib import Path

LOG = "MINIGPT_TESTS_NETWORK_LOG"  # the variable that names the file


def attempts() -> list[str]:
    """Return who tried, lines of host and test."""
    return Path(os.environ[LOG]).read_text(encoding="utf-8").splitlines()
