"""Schedules: the learning rate, the evaluations and the end, by iterations or time."""

from dataclasses import replace

import pytest

from minigpt.config import TrainConfig
from minigpt.schedule import Clock, ClockSchedule, Schedule, lr_multiplier

CONFIG = TrainConfig(
    max_iters=100,
    warmup_iters=10,
    schedule="linear",
    min_lr_ratio=0.0,
    eval_interval=30,
)


class FakeClock(Clock):
    """A clock that is set by hand."""

    now = 0.0

    @property
    def seconds(self):
        return self.now


@pytest.fixture
def timed():
    """A run of two minutes, and its clock."""
    clock = FakeClock()
    return ClockSchedule(replace(CONFIG, minutes=2.0), clock), clock


def test_by_iterations_nothing_depends_on_the_time():
    schedule = Schedule(CONFIG)
    assert [i for i in range(1, 101) if schedule.evaluation_due(i)] == [30, 60, 90, 100]
    assert [schedule.finished(i) for i in (0, 99, 100, 101)] == [
        False,
        False,
        True,
        True,
    ]
    assert [schedule.lr_multiplier(i) for i in (0, 9, 55)] == [0.1, 1.0, 0.5]
    assert schedule.lr_multiplier(37) == lr_multiplier(37, CONFIG)


def test_by_the_clock_the_learning_rate_follows_the_time(timed):
    schedule, clock = timed
    assert schedule.lr_multiplier(0) == pytest.approx(0.1)  # the warm-up by iterations
    for seconds, expected in ((60, 0.5), (90, 0.25), (120, 0.0)):
        clock.now = seconds
        assert schedule.lr_multiplier(50) == pytest.approx(expected)


def test_a_slow_machine_warms_up_within_a_tenth_of_the_time(timed):
    schedule, clock = timed
    clock.now = 12.0
    assert schedule.lr_multiplier(1) == pytest.approx(0.9)  # 10 iterations are far off


def test_the_last_evaluation_fits_into_the_time(timed):
    schedule, clock = timed
    clock.now = 119.0
    assert not schedule.finished(10)
    schedule.evaluated(5.0)
    assert schedule.finished(10) and schedule.progress(10) == 1
    clock.now = 114.0
    assert not schedule.finished(10)


def test_evaluations_take_a_tenth_of_the_time_at_most(timed):
    schedule, clock = timed
    for cost, most in ((0.1, 20), (3.0, 5)):
        clock.now, count = 0.0, 0
        schedule = ClockSchedule(schedule.config, clock)
        while clock.now < 120:
            if schedule.evaluation_due(1):
                clock.now += cost
                schedule.evaluated(cost)
                count += 1
            clock.now += 0.05
        assert most - 1 <= count <= most + 1 and count * cost <= 0.1 * 120 + 2 * cost


def test_a_clock_stands_still_while_stopped(monkeypatch):
    now = 50.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    clock = Clock(3.0)
    now += 7
    assert clock.seconds == 3.0
    clock.start()
    now += 2
    clock.start()
    assert clock.seconds == 5.0
    clock.stop()
    now += 9
    clock.stop()
    assert clock.seconds == 5.0
