"""Begin a training run, or take up one that was saved."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

import torch

from minigpt.checkpoint import TrainingState, load_checkpoint
from minigpt.config import GPTConfig, TrainConfig, get_preset
from minigpt.data import Dataset
from minigpt.device import find_device
from minigpt.model import GPT
from minigpt.optim import Optimizer, make_optimizer
from minigpt.training import Step, train

# Above these a typing error is likelier than a machine that can do it.
MAX_PARAMETERS = 1_000_000_000
MAX_BATCH_TOKENS = 10_000_000

Config = TypeVar("Config", GPTConfig, TrainConfig)


@dataclass
class Run:
    """A model in training and how far it is.

    Attributes:
        iteration: updates made so far.
        val_losses: (iteration, nats per token) of each evaluation so far.
        checkpoint: the last file that holds the run, if there is one.
    """

    model: GPT
    config: TrainConfig
    optimizer: Optimizer
    iteration: int = 0
    val_losses: list[tuple[int, float]] = field(default_factory=list)
    checkpoint: Path | None = None

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.iteration == self.config.max_iters

    def steps(self, dataset: Dataset) -> Iterator[Step]:
        """Yield the steps that are left, keeping count of them."""
        for step in train(
            self.model,
            dataset.train_ids,
            dataset.val_ids,
            self.config,
            optimizer=self.optimizer,
            start=self.iteration,
        ):
            self.iteration = step.iteration
            if step.val_loss is not None:
                self.val_losses.append((step.iteration, step.val_loss))
            yield step

    def state(self) -> TrainingState:
        """Return what a checkpoint must hold so that the run can go on."""
        return TrainingState(
            self.config, self.iteration, self.optimizer.state_dict(), self.val_losses
        )


def begin(dataset: Dataset, preset_name: str, changes: dict) -> Run:
    """Return a new run of that preset, fields in `changes` replaced.

    Raises:
        ValueError: a field is out of its range or does not suit the data.
    """
    preset = get_preset(preset_name)
    vocab_size = dataset.tokenizer.vocab_size
    shape = _changed(replace(preset.model, vocab_size=vocab_size), changes)
    config = _changed(preset.training, changes)
    _check_lengths(dataset, shape.block_size)
    _check_size(shape)
    _check_batch(shape, config)
    device = find_device(config.device)
    torch.manual_seed(config.seed)
    model = GPT(shape).to(device)
    return Run(model, config, make_optimizer(model, config))


def take_up(dataset: Dataset, path: Path, changes: dict) -> Run:
    """Return the run that was saved at `path`, training fields in `changes` replaced.

    Raises:
        ValueError: the checkpoint cannot be trained on with this data.
    """
    checkpoint = load_checkpoint(path)
    state, shape = checkpoint.training, checkpoint.model.config
    if state is None:
        raise ValueError(f"{path} was saved for writing only: start a new run")
    if checkpoint.tokenizer.to_dict() != dataset.tokenizer.to_dict():
        raise ValueError(
            f"{path} was trained with another vocabulary than that of the data: "
            "prepare the text it was trained on, or start a new run"
        )
    if _changed(shape, changes) != shape:
        raise ValueError(
            f"the model in {path} cannot be given another shape: start a new run"
        )
    config = _changed(state.config, changes)
    beyond = state.iteration > config.max_iters
    if beyond or (state.iteration == config.max_iters and _was_finished(path)):
        raise ValueError(
            f"{path} has done all of its {config.max_iters} iterations: to go on, "
            "give a larger --max-iters"
        )
    _check_lengths(dataset, shape.block_size)
    _check_batch(shape, config)
    model = checkpoint.model.to(find_device(config.device))
    optimizer = make_optimizer(model, config)
    try:
        optimizer.load_state_dict(state.optimizer)
    except ValueError as error:
        raise ValueError(
            f"{path} was trained with another optimizer than {config.optimizer}: "
            "start a new run"
        ) from error
    return Run(model, config, optimizer, state.iteration, list(state.val_losses), path)


def _was_finished(path: Path) -> bool:
    """Whether the run of that checkpoint has saved its end.

    One that was killed between its last checkpoint and its end has not.
    """
    final = path.with_name("model_final.pt")
    return final.exists() and final.stat().st_mtime_ns >= path.stat().st_mtime_ns


def find_newest(folder: Path) -> Path:
    """Return the checkpoint in the folder that was written last.

    Raises:
        ValueError: there is none.
    """
    paths = [*folder.glob("model_iter_*.pt"), *folder.glob("model_final.pt")]
    if not paths:
        raise ValueError(
            f"there is no checkpoint in {folder} to go on from: leave --resume out"
        )
    return max(paths, key=lambda path: path.stat().st_mtime_ns)


def _changed(config: Config, changes: dict) -> Config:
    own = {f.name for f in fields(config)}
    return replace(config, **{k: v for k, v in changes.items() if k in own})


def _check_lengths(dataset: Dataset, block_size: int) -> None:
    if len(dataset.train_ids) <= block_size:
        raise ValueError(
            f"the text has {len(dataset.train_ids):,} tokens to learn from, too few "
            f"for a block of {block_size:,} and the token after it: prepare a longer "
            "text, or choose a smaller --block-size"
        )
    if len(dataset.val_ids) < 2:
        raise ValueError(
            "the last tenth of the text, to be tested on, has fewer than two tokens: "
            "prepare a longer text"
        )


def _check_size(shape: GPTConfig) -> None:
    C = shape.n_embd
    parameters = C * (shape.vocab_size + shape.block_size + 12 * C * shape.n_layer)
    if parameters > MAX_PARAMETERS:
        raise ValueError(
            f"the model would have about {parameters:.1g} parameters, and more than "
            f"{MAX_PARAMETERS:.0g} will not fit: choose a smaller --n-embd, --n-layer "
            "or --block-size"
        )


def _check_batch(shape: GPTConfig, config: TrainConfig) -> None:
    tokens = config.batch_size * shape.block_size
    if tokens > MAX_BATCH_TOKENS:
        raise ValueError(
            f"a batch would have {tokens:,} tokens, and more than "
            f"{MAX_BATCH_TOKENS:,} will not fit: choose a smaller --batch-size"
        )
