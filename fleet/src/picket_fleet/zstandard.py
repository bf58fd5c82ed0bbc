"""zstd as Python's own library has it from 3.14 on, and a backport of it before."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["zstd"]
