"""Run the console command: `minigpt prepare`, `train`, `generate`, `doctor`."""

import os
import sys
from collections.abc import Sequence

from minigpt.cli.parser import CommandLineError, parse


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that `argv` (by default the process's own) asks for.

    Exits with status 2 and one line on standard error if the input is bad, with 130
    after Ctrl-C.
    """
    _speak_utf8()
    try:
        command, options = parse(sys.argv[1:] if argv is None else list(argv))
        COMMANDS[command](options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our pipe has had enough; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (CommandLineError, ValueError, OSError) as error:
        print(f"minigpt: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _speak_utf8() -> None:
    """Let Cyrillic through consoles and pipes whose default encoding lacks it."""
    for stream in sys.stdin, sys.stdout, sys.stderr:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and (stream.encoding or "").lower() not in ("utf-8", "utf8"):
            reconfigure(encoding="utf-8", errors="replace")


# Each command imports what it needs when it runs, so that the others start quickly.
def _prepare(options: dict) -> None:
    from minigpt.cli.prepare import run

    run(**options)


def _train(options: dict) -> None:
    from minigpt.cli.train import run

    run(**options)


def _generate(options: dict) -> None:
    from minigpt.cli.generate import run

    run(**options)


def _doctor(options: dict) -> None:
    from minigpt.cli.doctor import run

    run(**options)


COMMANDS = {
    "prepare": _prepare,
    "train": _train,
    "generate": _generate,
    "doctor": _doctor,
}
