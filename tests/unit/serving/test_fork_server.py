"""What the fork server does for itself; what it does for others is seen from their side, in `test_forked.py`."""

import subprocess
import sys

LOADS = """
import gc
from autotag.serving.fork_server import keep_shared
keep_shared()
print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)
"""


def test_what_is_there_is_kept_from_the_garbage_collector() -> None:
    told = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["True", "True"]
