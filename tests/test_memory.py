"""A run keeps the memory of its tensors instead of asking for it again and again."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from minigpt.config import GPTConfig, TrainConfig
from minigpt.memory import keep_memory
from minigpt.model import GPT
from minigpt.training import train

if sys.argv[1] == "keep":
    keep_memory()
ids = torch.randint(2048, (10_000,))
shape = GPTConfig(vocab_size=2048, block_size=256, n_layer=1, n_head=2, n_embd=32)
found = []
for _ in train(GPT(shape), ids, ids, TrainConfig(batch_size=8, max_iters=25)):
    found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(found[-2] - found[-12])  # the last iteration evaluates
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_a_run_needs_few_page_faults_once_it_keeps_its_memory():
    found = {}
    for choice in "keep", "return":
        command = [sys.executable, "-c", FAULTS, choice]
        made = subprocess.run(command, capture_output=True, text=True, check=True)
        found[choice] = int(made.stdout)
    assert 3 * found["keep"] < found["return"], found
