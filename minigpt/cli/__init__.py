"""Run the console command: `minigpt prepare`, `train`, `generate` and the others."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from minigpt.cli.output import drop_output
from minigpt.cli.parser import parse


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 2 and one line if the input is bad."""
    _open_closed_streams()
    _speak_utf8()
    try:
        command, options = parse(sys.argv[1:] if argv is None else argv)
        # Each command has a module, imported only now: the others start quickly.
        import_module(f"minigpt.cli.{command}").run(**options)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()  # the reader of the pipe has left
    except ModuleNotFoundError as error:
        if not (words := _remedy(error)):
            raise
        _complain(words)
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        if not (words := _in_one_line(error)):
            raise  # a bug, which needs its traceback
        _complain(words)
    except KeyboardInterrupt:
        sys.exit(130)


def _complain(words: str) -> NoReturn:
    print(f"minigpt: {words}", file=sys.stderr)
    drop_output()
    sys.exit(2)


def _remedy(error: ModuleNotFoundError) -> str:
    """Return how to install a package that minigpt needs, "" if it does not need it."""
    from minigpt.cli.doctor import check_package, lower_bound

    name = error.name or ""
    return check_package(name).text if lower_bound(name) != "0" else ""


def _in_one_line(error: Exception) -> str:
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return "PyTorch cannot compile the model on this machine: leave --compile out"
    if isinstance(error, MemoryError | RuntimeError):
        ours = isinstance(error, RuntimeError) and "memory" not in str(error)
        words = "out of memory: choose smaller sizes, or close other programs"
        return "" if ours else words
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'output'}: {error.strerror}"
    return " ".join(str(error).split())


def _open_closed_streams() -> None:
    """Replace standard streams that the shell has closed (`<&-`) by the null device."""
    for name, mode in ("stdin", "r"), ("stdout", "w"), ("stderr", "w"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _speak_utf8() -> None:
    """Read and write UTF-8 whatever the locale, replacing what is not valid."""
    for stream in sys.stdin, sys.stdout, sys.stderr:
        if isinstance(stream, TextIOWrapper):  # unlike a notebook's or a test's
            stream.reconfigure(encoding="utf-8", errors="replace")
