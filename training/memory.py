"""Keeping the memory of freed tensors in the process instead of asking for it anew every step.

glibc gives large blocks back to the kernel at once and gets them again page by page, zeroed. Steps
of the same shapes spend a good part of their time on that: with 512 pairs a step, a bag of subwords
spent four times as long in the kernel.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of glibc's malloc.h
_LARGEST = 2**30  # bytes; blocks above it still come and go


def keep_freed_memory() -> bool:
    """Tell the allocator of this process; whether it understood (glibc on Linux does)."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGEST), (_TRIM_THRESHOLD, 2 * _LARGEST - 1), (_TOP_PAD, 2**28))
    return all(mallopt(option, value) == 1 for option, value in wanted)
