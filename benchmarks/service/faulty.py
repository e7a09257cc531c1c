"""`gradus serve` with an encoder whose faults a file turns on: `well`, `fail`, `hang 5` or `nan`.

For `benchmarks/service/faults.py`; the file is named by FAULT_FILE.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.bundle import EncoderBundle

_real = EncoderBundle.encode_queries
_file = Path(os.environ["FAULT_FILE"])


def _encode(self: EncoderBundle, texts: Sequence[str]) -> np.ndarray:
    fault, _, seconds = _file.read_text().strip().partition(" ")
    if fault == "fail":
        raise RuntimeError("the encoder was killed")
    if fault == "hang":
        time.sleep(float(seconds))
    vectors = _real(self, texts)
    return np.full_like(vectors, np.nan) if fault == "nan" else vectors


EncoderBundle.encode_queries = _encode  # type: ignore[method-assign]

if __name__ == "__main__":
    from gradus import main

    sys.argv = ["gradus", "serve", *sys.argv[1:]]
    main()
