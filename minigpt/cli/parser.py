"""Turn the command line into a command and its options.

The training options are made from the fields of `GPTConfig` and `TrainConfig`.
"""

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from jsonargparse import ArgumentParser

from minigpt.config import PRESETS, GPTConfig, TrainConfig
from minigpt.files import CHECKPOINTS, DATA


CONFIG_FIELDS = {field.name for cls in (GPTConfig, TrainConfig) for field in fields(cls)}


class CommandLineError(Exception):
    """The command line cannot be understood."""


class Parser(ArgumentParser):
    """An argument parser whose complaint is one line that says where help is."""

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        message = re.sub(r'Parser key "(\w+)":\s*', r"--\1: ", message)
        message = re.sub(r"Expected a <class '(\w+)'>\. Got value:", r"not a \1:", message)
        raise CommandLineError(f"{message.rstrip('.')} (see 'minigpt --help')")


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
    options = parsed[parsed.command].as_dict()
    if parsed.command == "train":
        given = parser.parse_args(words, defaults=False)["train"].as_dict()
        options = {
            **{k: v for k, v in options.items() if k not in CONFIG_FIELDS},
            "changes": {k: v for k, v in given.items() if k in CONFIG_FIELDS},
        }
    return parsed.command, options


def _underscored(word: str) -> str:
    return re.sub(r"^--[\w-]+", lambda m: "--" + m[0][2:].replace("-", "_"), word)


def _make_parser() -> Parser:
    parser = Parser(
        prog="minigpt",
        description="A GPT small enough to read and to train on a laptop.",
    )
    commands = parser.add_subcommands(required=True, dest="command")
    commands.add_subcommand(
        "prepare", _prepare_parser(), help="a text file to ids on disk"
    )
    commands.add_subcommand("train", _train_parser(), help="train a model on them")
    commands.add_subcommand(
        "generate", _generate_parser(), help="write text; without --prompt, a session"
    )
    commands.add_subcommand("doctor", Parser(), help="check this machine")
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
    parser.add_argument("--tokenizer", type=str, default="char", help="char, bpe or word")
    parser.add_argument("--vocab_size", type=int | None, help="for bpe and word")
    parser.add_argument("--data_dir", type=Path, default=DATA, help="where to write")
    return parser


def _train_parser() -> Parser:
    parser = Parser()
    presets = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", type=str | None, help=presets)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="newest",
        type=str | None,
        help="go on from the newest checkpoint in --out_dir, or from the one named",
    )
    parser.add_argument("--data_dir", type=Path, default=DATA, help="from 'prepare'")
    parser.add_argument(
        "--out_dir", type=Path, default=CHECKPOINTS, help="where checkpoints go"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_class_arguments(GPTConfig, skip={"vocab_size"})
    parser.add_class_arguments(TrainConfig)
    return parser


def _generate_parser() -> Parser:
    parser = Parser()
    parser.add_argument("--prompt", type=str | None, help="the text to go on from")
    parser.add_argument("--length", type=int, default=200, help="tokens to write")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top_k", type=int | None, help="default: 50, or all if fewer")
    parser.add_argument("--top_p", type=float, default=1.0)
    parser.add_argument("--greedy", action="store_true", help="no randomness")
    parser.add_argument("--seed", type=int | None, help="default: another each time")
    parser.add_argument("--checkpoint", type=Path | None, help="a .pt file")
    parser.add_argument("--lang", type=str | None, help="en or ru; default: the locale")
    return parser
