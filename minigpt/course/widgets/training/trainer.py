"""Train in a background thread, so that buttons answer while the model learns."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path

import numpy as np

from minigpt.baselines import Baselines, dataset_baselines
from minigpt.checkpoint import Checkpoint
from minigpt.checkpoint_folder import FINAL, find_furthest
from minigpt.course.curves import smoothed
from minigpt.course.widgets.base import PROMPTS, Throttle, in_words
from minigpt.course.widgets.training.choices import Choice, opening_of
from minigpt.course.widgets.training.stop_control import PATIENCE, StopControl, Stopped
from minigpt.data import Dataset, find_source, read_dataset
from minigpt.decoding import generate
from minigpt.paths import CHECKPOINTS, HOME
from minigpt.run import Run, begin, resume
from minigpt.tokenizer import stream_text
from minigpt.training import Step, TrainingDiverged, evaluation, mean_loss

# Small batches, so that an evaluation can be interrupted within a fraction of a second.
EVAL_TOKENS = 1024
# Nearly greedy, so that samples show what the model has learned, not what it risks.
SAMPLE_LENGTH, TEMPERATURE = 240, 0.5
# Samples, redrawing and saving each take at most this much of the time.
FRACTION = 0.01
# Held by the thread that trains: there is one at a time, whichever panel it belongs to.
_training = threading.Lock()


class Trainer:
    """Trains in a background thread, and holds what it has reached.

    Attributes:
        phase: "ready", "preparing", "training", "paused", "stopped", "finished" or
            "failed".
        problem, saved: what went wrong, and where the model was saved, in words or "".
        show: called, mostly from the thread, whenever there is something new to see.
        run, steps: the run in progress or the last one, and the steps it made here.
        baselines, opening: of its text: the baseline losses, and how samples begin.
        newest: a copy of its model, which further training does not change.
        newest_iteration, sample: when it was copied, and what the copy writes.
    """

    def __init__(self, folder: Path = CHECKPOINTS) -> None:
        self.show: Callable[[], None] = lambda: None
        self.folder = folder
        self.phase = "ready"
        self.problem = self.saved = self.sample = ""
        self.run: Run | None = None
        self.steps: list[Step] = []
        self.baselines: Baselines | None = None
        self.opening = PROMPTS["tales"]
        self.newest: Checkpoint | None = None
        self.newest_iteration = 0
        self.redraws = Throttle(0.3, FRACTION)
        self.samples = Throttle(4.0, FRACTION)
        self.saves = Throttle(60.0, FRACTION)
        self._control, self._last_evaluation = StopControl(), StopControl()
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether the thread is alive: training, paused, or saving."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def working(self) -> bool:
        """Whether it can be paused and stopped."""
        return self.phase in ("preparing", "training", "paused")

    @property
    def asked(self) -> str:
        """What it was asked for and has not done yet: "Stopping", "Pausing" or ""."""
        return self._control.asked

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """The losses so far, the training loss smoothed.

        The iterations that only practise copying are left out.
        """
        copied = self.run.config.copy_iters if self.run else 0
        steps = [step for step in list(self.steps) if step.iteration > copied]
        first = steps[0].iteration if steps else 1
        smooth = smoothed([step.loss for step in steps], over=20, first=first)
        val_losses = list(self.run.val_losses) if self.run else []
        return {"training": smooth, "validation": val_losses}

    def train(self, choice: Choice) -> None:
        """Begin a new run; ignored while one is in progress."""
        self._begin(lambda: self._new_run(choice))

    def go_on(self, choice: Choice) -> None:
        """End a pause, or continue the run that was stopped, finished or saved."""
        if self.working:
            self._control.resume()
        else:
            self._begin(lambda: self._old_run(choice))

    def pause(self) -> None:
        """Wait after this iteration, and save what was learned."""
        self._control.pause()
        self.show()

    def stop(self) -> None:
        """End after this iteration, and save what was learned."""
        self._control.stop()
        self.show()

    def retire(self) -> None:
        """End and save as soon as possible, because another trainer is waiting."""
        self._last_evaluation.stop()
        self.stop()

    def _begin(self, prepare: Callable[[], Run]) -> None:
        # A cell and a button may both call this, each from a thread of its own.
        with self._beginning:
            if self.working:
                return
            self._last_evaluation.stop()
            self._control, self._last_evaluation = StopControl(), StopControl()
            self.problem = self.saved = ""
            self._enter("preparing")
            self._thread = threading.Thread(
                target=self._work, args=(prepare,), name="training", daemon=True
            )
            self._thread.start()

    # Everything below runs in the thread.

    def _work(self, prepare: Callable[[], Run]) -> None:
        """Prepare a run and train; whatever goes wrong is put into words."""
        try:
            with self._alone():
                run = prepare()
                self._train(run)
                self._end(run)
        except Stopped:
            self._enter("stopped" if self.run else "ready")
        except Exception as error:
            self.problem = in_words(error)
            if isinstance(error, TrainingDiverged):
                self.problem += "; or choose another size"
                self.run = self.newest = None  # nothing in memory is worth keeping
            self._enter("failed")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread trains; keep others waiting."""
        while not _training.acquire(timeout=PATIENCE):
            self._control.wait()
        try:
            self.problem = self.saved = ""  # our own last thread may have set them
            yield
        finally:
            _training.release()

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.show()

    def _new_run(self, choice: Choice) -> Run:
        return self._adopt(choice, lambda data: begin(data, *choice.configs(data)))

    def _old_run(self, choice: Choice) -> Run:
        run = self.run or self._adopt(
            choice, lambda data: resume(data, find_furthest(self.folder))
        )
        if run.finished:
            run.extend(choice.minutes)
        return run

    def _adopt(self, choice: Choice, prepare: Callable[[Dataset], Run]) -> Run:
        """Read the chosen text, and make the run on it this trainer's."""
        # A download may take long enough for someone to lose patience.
        data = self._control.run(lambda: read_dataset(find_source(choice.text)))
        run = prepare(data)
        self.baselines = dataset_baselines(data)
        self.opening = opening_of(choice.text, data)
        self.run, self.steps, self.sample = run, [], ""
        return run

    def _train(self, run: Run) -> None:
        self._enter("training")
        self.saves.postpone()
        for step in run.steps(lambda *_: _measure(run, self._control)):
            self.steps.append(step)
            self.samples(lambda: self._publish(run))
            self.saves(lambda: self._save(run, announce=False))
            self.redraws(self.show)
            if self.asked == "Pausing":
                self._pause(run)
            if self.asked == "Stopping":
                break

    def _pause(self, run: Run) -> None:
        run.clock.stop()
        self._keep(run, "paused")
        with suppress(Stopped):
            self._control.wait()
            self._enter("training")
        self.problem = self.saved = ""
        run.clock.start()

    def _end(self, run: Run) -> None:
        self._keep(run, "finished" if run.finished else "stopped")
        if not run.val_losses or run.val_losses[-1][0] != run.iteration:
            # The curve should reach the last iteration; a new start cuts this short.
            run.record(_measure(run, self._last_evaluation))
            self._save(run)
            self.show()

    def _keep(self, run: Run, phase: str) -> None:
        """Enter a phase without training: show it, and publish and save the model."""
        self._enter(phase)
        self._publish(run)
        self._save(run)
        self.show()

    def _publish(self, run: Run) -> None:
        """Copy the model for others to use, and let the copy write a sample."""
        model = deepcopy(run.model).eval()
        self.newest_iteration = run.iteration
        self.newest = Checkpoint(model, run.dataset.tokenizer, None)
        sample = _write_sample(self.newest, self.opening, self._control)
        self.sample = sample or self.sample

    def _save(self, run: Run, announce: bool = True) -> None:
        path = self.folder / FINAL
        try:
            run.save(path)
        except OSError as error:
            self.problem = f"not saved: {error}; the model is still here to play with"
            return
        if announce:  # otherwise it learns on, and soon this would not be true
            self.saved = f"The model is saved in {_shown(path)}."
            if run.set_aside:
                self.saved += f" The one before it is now in {_shown(run.set_aside)}."


def _measure(run: Run, control: StopControl) -> float | None:
    """Return the validation loss, or None if the thread is asked for something."""
    ids, parts = run.dataset.val_ids, []
    for part in evaluation(run.model, ids, EVAL_TOKENS, run.dataset.starts(ids)):
        parts.append(part)
        if control.asked:
            return None
    return mean_loss(parts)


def _write_sample(made: Checkpoint, opening: str, control: StopControl) -> str | None:
    """Return a text that begins with `opening`, None if it is interrupted."""
    asked, text = control.asked, opening
    prompt = made.tokenizer.encode_prompt(opening)
    with suppress(ValueError), np.errstate(all="ignore"):
        ids = generate(made.model, prompt, SAMPLE_LENGTH, temperature=TEMPERATURE)
        for piece in stream_text(made.tokenizer, ids):
            text += piece
            if control.asked != asked:
                return None
        return text.strip("\n")
    return None


def _shown(path: Path) -> Path:
    return path.relative_to(HOME) if path.is_relative_to(HOME) else path
