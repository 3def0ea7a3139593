"""Run the console command: `minigpt prepare`, `train`, `generate` and the others."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from minigpt.cli.output import drop_output
from minigpt.cli.parser import parse


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that `argv` (by default the process's own) asks for.

    Exits with status 2 and one line on standard error if the input is bad, with 130
    after Ctrl-C.
    """
    _open_closed_streams()
    _speak_utf8()
    try:
        command, options = parse(sys.argv[1:] if argv is None else argv)
        # Each command has a module, imported only now: the others start quickly.
        import_module(f"minigpt.cli.{command}").run(**options)
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()  # the reader of our pipe has had enough
    except (ValueError, OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise  # a fault of ours, whose place should be seen
        print(f"minigpt: {_in_one_line(error)}", file=sys.stderr)
        drop_output()
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _in_one_line(error: Exception) -> str:
    if isinstance(error, MemoryError | RuntimeError):
        return "out of memory: choose smaller sizes, or close other programs"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'output'}: {error.strerror}"
    return " ".join(str(error).split())


def _open_closed_streams() -> None:
    """Give what the shell has closed (`<&-`) an end, and a place to write to."""
    for name, mode in ("stdin", "r"), ("stdout", "w"), ("stderr", "w"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _speak_utf8() -> None:
    """Let Cyrillic through consoles and pipes whose encoding lacks it."""
    for stream in sys.stdin, sys.stdout, sys.stderr:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and stream.encoding.lower() not in ("utf-8", "utf8"):
            reconfigure(encoding="utf-8", errors="replace")
        elif reconfigure and stream is sys.stdin:
            # What is no text must not end a session: the model will not know it.
            reconfigure(errors="replace")
