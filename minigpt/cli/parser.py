"""Turn the command line into a command and its options.

The training options are made from the fields of `GPTConfig` and `TrainConfig`.
"""

import re
from argparse import Action
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from minigpt.config import PRESETS, GPTConfig, TrainConfig
from minigpt.paths import DATA

CONFIG_FIELDS = {
    field.name for cls in (GPTConfig, TrainConfig) for field in fields(cls)
}
WRONG_TYPE = re.compile(
    r'Parser key "(?P<key>\w+)":\s*'
    r"Expected a <class '(?P<type>\w+)'>\. Got value: (?P<value>.*)",
    re.DOTALL,
)
TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false"}


class CommandLineError(ValueError):
    """The command line cannot be understood."""


class Help(DefaultHelpFormatter):
    """Leaves the help of an option as it was written, without types and defaults."""

    def _get_help_string(self, action: Action) -> str:
        return action.help or ""


class Parser(ArgumentParser):
    """An argument parser whose complaint is one line that says where help is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=Help, **kwargs)

    def format_help(self, *args: Any, **kwargs: Any) -> str:
        """Return the help, options spelled with hyphens."""
        return _hyphenated(super().format_help(*args, **kwargs)).rstrip() + "\n"

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        """Raise CommandLineError, the message in one line."""
        message = WRONG_TYPE.sub(_describe_wrong_type, message).rstrip(".")
        message = _hyphenated(message[:1].lower() + message[1:])
        raise CommandLineError(f"{message} (see 'minigpt --help')")


def _describe_wrong_type(match: re.Match) -> str:
    wanted = TYPES.get(match["type"], f"of type {match['type']}")
    return f"--{match['key']} must be {wanted}, not {match['value']}"


def _hyphenated(text: str) -> str:
    return re.sub(r"--[a-z]\w+", lambda m: m[0].replace("_", "-"), text)


def _at_home(value: Any) -> Any:
    """Return a path with ~ replaced, which shells do not do in --data-dir=~/x."""
    with suppress(RuntimeError):  # there is no such user
        return value.expanduser() if isinstance(value, Path) else value
    return value


def _underscored(word: str) -> str:
    # A value may begin with hyphens too, but hardly be a name or end in "=...".
    name = re.compile(r"(?<=^--)[a-z][\w-]*(?==|$)")
    return name.sub(lambda m: m[0].replace("-", "_"), word)


def parse(argv: Sequence[str]) -> tuple[str, dict]:
    """Return the command's name and its options.

    Of `train`, the options that were given and are fields of a config come together
    as "changes": the rest of the config is the preset's.

    Options may be written with hyphens or underscores: `--n-layer`, `--n_layer`.

    Raises:
        CommandLineError: in one line, if it makes no sense.
    """
    parser = _make_parser()
    words = [_underscored(word) for word in argv]
    parsed = parser.parse_args(words)
    options = {k: _at_home(v) for k, v in parsed[parsed.command].as_dict().items()}
    if parsed.command == "train":
        given = parser.parse_args(words, defaults=False)["train"].as_dict()
        options = {
            **{k: v for k, v in options.items() if k not in CONFIG_FIELDS},
            "changes": {k: v for k, v in given.items() if k in CONFIG_FIELDS},
        }
    return parsed.command, options


def _make_parser() -> Parser:
    parser = Parser(
        prog="minigpt",
        description="A GPT small enough to read and to train on a laptop.",
    )
    commands = parser.add_subcommands(required=True, dest="command")
    commands.add_subcommand("prepare", _prepare_parser(), help="text to ids on disk")
    commands.add_subcommand("train", _train_parser(), help="train a model on them")
    commands.add_subcommand(
        "generate", _generate_parser(), help="write text; without --prompt, a session"
    )
    commands.add_subcommand("doctor", Parser(), help="check this machine")
    commands.add_subcommand(
        "progress", _progress_parser(), help="see which exercises are solved"
    )
    return parser


def _prepare_parser() -> Parser:
    parser = Parser()
    parser.add_argument(
        "source",
        nargs="?",
        type=str,
        help="fables, fables-ru, shakespeare, or a text file; without it, "
        "data/input.txt if it is there, else the fables",
    )
    parser.add_argument(
        "--tokenizer", type=str, default="char", help="char (if not given), bpe or word"
    )
    parser.add_argument(
        "--vocab_size", type=int, help="tokens at most: 1000 for bpe, 5000 for word"
    )
    parser.add_argument("--data_dir", type=Path, default=DATA, help="where to write")
    return parser


def _train_parser() -> Parser:
    parser = Parser(
        description="What is not given below is the preset's, or, with --resume, the "
        "checkpoint's."
    )
    presets = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", type=str, help=f"{presets}. Without it: laptop")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="furthest",
        type=str,
        help="continue the furthest checkpoint in --out_dir, or the one named",
    )
    parser.add_argument(
        "--data_dir", type=Path, default=DATA, help="where 'prepare' wrote"
    )
    parser.add_argument(
        "--out_dir",
        type=Path,
        help="where checkpoints go; without it, checkpoints/, or the folder of the "
        "checkpoint that --resume names",
    )
    parser.add_argument(
        "--export",
        type=Path,
        help="also write the finished model there in 16 bits, to be shipped: half the "
        "size, not to be trained on",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_class_arguments(GPTConfig, skip={"vocab_size"})
    parser.add_class_arguments(TrainConfig)
    return parser


def _generate_parser() -> Parser:
    parser = Parser(
        description="In a session the options given are what an empty answer takes."
    )
    parser.add_argument("--prompt", type=str, help="the text to go on from")
    parser.add_argument(
        "--length", type=int, help="tokens to write: 200, in a session 50"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.8,
        help="0.8 if not given; lower is more careful, higher is wilder",
    )
    parser.add_argument(
        "--top_k",
        type=int,
        help="draw from that many most probable tokens: 50, or all if fewer",
    )
    parser.add_argument(
        "--top_p",
        type=float,
        default=1.0,
        help="draw from the most probable tokens that reach this share together",
    )
    parser.add_argument(
        "--greedy", action="store_true", help="always the most probable token"
    )
    parser.add_argument(
        "--seed", type=int, help="the same seed writes the same text again"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="a .pt file; without it, your own model_final.pt, or else the one shipped",
    )
    parser.add_argument(
        "--lang", type=str, help="of a session: en or ru; without it, your locale's"
    )
    return parser


def _progress_parser() -> Parser:
    parser = Parser(
        description="Reads the verdicts that are saved in notebooks; runs nothing."
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="where the notebooks are, a folder for each learner; without it, your own",
    )
    return parser
