"""What a class does to a kernel, a lesson survives: wrong order, twice, interrupted."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import notebook_tools as tools
import pytest
from jupyter_client.manager import start_new_kernel

# All but 04 and 06, which train for minutes; one of them is enough for most runs.
LESSONS = ["03_block"]
LESSONS += [
    pytest.param(name, marks=pytest.mark.thorough)
    for name in [*tools.COURSE, *tools.BEYOND]
    if name[:2] not in ("03", "04", "06")
]
LONG = 120  # seconds


class Kernel:
    """A kernel, and what came of the cells that it was given."""

    def __init__(self, manager, client) -> None:
        self.manager, self.client = manager, client

    def run(self, source: str) -> str:
        """Run a cell to its end; return the name of the error, or nothing."""
        return self.wait(self.begin(source))

    def begin(self, source: str) -> str:
        return self.client.execute(source, store_history=True)

    def wait(self, request: str) -> str:
        while True:
            reply = self.client.get_shell_msg(timeout=LONG)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"].get("ename", "")

    def ask(self, expression: str) -> str:
        """Return the value of an expression as text, or nothing if it was dropped.

        An interrupted cell takes with it what waits behind it.
        """
        request = self.client.execute("", user_expressions={"asked": expression})
        while True:
            reply = self.client.get_shell_msg(timeout=LONG)
            if reply["parent_header"].get("msg_id") == request:
                if reply["content"]["status"] != "ok":
                    return ""
                asked = reply["content"]["user_expressions"]["asked"]
                return asked["data"]["text/plain"] if "data" in asked else str(asked)

    def wait_for(self, kind: str, request: str) -> None:
        """Wait until the kernel has sent a message of this kind about a cell."""
        while True:
            message = self.client.get_iopub_msg(timeout=LONG)
            about = message["parent_header"].get("msg_id")
            if about == request and message["msg_type"] == kind:
                return

    def until(self, expression: str) -> None:
        end = time.monotonic() + LONG
        while self.ask(expression) != "True":
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.1)

    def click(self, button: str) -> None:
        """Click a button, given by its model id, as a front end without subshells."""
        data = {"method": "custom", "content": {"event": "click"}}
        content = {"comm_id": button, "data": data}
        message = self.client.session.msg("comm_msg", content)
        self.client.shell_channel.send(message)

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()


@contextmanager
def kernel(folder, **settings: str) -> Iterator[Kernel]:
    env = {**os.environ, **settings}
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder), env=env)
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def sources(name: str) -> list[str]:
    return [cell.source for cell in tools.cells(name, "code")]


@pytest.mark.parametrize("name", LESSONS)
def test_backwards_then_every_cell_twice(name, tried):
    with kernel(tools.NOTEBOOKS) as running:
        cells = sources(name)
        errors = [running.run(cell) for cell in reversed(cells)]
        # A name that is not there yet is what a reader is told, and nothing worse.
        assert set(errors) <= {"", "NameError"}
        for cell in cells:
            for _ in range(2):
                assert running.run(cell) == "", cell
    tried(f"{name}: {len(cells)} cells backwards, then each of them twice")


START = """
from pathlib import Path
import tempfile
from minigpt.course import widgets
from minigpt.course.widgets.training import TrainingPanel
from minigpt.course.widgets.training.trainer import Trainer
folder = Path(tempfile.mkdtemp())
trainer = TrainingPanel(Trainer(folder))
"""
TRAINS = "trainer.trainer.phase == 'training' and len(trainer.trainer.steps) > 5"


def test_stop_answers_while_a_cell_waits(tried):
    with kernel(tools.NOTEBOOKS) as running:
        assert running.run(START) == ""
        stop = running.ask("trainer.stop_button.model_id").strip("'")
        assert running.run("trainer.train()") == ""
        running.until(TRAINS)
        waiting = running.begin("await trainer.finished()")
        behind = running.begin("reached = trainer.trainer.phase")
        running.wait_for("execute_input", waiting)
        clicked = time.monotonic()
        running.click(stop)
        assert running.wait(waiting) == ""
        seconds = time.monotonic() - clicked
        assert running.wait(behind) == ""
        assert running.ask("reached") == "'stopped'"
    tried(f"Stop, clicked while a cell waits, ends it after {seconds:.1f} s")


def test_training_interrupted_trains_again(tried):
    with kernel(tools.NOTEBOOKS) as running:
        assert running.run(START) == ""
        for _ in range(2):
            assert running.run("trainer.train()") == ""
            running.until(TRAINS)
            waiting = running.begin("await trainer.finished()")
            running.wait_for("execute_input", waiting)
            running.interrupt()
            assert running.wait(waiting) in ("KeyboardInterrupt", "CancelledError")
            running.until("trainer.trainer.phase == 'stopped'")
            running.until("not trainer.trainer.busy")
            assert running.ask("(folder / 'model_final.pt').exists()") == "True"
        before = int(running.ask("trainer.trainer.run.iteration"))
        assert running.run("trainer.go_on()") == ""
        running.until(f"trainer.trainer.run.iteration > {before}")
        assert running.run("trainer.stop()") == ""
    tried("2 interrupts of a training, which then went on")


def test_a_loop_interrupted_runs_again():
    """Lesson 04 trains in the cell itself."""
    with kernel(tools.NOTEBOOKS) as running:
        cells = {cell.id: cell.source for cell in tools.cells("04", "code")}
        for source in (
            cells["imports"],
            "from minigpt import baseline_losses",
            "text = data.read_text(data.BUILT_IN['fables'])",
            cells["dataset-make"],
            "known = baseline_losses(train_ids, val_ids, V)",
            "shape = GPTConfig(vocab_size=V, block_size=32, n_layer=2, n_embd=64)",
        ):
            assert running.run(source) == ""
        loop = running.begin(cells["library-live"].replace("200", "20_000"))
        running.wait_for("comm_msg", loop)  # the curve has been drawn
        running.interrupt()
        assert running.wait(loop) == "KeyboardInterrupt"
        running.until("True")  # until then the kernel drops what it is sent
        assert running.run(cells["library-live"]) == ""
        assert running.ask("len(steps)") == "200"


WRITE = """
from minigpt.checkpoint import load_checkpoint
from minigpt.decoding import generate
from minigpt.paths import SHIPPED_CHECKPOINT
from minigpt.tokenizer import until_end
play = widgets.playground(load_checkpoint(SHIPPED_CHECKPOINT))
play.controls.length.value = 1000
asked = play.controls.request()
ids = generate(asked.model, asked.prompt, 1000, seed=0, **play.writer.settings)
tale = asked.prompt + list(until_end(asked.tokenizer, ids))
"""


def test_writing_interrupted_writes_again(tried):
    interrupts = 10
    with kernel(tools.NOTEBOOKS) as running:
        assert running.run("from minigpt import widgets" + WRITE) == ""
        for n in range(interrupts):
            # Busy for a moment, then the text goes on in the kernel's idle time.
            writing = running.begin(f"play.controls.seed.value = {n + 1}")
            running.wait(writing)
            time.sleep(0.02 * n)
            running.interrupt()
        running.until("True")
        assert running.run("play.controls.seed.value = 0") == ""
        running.until("not play.writer.stream.writing")
        running.until("play.writer.ids == tale")
        assert running.ask("play.problem.value") == "''"
    tried(f"{interrupts} interrupts of a text, which then was written")
