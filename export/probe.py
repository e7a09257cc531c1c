"""A self-test that travels with an encoder: does this machine compute what the exporter saw?

Integer kernels differ between processors, and a newer tokenizer library may cut words elsewhere.
Either would shift every score without an error; a few known vectors tell at once.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from export.files import PROBE_FILE

# Below what quantisation costs a single query, above what saturated sums or other tokens leave.
MIN_COSINE = 0.97


@dataclass(frozen=True)
class Probe:
    """Queries and their vectors, (n, dim), by the float32 graph when the bundle was made."""

    texts: list[str]
    vectors: list[list[float]]

    @classmethod
    def of(cls, texts: list[str], vectors: NDArray[np.float32]) -> Probe:
        """A probe of these texts; components are kept to 6 decimals."""
        return cls(texts, np.round(vectors.astype(np.float64), 6).tolist())

    def save(self, directory: Path) -> None:
        """Write `probe.json` into `directory`."""
        (directory / PROBE_FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Probe:
        """Read `probe.json`. Raises BundleError when it cannot be understood."""
        try:
            return cls(**json.loads((directory / PROBE_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise BundleError(
                f"the probe cannot be read: {error}", where=directory / PROBE_FILE
            ) from error

    def check(self, found: NDArray[np.float32], where: Path) -> None:
        """Compare vectors computed here. Raises BundleError when one strays."""
        known = np.asarray(self.vectors, np.float32)
        if known.shape != found.shape:
            raise BundleError(
                "probe and model do not belong together",
                where=where,
                expected=f"vectors of shape {known.shape}",
                found=str(found.shape),
                hint="Export the checkpoint again.",
            )
        cosines = (known * found).sum(axis=1)
        worst = int(np.argmin(cosines))
        if cosines[worst] < MIN_COSINE:
            raise BundleError(
                "this machine computes other vectors than the one that made the bundle, for the "
                f"text {self.texts[worst]!r}",
                where=where,
                expected=f"cosine >= {MIN_COSINE}",
                found=f"{cosines[worst]:.4f}",
                hint="Export the checkpoint with this machine's libraries, or use fp32.",
            )
