"""A child that is started while its parent ends."""

import subprocess
import sys

import pytest

from config.env import ROOT

STARTED_BY_ANOTHER = """
import os
from config.child import Child

def code(run):
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os._exit(run() or 0)

before_exec = Child("any", ()).options()["preexec_fn"]
print(code(before_exec), code(lambda: code(before_exec)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_it_does_not_start_once_the_one_that_started_it_is_gone() -> None:
    command = [sys.executable, "-c", STARTED_BY_ANOTHER]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.stdout.split() == ["0", "1"], done.stderr
