"""Parse the command line into a command and its options.

The options of `train` are made from the fields of `GPTConfig` and `TrainConfig`.
"""

import math
import os
import re
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path
from typing import Any, NoReturn

from minigpt.config import PRESETS, GPTConfig, TrainConfig
from minigpt.paths import DATA

OPTION = re.compile(r"--[a-z][\w-]*(?==|$)")


class Parser(ArgumentParser):
    """An argument parser that raises its errors, each in one line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)
        for kind, read in READERS.items():
            self.register("type", kind, read)

    def error(self, message: str) -> NoReturn:
        """Raise ValueError, saying where help is."""
        message = message.removeprefix("argument ").replace(": must be", " must be")
        raise ValueError(f"{message} (see '{self.prog} --help')")


def parse(argv: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the name of the command and its options, or raise ValueError.

    The options of `train` that are fields of a config are collected in "changes": only
    those that were given, as the preset or the checkpoint decides the others. Options
    may be written with hyphens or underscores: `--n-layer`, `--n_layer`.
    """
    options = vars(_make_parser().parse_args([_hyphenated(word) for word in argv]))
    command = options.pop("command")
    if command is None:
        raise ValueError(f"give a command, one of {', '.join(COMMANDS)}")
    if command == "train":
        names = {field.name for field in (*fields(GPTConfig), *fields(TrainConfig))}
        changes = {name: options.pop(name) for name in names & options.keys()}
        _check_warmup(changes, options["preset"] or "laptop", options["resume"])
        options["changes"] = changes
    return command, options


def _check_warmup(changes: dict[str, Any], preset: str, resume: str | None) -> None:
    longest = changes.get("max_iters", 0)
    if not longest and resume is None and preset in PRESETS:
        longest = PRESETS[preset].training.max_iters
    if 0 < longest < changes.get("warmup_iters", 0) and not changes.get("minutes"):
        raise ValueError(
            f"--warmup-iters ({changes['warmup_iters']}) must not be above --max-iters "
            f"({longest}): the learning rate would never reach its peak"
        )


def _hyphenated(word: str) -> str:
    name = OPTION.match(word)
    return name[0].replace("_", "-") + word[name.end() :] if name else word


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"must be a whole number, not {text}") from None


def _number(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
    raise ArgumentTypeError(f"must be a number, not {text}")


def _true_or_false(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ArgumentTypeError(f"must be true or false, not {text}")
    return text.lower() == "true"


def _text(text: str) -> str:
    """Return what was typed, even if the locale is not that of the terminal."""
    with suppress(UnicodeError):
        return os.fsencode(text).decode("utf-8")
    return text


READERS: dict[type, Callable[[str], Any]] = {
    int: _whole_number,
    float: _number,
    bool: _true_or_false,
    str: _text,
    # Shells do not replace the ~ in --data-dir=~/x.
    Path: lambda text: Path(os.path.expanduser(text)),
}


def _make_parser() -> Parser:
    about = "A GPT small enough to read and to train on a laptop."
    parser = Parser(prog="minigpt", description=about)
    subs = parser.add_subparsers(title="commands", dest="command", metavar="command")
    for name, (summary, add_options) in COMMANDS.items():
        about = add_options.__doc__ or summary
        add_options(subs.add_parser(name, help=summary, description=about))
    return parser


def _add_prepare(parser: Parser) -> None:
    """Turn a text into token ids and write them to disk."""
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        help="fables, fables-ru, shakespeare, or the path of a text file; default: "
        "data/input.txt if it exists, otherwise fables",
    )
    add("--tokenizer", default="char", help="char (the default), bpe or word")
    add(
        "--vocab-size",
        type=int,
        help="largest number of tokens; default: 1000 for bpe, 5000 for word",
    )
    add("--data-dir", type=Path, default=DATA, help="folder to write to")


def _add_train(parser: Parser) -> None:
    """Train a model on the prepared text. Options that are not given have the values
    of the preset or, with --resume, of the checkpoint."""
    add = parser.add_argument
    presets = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    add("--preset", help=f"{presets}. Default: laptop")
    add(
        "--resume",
        nargs="?",
        const="furthest",
        help="continue from this checkpoint, or from the furthest one in --out-dir",
    )
    add("--data-dir", type=Path, default=DATA, help="folder that 'prepare' wrote to")
    add(
        "--out-dir",
        type=Path,
        help="folder for checkpoints; default: checkpoints/, or the folder of the "
        "checkpoint that --resume names",
    )
    add(
        "--export",
        type=Path,
        help="also write the finished model to this file with its weights in 16 bits: "
        "half the size, for generating only",
    )
    add("--quiet", action="store_true", help="no progress bar")
    for config in GPTConfig, TrainConfig:
        _add_fields(parser, config)


def _add_fields(parser: Parser, config: type) -> None:
    """Add an option for each field of a config, with the help of its docstring."""
    title, _, rest = cleandoc(config.__doc__ or "").partition("\n\n")
    helps = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", rest, re.MULTILINE))
    group = parser.add_argument_group(title.rstrip("."))
    for field in fields(config):
        if field.name != "vocab_size":  # the prepared text decides it
            group.add_argument(
                "--" + field.name.replace("_", "-"),
                type=field.type,
                default=SUPPRESS,
                metavar="{true,false}" if field.type is bool else None,
                help=" ".join(helps[field.name].split()).rstrip(".").replace("%", "%%"),
            )


def _add_generate(parser: Parser) -> None:
    """Write text with a trained model: one text with --prompt, otherwise as many as
    you like in a session, where these options are the default answers."""
    add = parser.add_argument
    add("--prompt", type=str, help="text to continue")
    add("--length", type=int, help="tokens to write; default: 200, in a session 50")
    add(
        "--temperature",
        type=float,
        default=0.8,
        help="low values give careful text, high values wild text; default: 0.8",
    )
    add(
        "--top-k",
        type=int,
        help="draw from this many most probable tokens; default: 50, or all if fewer",
    )
    add(
        "--top-p",
        type=float,
        default=1.0,
        help="draw from the fewest most probable tokens whose probabilities add up to "
        "this; default: 1, all of them",
    )
    add("--greedy", action="store_true", help="always take the most probable token")
    add("--seed", type=int, help="the same seed gives the same text again")
    add(
        "--checkpoint",
        type=Path,
        help="a .pt file; default: your own model_final.pt if there is one, otherwise "
        "the model that comes with the course",
    )
    add("--lang", help="language of a session, en or ru; default: that of your locale")


def _add_doctor(parser: Parser) -> None:
    """Check this computer and the installation, and say how to solve any problems."""


def _add_progress(parser: Parser) -> None:
    """Show which exercises are solved, going by the verdicts saved in the notebooks.
    No notebook is run."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="folder of the notebooks, with one folder per learner; default: your own "
        "notebooks",
    )


COMMANDS = {
    "prepare": ("turn a text into token ids on disk", _add_prepare),
    "train": ("train a model on the prepared text", _add_train),
    "generate": ("write text with a trained model", _add_generate),
    "doctor": ("check this computer and the installation", _add_doctor),
    "progress": ("show which exercises are solved", _add_progress),
}
