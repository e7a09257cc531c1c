"""The allocator keeps what it was given."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Faults of ten blocks of 40 MB, written and freed in turn, in a process of its own.
FAULTS = """
import resource, sys
from training.memory import keep_freed_memory
import numpy as np
if sys.argv[1] == "keep":
    assert keep_freed_memory()
np.ones(10_000_000, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(10_000_000, np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_freed_memory_is_used_again_without_asking_the_kernel() -> None:
    assert faults("keep") < 100
    assert faults("as it is") > 100
