"""Call back the widgets that a reader uses while a cell waits."""

from importlib import import_module
from importlib.util import find_spec

from IPython import get_ipython

LIBRARY = "jupyter_ui_poll"


def keeps_waiting() -> bool:
    """Whether code runs in a kernel that lets widgets wait until its cell has ended."""
    in_kernel = hasattr(get_ipython(), "kernel")
    return in_kernel and import_module("ipykernel").version_info < (7,)


async def call_back() -> None:
    """Handle what has arrived from widgets, while the cell that awaits this goes on.

    ipykernel 7 does so by itself. In ipykernel 6, which Colab has, jupyter-ui-poll does
    it where it is installed; otherwise the callbacks come when the cell has ended.
    """
    if keeps_waiting() and find_spec(LIBRARY):
        async with import_module(LIBRARY).ui_events() as poll:
            await poll(10)
