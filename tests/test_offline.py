"""Once installed, nothing needs the network but `minigpt prepare shakespeare`.

The whole run of the tests is kept from it, see guard.py, and fails if anything else
tried; here is shown that it really is kept, also where the lessons run.
"""

import socket
import subprocess
import sys

import pytest
from jupyter_client.manager import start_new_kernel
from network import attempts

CONNECT = "import socket; socket.create_connection(('example.com', 80), 5)"


@pytest.fixture
def before():
    return len(attempts())


def test_this_process_is_offline(before):
    with pytest.raises(OSError, match="the tests have no network"):
        socket.create_connection(("example.com", 80), 5)
    with pytest.raises(OSError, match="the tests have no network"):
        socket.socket().connect(("192.0.2.1", 80))
    assert len(attempts()) == before + 2
    assert attempts()[-1].startswith("192.0.2.1\ttests/test_offline.py")


def test_processes_that_it_starts_are_offline(before):
    done = subprocess.run([sys.executable, "-c", CONNECT], capture_output=True)
    assert b"the tests have no network" in done.stderr
    assert len(attempts()) == before + 1


def test_kernels_are_offline(before):
    manager, client = start_new_kernel()
    try:
        reply = client.execute_interactive(CONNECT, timeout=60, output_hook=print)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert "the tests have no network" in reply["content"]["evalue"]
    assert len(attempts()) == before + 1


def test_the_one_command_that_needs_it_says_so(minigpt, before, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy":
        monkeypatch.delenv(name, raising=False)
    complaint = minigpt("prepare", "shakespeare", "--data-dir", tmp_path).complaint
    assert "shakespeare" in complaint.lower() or "download" in complaint
    assert len(attempts()) > before
