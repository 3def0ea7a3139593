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
        help="tales, fables, fables-ru, shakespeare, or the path of a text file or of "
        "a grammar of tales (.toml); default: data/input.txt if it exists, otherwise "
        "tales",
    )
    add("--tokenizer", help="char, bpe or word; default: bpe for tales, otherwise char")
    add(
        "--vocab-size",
        type=int,
        help="largest number of tokens; default: 2048 for tales, otherwise 1000 for "
        "bpe, 5000 for word",
    )
    add("--data-dir", type=Path, default=DATA, help="folder to write to")


def _add_train(parser: Parser) -> None:
    """Train a model on the prepared text. Options that are not given have the values
    of the preset or, with --resume, of the checkpoint."""
    add = parser.add_argument
    presets = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    add("--preset", help=f"{presets}. Default: tales or laptop")
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


def _add_publish(parser: Parser) -> None:
    """Write one page that holds a trained model. It runs in any browser, also on a
    phone, from a file and without a network: send it to a friend, or put it online."""
    add = parser.add_argument
    add("model", type=Path, help="the .pt file of the model")
    add(
        "page",
        nargs="?",
        type=Path,
        default=Path("play.html"),
        help="the file to write; default: play.html",
    )
    add("--title", type=str, help="heading of the page; default: A small GPT")
    add("--about", type=str, help="a sentence about the text that the model learned")
    add("--prompt", type=str, help="the beginning of a text that the page opens with")
    add(
        "--loss",
        type=float,
        help="validation loss in nats per token; default: the last one in the file",
    )


def _add_export(parser: Parser) -> None:
    """Write a trained model as a folder that another program can read, which is empty
    or does not exist yet."""
    add = parser.add_argument
    add("model", type=Path, help="the .pt file of the model")
    add("folder", type=Path, help="the folder to write")
    add(
        "--to",
        choices=["huggingface"],
        default="huggingface",
        help="the program: huggingface, for the libraries transformers and tokenizers",
    )


def _add_import(parser: Parser) -> None:
    """Make a checkpoint of a GPT-2 that Hugging Face's transformers has saved in a
    folder."""
    add = parser.add_argument
    add("folder", type=Path, help="a folder with config.json and model.safetensors")
    add(
        "checkpoint",
        nargs="?",
        type=Path,
        help="the .pt file to write; default: checkpoints/, under the folder's name",
    )


def _add_site(parser: Parser) -> None:
    """Build the lessons as a web site, with a playground, a search, a glossary and the
    source of the package. It works from its folder, without a server or a network."""
    parser.add_argument("folder", type=Path, help="a new folder for the pages")


def _add_edition(parser: Parser) -> None:
    """Write the lessons once more: for learners without the solutions, for teachers
    with the solutions unfolded and notes beside them, or as slides."""
    add = parser.add_argument
    add(
        "kind",
        choices=("learner", "teacher", "slides"),
        help="learner, teacher, slides",
    )
    add("folder", type=Path, help="a new folder for the files")


def _add_tales(parser: Parser) -> None:
    """Draw tales from a grammar and print them."""
    add = parser.add_argument
    grammar = "a TOML file; default: the grammar that comes with the course"
    add("grammar", nargs="?", type=Path, help=grammar)
    add("--count", type=int, default=3, help="tales to draw; default: 3")
    add("--seed", type=int, default=1, help="another seed draws others; default: 1")


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
    "publish": ("make a page in which a model writes", _add_publish),
    "export": ("write a model as a folder for Hugging Face", _add_export),
    "import": ("read a GPT-2 from such a folder", _add_import),
    "site": ("build the course as a web site", _add_site),
    "edition": ("write the lessons for learners, teachers or as slides", _add_edition),
    "tales": ("draw tales from a grammar and print them", _add_tales),
    "doctor": ("check this computer and the installation", _add_doctor),
    "progress": ("show which exercises are solved", _add_progress),
}
