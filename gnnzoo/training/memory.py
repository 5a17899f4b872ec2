"""Keeping large freed memory blocks in the process instead of returning them to the kernel at each step.

A training step frees and allocates the same tens of megabytes again and again. glibc maps each large block afresh, and
clearing its pages took a fifth to a third of a step on a small network.
"""

import ctypes
import sys

# malloc.h of glibc
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Configure glibc's malloc to do so, for the whole process; without effect other than on Linux with glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library, such as musl
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_M_TOP_PAD, 256 * 2**20)  # grow the heap by several times what a step of a small network allocates
