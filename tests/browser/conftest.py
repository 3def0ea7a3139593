"""A real JupyterLab with a copy of the course, and a browser to drive it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lab as lab_tools
import notebook_tools
import pytest

STARTS_WITHIN = 90  # seconds
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what: str) -> None:
    """Fail in CI, where the browser has to be; skip on a learner's machine."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(f"{what}: the browser tests are left out")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep a picture of the page on which a test has failed."""
    report = yield
    shown = getattr(item, "funcargs", {}).get("notebook")
    if report.failed and shown is not None:
        lab_tools.ARTIFACTS.mkdir(exist_ok=True)
        name = re.sub(r"\W+", "_", item.name)
        shown.page.screenshot(path=lab_tools.ARTIFACTS / f"failed_{name}.png")
    return report


# Not for the whole session: as long as Playwright runs, no other test can have an
# event loop of its own.
@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        missing("playwright is not installed")
    if not Path(CHROMIUM).exists():
        missing(f"there is no browser {CHROMIUM}")
    with sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except Error as error:
            missing(f"{CHROMIUM} does not start ({str(error).splitlines()[0]})")
        yield started
        started.close()


@pytest.fixture(scope="session")
def course(tmp_path_factory) -> Path:
    """A copy of the course: what the tests train and save stays in it."""
    folder = tmp_path_factory.mktemp("course")
    notebook_tools.copy_course(folder)
    return folder


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write_settings(folder: Path, theme: str) -> None:
    """Set the theme, and have every cell in the page, also those out of sight."""
    settings = {
        "apputils-extension/themes": {"theme": f"JupyterLab {theme.title()}"},
        "apputils-extension/notification": {"fetchNews": "false"},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, values in settings.items():
        path = folder / f"@jupyterlab/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")


def environment(course: Path, state: Path) -> dict[str, str]:
    """Keep all of Jupyter's state in a folder, and import the copy's minigpt."""
    return notebook_tools.environment_of(course) | {
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
        "IPYTHONDIR": str(state / "ipython"),
        "XDG_CACHE_HOME": str(state / "cache"),
    }


@contextmanager
def serving(course: Path, state: Path) -> Iterator[str]:
    """Run JupyterLab on the copy, and end it; give its address."""
    port = free_port()
    arguments = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--port-retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True",
        f"--ServerApp.root_dir={course}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (state / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            env=environment(course, state),
            stdout=log,
            stderr=log,
            cwd=course,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", server, state / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def lab(browser, course, tmp_path_factory) -> Iterator["lab_tools.Lab"]:
    """JupyterLab with the copy of the course, in the browser."""
    state = tmp_path_factory.mktemp("jupyter")
    write_settings(state / "settings", "light")
    with serving(course, state) as address:
        yield lab_tools.Lab(browser, address, state, course)
