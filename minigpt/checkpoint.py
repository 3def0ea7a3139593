"""Keep a model in one file: weights, config, tokenizer, and the state of its training.

All distrust of files lives here: what is saved can be loaded, and what is loaded has
been checked.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from minigpt.atomic import write_whole
from minigpt.config import LARGEST, GPTConfig, TrainConfig
from minigpt.device import find_device
from minigpt.distributed import unwrap
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer, tokenizer_from_dict

FORMAT, VERSION = "minigpt checkpoint", 2


@dataclass(frozen=True)
class TrainingState:
    """What a stopped run needs to continue as if it had never stopped.

    Attributes:
        config: how the run trains.
        iteration: number of updates so far.
        optimizer: the optimizer's `state_dict()`.
        val_losses: (iteration, nats per token) of each evaluation so far.
        run_id: names the run; of two runs in one folder the later one sorts last.
        text_id: a hash of the training and validation ids.
        seconds: time spent training.
    """

    config: TrainConfig
    iteration: int
    optimizer: dict[str, Any]
    val_losses: list[tuple[int, float]] = field(default_factory=list)
    run_id: str = ""
    text_id: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """A saved model with its tokenizer; `training` is None if it was exported."""

    model: GPT
    tokenizer: Tokenizer
    training: TrainingState | None


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    tokenizer: Tokenizer,
    training: TrainingState | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write everything to one `.pt` file, whole or not at all.

    Args:
        model: a `GPT`, which may be wrapped by `torch.compile`.
        training: what is needed to continue; None exports the model for writing only.
        dtype: of the weights in the file. float16 halves the file.

    Raises:
        ValueError: the file could not be loaded again: the model has other layers than
            its config says, or another vocabulary than the tokenizer, or weights too
            large for the dtype.
        OSError: in one line, if it cannot be written.
    """
    model = unwrap(model)
    if not isinstance(model, GPT):
        raise ValueError(f"only a GPT can be saved, not a {type(model).__name__}")
    weights = {name: w.to(dtype).cpu() for name, w in model.state_dict().items()}
    try:
        _check_vocabulary(tokenizer, model.config)
        _check_weights(weights, model.config)
    except ValueError as error:
        raise ValueError(f"this model cannot be saved: {error}") from error
    if dtype != torch.float32 and not all(w.isfinite().all() for w in weights.values()):
        raise ValueError(f"some weights are too large for {dtype}: use float32")
    content = {
        "format": FORMAT,
        "version": VERSION,
        "model_config": asdict(model.config),
        "weights": weights,
        "tokenizer": tokenizer.to_dict(),
        "training": None if training is None else _training_to_dict(training),
    }
    write_whole(Path(path), lambda file: torch.save(content, file))


def load_checkpoint(path: str | Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Return what `save_checkpoint` wrote; nothing inside the file is executed.

    Raises:
        ValueError: in one line, if the file is missing, damaged, foreign, or of another
            version, if its parts contradict each other, or if this machine does not
            have the device.
    """
    path, device = Path(path), find_device(str(device))
    content = _read(path)
    try:
        checkpoint = rebuild(content)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} does not hold together ({reason}): use another checkpoint"
        ) from error
    checkpoint.model.to(device)
    return checkpoint


def peek(path: str | Path) -> TrainingState | None:
    """Return the state of a training without its optimizer, quickly.

    None if the file has none, is missing or is damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        content["training"]["optimizer"] = {}  # so that nothing keeps the file open
        return _rebuild_training(content["training"])
    except Exception:  # damaged files fail in torch.load with nearly any exception
        return None


def _training_to_dict(state: TrainingState) -> dict[str, Any]:
    # `asdict(state)` would copy all of the optimizer's moments.
    plain = {name: getattr(state, name) for name in state.__dataclass_fields__}
    losses = [(int(i), float(loss)) for i, loss in state.val_losses]
    return plain | {"config": asdict(state.config), "val_losses": losses}


def _read(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give a checkpoint file inside it")
    if not path.exists():
        raise ValueError(
            f"there is no checkpoint {path}: run 'minigpt train', or check the path"
        )
    try:
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): check the file"
        ) from error
    # Damaged files fail in torch.load with nearly any exception there is.
    except Exception as error:
        raise ValueError(
            f"{path} is damaged or not a minigpt checkpoint: use another one"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a minigpt checkpoint: use another one")
    version = content.get("version")
    # In version 1 the rotary embedding of modern models had other frequencies.
    if version != VERSION and (version != 1 or content["model_config"]["modern"]):
        raise ValueError(
            f"{path} has format version {version!r}, and this program reads {VERSION}: "
            "train again, or use the minigpt that saved it"
        )
    return content


def _check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to more than its size, or is damaged anywhere."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise ValueError("the archive is compressed")
        if archive.testzip() is not None:
            raise ValueError("the archive is damaged")


def rebuild(content: dict[str, Any]) -> Checkpoint:
    """Return the checkpoint of these parts, once they are known to fit each other.

    Args:
        content: "model_config", "weights", "tokenizer" and "training" (or None), as
            `save_checkpoint` stores them.

    Raises:
        ValueError: a part is not what it should be, or contradicts another one. Parts
            of an unexpected type may also raise the usual errors, such as TypeError.
    """
    config = GPTConfig(**content["model_config"])
    tokenizer = tokenizer_from_dict(content["tokenizer"])
    _check_vocabulary(tokenizer, config)
    weights = content["weights"]
    _check_plain(weights.values())
    _check_weights(weights, config)
    model = _new_model(config)
    model.load_state_dict({name: w.float() for name, w in weights.items()})
    training = _rebuild_training(content["training"])
    if training is not None:
        for moments in training.optimizer["state"].values():
            _check_plain(moments.values())
    return Checkpoint(model.eval(), tokenizer, training)


def _check_vocabulary(tokenizer: Tokenizer, config: GPTConfig) -> None:
    if tokenizer.vocab_size != config.vocab_size:
        raise ValueError(
            f"its tokenizer has {tokenizer.vocab_size} tokens, "
            f"its model {config.vocab_size}"
        )


def _check_weights(weights: dict[str, Tensor], config: GPTConfig) -> None:
    """Raise ValueError unless the weights are those of a `GPT` with that config."""
    # A small file must not claim a billion layers: look before building a model.
    held = sum(w.numel() for w in weights.values())
    if config.n_layer > len(weights) or 3 * config.n_embd**2 > held:
        raise ValueError("its config claims a larger model than its weights make")
    expected = {n: tuple(w.shape) for n, w in _new_model(config).state_dict().items()}
    found = {name: tuple(w.shape) for name, w in weights.items()}
    if found != expected:
        name = min(n for n, _ in found.items() ^ expected.items())
        raise ValueError(f"its {name} is not the one that its config describes")


def _new_model(config: GPTConfig) -> GPT:
    with torch.random.fork_rng([]):  # initial weights are random numbers
        return GPT(config)


def _check_plain(tensors: Iterable[Tensor]) -> None:
    """Raise ValueError unless all are dense floating-point tensors in memory."""
    for tensor in tensors:
        dense = tensor.layout is torch.strided and not tensor.is_meta
        if not (dense and tensor.is_contiguous() and tensor.is_floating_point()):
            raise ValueError("it holds tensors that are not plain numbers")


def _rebuild_training(content: dict[str, Any] | None) -> TrainingState | None:
    if content is None:
        return None
    state = TrainingState(**{**content, "config": TrainConfig(**content["config"])})
    numbers = (state.iteration, *(i for i, _ in state.val_losses))
    losses = (state.seconds, *(loss for _, loss in state.val_losses))
    plain = (
        all(type(n) is int and 0 <= n <= LARGEST for n in numbers)
        and all(isinstance(x, float) for x in losses)
        and all(isinstance(x, str) for x in (state.run_id, state.text_id))
    )
    if not plain or not isinstance(state.optimizer, dict):
        raise ValueError("what it says about its training makes no sense")
    return state
