"""Train in a thread of its own, so that buttons answer while the model learns."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from minigpt.checkpoint import load_checkpoint
from minigpt.course.widgets.training.choices import Choice
from minigpt.course.widgets.training.pace import (
    PATIENCE,
    Gate,
    Pace,
    Stopped,
    patiently,
)
from minigpt.course.widgets.training.run import Run, begin, plan, take_up
from minigpt.course.widgets.training.sample import Newest, write_sample
from minigpt.course.widgets.training.saving import explain, save
from minigpt.course.widgets.training.timing import choose_threads, threads_restored
from minigpt.data import find_source, make_dataset, read_text
from minigpt.paths import CHECKPOINTS
from minigpt.training import TrainingDiverged

# Of the training time: samples, redraws and saving each wait until it is no more.
SHARE = 0.01
# At these shares of its time a new run is fitted to the time that is left.
LOOKS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
WORKING = ("preparing", "training", "paused")
# Held by the thread that trains: whichever panel it belongs to, there is one at a time.
_training = threading.Lock()


class Trainer:
    """Trains in a background thread; what it has reached is in plain attributes.

    Attributes:
        phase: "ready", "preparing", "training", "paused", "stopped", "finished" or
            "failed".
        problem: what went wrong, in words, or "".
        saved: where the model was saved, in words, or "".
        show: called, mostly in the thread, whenever there is something new to see.
        run: the run in progress or last made, None before the first.
        newest: a copy of its model, None before there is one.
        sample: what that copy writes.
        seconds: spent in training, pauses and saving not counted.
    """

    def __init__(self, folder: Path = CHECKPOINTS) -> None:
        self.show: Callable[[], None] = lambda: None
        self.path = folder / "model_final.pt"
        self.phase = "ready"
        self.problem = self.saved = self.sample = ""
        self.run: Run | None = None
        self.newest: Newest | None = None
        self.seconds = 0.0
        self.redraws = Pace(0.3, SHARE)
        self.samples = Pace(4.0, SHARE)
        self.saves = Pace(60.0, SHARE)
        self._budget = 0.0
        self._looks: tuple[float, ...] = ()
        self._gate, self._rest = Gate(), Gate()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether its thread is alive: learning, in a pause, or saving."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def working(self) -> bool:
        """Whether it can be paused and stopped."""
        return self.phase in WORKING

    @property
    def asked(self) -> str:
        """What it was asked and has not done yet: "Stopping", "Pausing" or ""."""
        if self._gate.stopped:
            return "Stopping"
        return "" if self._gate.open else "Pausing"

    @property
    def seconds_left(self) -> float | None:
        """How long the iterations that are left will take; None if that is unknown."""
        run = self.run
        if run is None or run.finished:
            return None if run is None else 0.0
        recent = run.steps[-50:]
        if not recent:
            return None
        per_iteration = sum(step.seconds for step in recent) / len(recent)
        iterations = run.config.max_iters - run.iteration
        evaluations = -(-iterations // run.config.eval_interval)
        return iterations * per_iteration + evaluations * run.evaluation_seconds

    def train(self, choice: Choice) -> None:
        """Begin a new run; nothing happens while one is under way."""
        self._begin(lambda: self._new_run(choice))

    def go_on(self, choice: Choice) -> None:
        """End the pause, or take up the run that was stopped, finished or saved."""
        if self.working:
            self._gate.go_on()
        else:
            self._begin(lambda: self._old_run(choice))

    def pause(self) -> None:
        """Hold on after this iteration."""
        self._gate.hold()

    def stop(self) -> None:
        """End after this iteration, and save what was learned."""
        self._gate.stop()

    def retire(self) -> None:
        """End and save as soon as possible: another trainer waits."""
        self.stop()
        self._rest.stop()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread to end."""
        if self._thread is not None:
            self._thread.join(timeout)

    # All below runs in the thread.

    def _begin(self, prepare: Callable[[], Run]) -> None:
        # A cell and a button may ask at the same moment, from threads of their own.
        with self._beginning:
            if self.working:
                return
            self._rest.stop()
            self._gate, self._rest = Gate(), Gate()
            self.problem = self.saved = ""
            self._enter("preparing")
            self._thread = threading.Thread(
                target=self._guard, args=(prepare,), name="training", daemon=True
            )
            self._thread.start()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until the thread before has ended and saved; keep others waiting."""
        while not _training.acquire(timeout=PATIENCE):
            self._gate.check()
        try:
            self.problem = self.saved = ""  # it may have said something at its end
            yield
        finally:
            _training.release()

    def _guard(self, prepare: Callable[[], Run]) -> None:
        """Prepare a run and train; whatever goes wrong ends as words."""
        try:
            with self._alone(), threads_restored():
                self._learn(prepare())
        except Stopped:
            self._enter("stopped" if self.run else "ready")
        except Exception as error:
            if isinstance(error, TrainingDiverged):
                self.run = self.newest = None  # there is nothing worth keeping
            self.problem = explain(error)
            self._enter("failed")

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.show()

    def _new_run(self, choice: Choice) -> Run:
        began = self._gate.clock()
        content = self._read(choice.text)
        run = begin(choice, make_dataset(content), content)
        self.run, self.sample, self.seconds = None, "", 0.0
        run.threads = choose_threads(run.model, run.dataset, run.config, self._gate)
        seconds = 60 * choice.minutes - (self._gate.clock() - began)
        run.config = plan(run.model, run.dataset, run.config, seconds, self._gate)
        self._budget = 60 * choice.minutes - (self._gate.clock() - began)
        self._looks = LOOKS
        return run

    def _old_run(self, choice: Choice) -> Run:
        run, self._looks = self.run, ()
        if run is None:
            content = self._read(choice.text)
            saved = load_checkpoint(self.path)
            run = take_up(saved, choice, make_dataset(content), content)
        if run.finished and not run.unmeasured:
            run.extend(60 * choice.minutes, self._gate)
        return run

    def _read(self, text: str) -> str:
        # Only a download takes long enough for somebody to lose patience.
        content = patiently(lambda: read_text(find_source(text)), self._gate)
        self._gate.check()
        return content

    def _learn(self, run: Run) -> None:
        self.run = run
        if run.threads is not None:
            torch.set_num_threads(run.threads)
        self._enter("training")
        self.saves.put_off()
        before = time.perf_counter()
        for _ in run.advance(self._gate):
            now = time.perf_counter()
            self.seconds += now - before
            before = now
            self._report()
            self._keep_to_time(run)
            if not self._gate.open:
                self._hold()
                before = time.perf_counter()
            if self._gate.stopped:
                break
        done = run.finished and not run.unmeasured
        self._keep("finished" if done else "stopped")

    def _keep_to_time(self, run: Run) -> None:
        """Fit the rest of a new run to what is left of its minutes, a few times."""
        if self._looks and self.seconds > self._looks[0] * self._budget:
            self._looks = self._looks[1:]
            run.refit(self._budget - self.seconds)

    def _report(self) -> None:
        if self.samples.due:
            with self.samples.measured():
                self._publish()
        if self.saves.due:
            with self.saves.measured():
                self._save()
            self.saved = ""  # what is learned from now on is not
        if self.redraws.due:
            with self.redraws.measured():
                self.show()

    def _hold(self) -> None:
        """Save, and wait for what comes next, if a pause was asked for."""
        if self._gate.stopped:
            return
        self._keep("paused")
        self._gate.wait()
        self.problem = self.saved = ""
        if not self._gate.stopped:
            self._enter("training")

    def _keep(self, phase: str) -> None:
        """Enter a phase in which nothing is learned: show it, publish and save."""
        assert self.run is not None
        self._enter(phase)
        self._publish()
        self._save()
        self.show()
        if phase == "stopped":
            # The curve should end where the training did; a new start cuts this short.
            self.run.measure_end(self._rest)
            self._save()
            self.show()

    def _publish(self) -> None:
        """Copy the model for others to use, and let the copy write a sample."""
        assert self.run is not None
        checkpoint = self.run.snapshot()
        self.newest = Newest(checkpoint, self.run.iteration)
        self.sample = (
            write_sample(checkpoint, self.run.start, self._gate) or self.sample
        )

    def _save(self) -> None:
        assert self.run is not None
        try:
            self.saved = save(self.run, self.path)
        except OSError as error:
            self.problem = f"not saved: {error}; the model is still here to play with"
