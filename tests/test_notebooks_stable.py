"""The stored outputs come out the same on other kinds of machines.

The plain run of the notebooks uses the instruction set and the threads of the machine
it is on; these runs pretend to be an old one and a common one.
"""

import os
import subprocess
import sys

import notebook_tools as tools
import pytest

# Lessons 04 and 06 train for minutes; what they print depends on nothing that these
# settings change, which the plain run shows.
LESSONS = [name for name in tools.COURSE if name[:2] not in ("04", "06")]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("threads", "instructions"), [("1", "default"), ("2", "avx2")], ids="-".join
)
def test_outputs_do_not_depend_on_the_machine(threads, instructions):
    settings = {"OMP_NUM_THREADS": threads, "ATEN_CPU_CAPABILITY": instructions}
    paths = [str(tools.path_of(name)) for name in LESSONS]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
        cwd=tools.NOTEBOOKS.parent,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:]
