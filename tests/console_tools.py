"""Run the console command inside the tests' own process."""

from minigpt.cli import main

QUICK = ["--preset", "tiny", "--quiet"]


def call(*args: object) -> int:
    """Run the console command in this process and return its exit status."""
    try:
        main([str(arg) for arg in args])
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    return 0
