"""Run the console command in a terminal, for what only happens in one."""

import codecs
import os
import select
import subprocess
import sys
import time

try:
    import fcntl
    import pty
    import termios
except ImportError:  # Windows has none, and its tests are skipped
    pass


class Terminal:
    """A process in a terminal, and what it has written and nobody has read yet."""

    def __init__(self, *words: object, **environment: str) -> None:
        self.end, other = pty.openpty()
        termios.tcsetwinsize(other, (24, 100))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minigpt", *map(str, words)],
            stdin=other, stdout=other, stderr=other, start_new_session=True,
            env={**os.environ, "TERM": "xterm", **environment},
            # So that Ctrl-C in this terminal reaches the process.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(other)
        self.unread = ""
        self.decode = codecs.getincrementaldecoder("utf-8")().decode

    def type(self, text: str) -> None:
        """Type the text, as a person would."""
        os.write(self.end, text.encode())

    def read_until(self, text: str, seconds: float = 30) -> None:
        """Read up to this text, or fail if it does not come."""
        deadline = time.monotonic() + seconds
        while text not in self.unread:
            ready, _, _ = select.select([self.end], [], [], deadline - time.monotonic())
            assert ready, f"{text!r} is not in {self.unread!r}"
            self.unread += self.decode(os.read(self.end, 4096))
        self.unread = self.unread.partition(text)[2]

    def close(self) -> int:
        """Wait for the process to end and return its status."""
        status = self.process.wait(60)
        os.close(self.end)
        return status
