"""What is freed while a network is tuned: kept inside of the block, given back at its end."""

import platform
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hashlens.training.finetune.memory import freed_memory_kept

SIZE = 256 * 2**20

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def use_and_free():
    np.ones(SIZE, np.uint8)


def check():
    before = resident()
    use_and_free()
    assert resident() < before + SIZE / 2
    with freed_memory_kept():
        use_and_free()
        assert resident() > before + SIZE / 2
    assert resident() < before + SIZE / 2
    use_and_free()
    assert resident() < before + SIZE / 2


def test_freed_memory_stays_inside_and_goes_back_at_the_end():
    # In a process of its own: what other tests have freed may be enough for this one.
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    check()
