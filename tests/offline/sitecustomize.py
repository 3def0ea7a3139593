"""Keep a Python process from reaching beyond this machine, and note that it tried.

Python imports this by itself when it starts with this folder on its path: the tests'
own process puts it there for all that it starts, kernels and servers too.
"""

import errno
import os
import socket
import sys

LOG = "MINIGPT_TESTS_NETWORK_LOG"
LOCAL = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", socket.gethostname()}


def host_of(event: str, args: tuple) -> object:
    """Return the host that a call wants to reach, or None if it wants none."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        return args[0]
    if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        return args[1][0]
    return None


def refuse(event: str, args: tuple) -> None:
    if not event.startswith("socket."):
        return
    host = host_of(event, args)
    host = host.decode() if isinstance(host, bytes) else host
    if host is None or host in LOCAL:
        return
    if LOG in os.environ:
        with open(os.environ[LOG], "a", encoding="utf-8") as log:
            log.write(f"{host}\t{os.environ.get('PYTEST_CURRENT_TEST', '')}\n")
    raise OSError(errno.ENETUNREACH, "the tests have no network")


sys.addaudithook(refuse)
