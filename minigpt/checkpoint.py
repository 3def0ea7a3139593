"""Keep a model in one file: weights, config, tokenizer, and what training needs."""

import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from minigpt.atomic import write_whole
from minigpt.config import GPTConfig, TrainConfig
from minigpt.model import GPT
from minigpt.tokenizer import Tokenizer, tokenizer_from_dict

FORMAT, VERSION = "minigpt checkpoint", 1


@dataclass(frozen=True)
class TrainingState:
    """What a stopped run needs to go on as if it had never been stopped.

    Attributes:
        config: how the run trains.
        iteration: updates made so far.
        optimizer: the optimizer's `state_dict()`.
        val_losses: (iteration, nats per token) of each evaluation so far.
    """

    config: TrainConfig
    iteration: int
    optimizer: dict[str, Any]
    val_losses: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """A model that was saved, with its tokenizer; `training` is None if it was shipped
    for writing only."""

    model: GPT
    tokenizer: Tokenizer
    training: TrainingState | None


def save_checkpoint(
    path: Path,
    model: GPT,
    tokenizer: Tokenizer,
    training: TrainingState | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write everything to one `.pt` file, whole or not at all.

    `dtype` is that of the weights in the file: float16 halves it, and is only for
    models that will not be trained on.

    Raises:
        OSError: in one line, if it cannot be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "model_config": asdict(model.config),
        "weights": {name: w.to(dtype).cpu() for name, w in model.state_dict().items()},
        "tokenizer": tokenizer.to_dict(),
        "training": asdict(training) if training else None,
    }
    write_whole(path, lambda file: torch.save(content, file))


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Return what `save_checkpoint` wrote; nothing inside the file is executed.

    Raises:
        ValueError: in one line, if it is missing, damaged, foreign, of another
            version, or its parts contradict each other.
    """
    content = _read(path)
    try:
        return _rebuild(content, device)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} does not hold together ({reason}): use another checkpoint"
        ) from error


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
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path} has format version {content.get('version')!r}, this program reads "
            f"{VERSION}: train again, or use the minigpt it was made with"
        )
    return content


def _check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to more than it weighs, or is broken anywhere."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise ValueError("the archive is compressed")
        if archive.testzip() is not None:
            raise ValueError("the archive is damaged")


def _rebuild(content: dict[str, Any], device: torch.device | str) -> Checkpoint:
    config = GPTConfig(**content["model_config"])
    tokenizer = tokenizer_from_dict(content["tokenizer"])
    if tokenizer.vocab_size != config.vocab_size:
        raise ValueError(
            f"its tokenizer has {tokenizer.vocab_size} tokens, "
            f"its model {config.vocab_size}"
        )
    weights = content["weights"]
    _check_weights(config, weights)
    model = GPT(config)
    _load_weights(model, weights)
    return Checkpoint(
        model.to(device).eval(), tokenizer, _rebuild_training(content["training"])
    )


def _check_weights(config: GPTConfig, weights: dict[str, torch.Tensor]) -> None:
    """Raise ValueError unless the file really holds a model as large as it claims.

    Looked at before such a model is built, or a small file could fill the memory.
    """
    if not all(w.is_floating_point() and w.is_contiguous() for w in weights.values()):
        raise ValueError("its weights are not plain floating-point numbers")
    C, T = config.n_embd, config.block_size
    claimed = C * (config.vocab_size + 12 * C * config.n_layer)
    if not config.modern:
        claimed += C * T
    held = sum(w.numel() for w in weights.values())
    if claimed > held or config.n_layer > len(weights):
        raise ValueError(
            f"its config claims a larger model than its {held:,} weights make"
        )


def _load_weights(model: GPT, weights: dict[str, torch.Tensor]) -> None:
    expected = {name: w.shape for name, w in model.state_dict().items()}
    if {name: w.shape for name, w in weights.items()} != expected:
        raise ValueError("its weights do not have the shapes that its config claims")
    model.load_state_dict({name: w.float() for name, w in weights.items()})


def _rebuild_training(content: dict[str, Any] | None) -> TrainingState | None:
    if content is None:
        return None
    state = TrainingState(**{**content, "config": TrainConfig(**content["config"])})
    counted = type(state.iteration) is int and state.iteration >= 0
    measured = all(
        type(iteration) is int and isinstance(loss, float)
        for iteration, loss in state.val_losses
    )
    if not counted or not measured or not isinstance(state.optimizer, dict):
        raise ValueError("what it says about its training makes no sense")
    return state
