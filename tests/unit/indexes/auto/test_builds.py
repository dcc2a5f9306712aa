import subprocess
import sys

import pytest

CHILD = """
import sys, time
import numpy as np
from hashlens.indexes import AutoIndex, MultiIndex
from hashlens.native import Segment

def build_again_and_again(codes, ids):
    while True:
        Segment.build(codes, 4, 16)

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.3)

MultiIndex.from_rows = build_again_and_again
slow = Slow()  # so that the interpreter takes its time to end
codes = np.random.default_rng(1).integers(0, 256, (20_000, 8), dtype=np.uint8)
index = AutoIndex.from_codes(codes)
with index._lock:
    index._start_building()
assert index.is_building
time.sleep(float(sys.argv[1]))
print("leaving")
"""


@pytest.mark.parametrize("delay", [0, 0.003, 0.01, 0.03])
def test_a_process_may_end_during_a_build(delay):
    # Once, the builder came back from native code to an interpreter that was gone, and aborted.
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(delay)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "leaving\n"
    assert done.returncode == 0, done.stderr
