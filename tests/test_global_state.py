"""Public functions and panels leave random generators, threads and modes as found."""

import asyncio
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

import minigpt
from minigpt import sampling
from minigpt.checkpoint import load_checkpoint, save_checkpoint
from minigpt.config import get_preset
from minigpt.course import exercises, faults, widgets
from minigpt.course.widgets.training import TrainingPanel
from minigpt.course.widgets.training.choices import Choice
from minigpt.course.widgets.training.trainer import Trainer
from minigpt.data import load_dataset, make_dataset, save_dataset
from minigpt.model import GPT
from minigpt.paths import SHIPPED_CHECKPOINT, TEXTS
from minigpt.run import begin, resume
from minigpt.tokenizer import BPETokenizer
from minigpt.training import evaluate, random_batch, train

TINY = get_preset("tiny")
TEXT = (TEXTS / "fables.txt").read_text(encoding="utf-8")[:5000]
STEPS = replace(TINY.training, max_iters=3)


def state() -> dict:
    """Return what could have been changed for everyone else."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "random": random.getstate(),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "autocast": torch.is_autocast_enabled("cpu"),
    }


class Given:
    """What the functions work on: a dataset, a model in training mode, a run."""

    def __init__(self, folder):
        self.folder = folder
        self.dataset = make_dataset(TEXT)
        V = self.dataset.tokenizer.vocab_size
        self.shape = replace(TINY.model, vocab_size=V, dropout=0.1)
        self.model = GPT(self.shape)
        self.ids = torch.arange(8)
        self.run = begin(self.dataset, self.shape, STEPS)
        self.run.save(folder / "model_final.pt")

    def train(self, steps=3):
        data = self.dataset
        for step in train(self.model, data.train_ids, data.val_ids, STEPS):
            if step.iteration == steps:
                break


def generate_half(given, generate):
    stream = generate(given.model, given.ids, 6, seed=3)
    next(stream)
    stream.close()


FUNCTIONS = {
    "train": lambda g: g.train(),
    "train, left in the middle": lambda g: g.train(1),
    "evaluate": lambda g: evaluate(g.model, g.dataset.val_ids[:200]),
    "random_batch": lambda g: random_batch(g.ids, 2, 4, torch.Generator()),
    "begin": lambda g: begin(g.dataset, g.shape, STEPS),
    "resume": lambda g: resume(g.dataset, g.folder / "model_final.pt"),
    "run": lambda g: list(begin(g.dataset, g.shape, STEPS).steps()),
    "save a run": lambda g: g.run.save(g.folder / "model_final.pt"),
    "save_checkpoint": lambda g: save_checkpoint(
        g.folder / "m.pt", g.model, g.dataset.tokenizer
    ),
    "load_checkpoint": lambda g: load_checkpoint(SHIPPED_CHECKPOINT),
    "make_dataset": lambda g: make_dataset(TEXT, "word"),
    "save_dataset": lambda g: save_dataset(g.dataset, g.folder),
    "BPETokenizer.train": lambda g: BPETokenizer.train(TEXT, 260),
    "baseline_losses": lambda g: minigpt.baseline_losses(g.ids, g.ids, 20),
    "generate": lambda g: list(minigpt.generate(g.model, g.ids, 6)),
    "sampling.generate": lambda g: list(sampling.generate(g.model, g.ids, 6)),
    "generate, left": lambda g: generate_half(g, minigpt.generate),
    "sampling.generate, left": lambda g: generate_half(g, sampling.generate),
    "next_token_logits": lambda g: sampling.next_token_logits(g.model, g.ids),
    "attention_maps": lambda g: minigpt.attention_maps(g.model.eval(), g.ids[None]),
    "residual_stream": lambda g: minigpt.residual_stream(g.model.eval(), g.ids[None]),
    "leak_grid": lambda g: minigpt.leak_grid(lambda x: x, torch.zeros(3, 2)),
    "faults": lambda g: [
        faults.make(fault, replace(g.shape, dropout=0.0), STEPS)
        for fault in faults.PATIENTS.values()
    ],
    "exercises.check": lambda g: exercises.check(
        "02.mask", lambda T: torch.randn(T, T)
    ),
}


@pytest.fixture
def given(tmp_path):
    return Given(tmp_path)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_leave_everything_as_it_was(given, name):
    before, was_training = state(), given.model.training
    FUNCTIONS[name](given)
    assert state() == before
    if "stream" not in name and "maps" not in name:
        assert given.model.training == was_training


def test_loading_what_was_prepared_leaves_everything_as_it_was(given):
    save_dataset(given.dataset, given.folder)
    before = state()
    load_dataset(given.folder)
    assert state() == before


PANELS = {
    "attention_explorer": lambda m, t: widgets.attention_explorer(m, t),
    "tale_button": lambda m, t: widgets.tale_button(m, t, 20),
    "leak_grid_panel": lambda m, t: widgets.leak_grid_panel(),
    "playground": lambda m, t: widgets.playground(load_checkpoint(SHIPPED_CHECKPOINT)),
    "sampling_bars": lambda m, t: widgets.sampling_bars(m, t),
    "side_by_side": lambda m, t: widgets.side_by_side(
        load_checkpoint(SHIPPED_CHECKPOINT)
    ),
    "stream_panel": lambda m, t: widgets.stream_panel(),
    "token_explorer": lambda m, t: widgets.token_explorer({"characters": t}),
}


@pytest.mark.parametrize("name", PANELS)
def test_panels_leave_everything_as_it_was(name):
    shipped = load_checkpoint(SHIPPED_CHECKPOINT)
    before = state()
    PANELS[name](shipped.model.train(), shipped.tokenizer)
    assert state() == before and shipped.model.training


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_training_panel_leaves_everything_as_it_was(
    tmp_path, fables, monkeypatch, dropout
):
    shape = replace(TINY.model, dropout=dropout)
    monkeypatch.setattr(Choice, "configs", lambda choice, data: (shape, STEPS))
    before = state()
    panel = TrainingPanel(Trainer(tmp_path))
    panel.text.options = {"fables": str(fables)}
    panel.train()
    asyncio.run(panel.finished())
    assert panel.trainer.phase == "finished"
    assert state() == before


def test_models_made_and_trained_in_a_loop_differ_in_their_start(given):
    starts = []
    for _ in range(3):
        given.model = GPT(given.shape)
        starts.append(given.model.token_embedding.weight.detach().clone())
        given.train()
    assert not torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[1], starts[2])
