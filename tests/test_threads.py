"""Runs train with as many threads as are fastest at the moment."""

import pytest
import torch

from minigpt.threads import ThreadChoice
from minigpt.training import Step


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def used(choice, iterations, speed):
    """Return the number of threads of each iteration, counted from 1."""
    found = {}
    for n in iterations:
        found[n] = torch.get_num_threads()
        seconds = 1000 / speed(n, found[n])
        choice.after(Step(n, 2.0, None, 1e-3, 1.0, tokens=1000, seconds=seconds))
    return found


def test_an_idle_machine_trains_with_all_threads_but_in_trials():
    found = used(ThreadChoice(), range(1, 201), lambda n, threads: 500 * threads)
    assert [n for n, threads in found.items() if threads == 1] == [4, 64, 124, 184]


def test_a_busy_machine_trains_with_one_thread_until_it_is_idle_again():
    def speed(n, threads):
        return 500 * threads if n > 100 else 500 / threads

    found = used(ThreadChoice(), range(1, 201), speed)
    two = [n for n, threads in found.items() if threads == 2]
    assert two == [*range(1, 4), 63, 123, *range(125, 184), *range(185, 201)]


def test_all_threads_are_back_at_the_end():
    choice = ThreadChoice()
    used(choice, range(1, 50), lambda n, threads: 500 / threads)
    assert torch.get_num_threads() == 1
    choice.restore()
    assert torch.get_num_threads() == 2
