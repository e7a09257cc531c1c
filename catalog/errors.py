"""Every error Gradus raises on purpose, as one tree.

GradusError
├── CatalogError            a product or query file cannot be used
├── JudgmentError           a judgment file cannot be used
├── QueryError              a search request cannot be understood
├── RulesError              a file of pins and buries cannot be used
├── TrainingError           a training run cannot start or go on
├── BundleError             an artefact directory cannot be used
│   ├── MissingFile         a file the manifest lists is not there
│   ├── HashMismatch        a file differs from what was written
│   ├── SchemaTooNew        written by a newer Gradus
│   ├── EncoderMismatch     vectors and encoder do not belong together
│   └── ParityError         an exported encoder strays from its checkpoint
└── ServingError            a good request that cannot be answered now
    ├── Overloaded          the queue is full
    ├── NotReady            no index is open yet
    └── DeadlineExceeded    the time the client allowed has passed
"""

# Names say what is wrong (`HashMismatch`), as the errors of the standard library often do.
# ruff: noqa: N818

from __future__ import annotations

from pathlib import Path


class GradusError(Exception):
    """Root of the tree: says what, where, expected, found and what to do.

    `code` is the stable name clients may match on; `str(error)` is one line for people.
    """

    code = "error"

    def __init__(
        self,
        what: str,
        *,
        where: str | Path = "",
        expected: str = "",
        found: str = "",
        hint: str = "",
    ) -> None:
        self.what = what
        self.where = str(where)
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        details = [
            f"{name} {value}"
            for name, value in (("expected", self.expected), ("found", self.found))
            if value
        ]
        if details:
            text += f" ({', '.join(details)})"
        return f"{text}. {self.hint}" if self.hint else text


class CatalogError(GradusError):
    """A product or query file cannot be used; `where` is `path:line` when one line is at fault."""

    code = "catalog_error"


class JudgmentError(GradusError):
    """A judgment file cannot be used, or its queries may not be used for this purpose."""

    code = "judgment_error"


class QueryError(GradusError):
    """A search request cannot be understood."""

    code = "invalid_query"


class RulesError(GradusError):
    """A file of pins and buries cannot be used; `where` names the rule."""

    code = "rules_error"


class TrainingError(GradusError):
    """A training run cannot start or go on."""

    code = "training_error"


class BundleError(GradusError):
    """An artefact directory cannot be used."""

    code = "bundle_error"


class MissingFile(BundleError):
    """A file that the manifest lists, or the manifest itself, is not there."""

    code = "bundle_missing_file"


class HashMismatch(BundleError):
    """A file differs from what was written: truncated, edited or mixed up."""

    code = "bundle_hash_mismatch"


class SchemaTooNew(BundleError):
    """The artefact was written by a newer Gradus."""

    code = "bundle_schema_too_new"


class EncoderMismatch(BundleError):
    """Vectors and encoder do not belong together."""

    code = "bundle_encoder_mismatch"


class ParityError(BundleError):
    """An exported encoder strays further from its checkpoint than its bounds allow."""

    code = "bundle_parity"


class ServingError(GradusError):
    """A good request that cannot be answered now."""

    code = "unavailable"


class Overloaded(ServingError):
    """The queue is full; try again after a moment."""

    code = "overloaded"


class NotReady(ServingError):
    """No index is open yet."""

    code = "not_ready"


class DeadlineExceeded(ServingError):
    """The time the client allowed has passed."""

    code = "deadline_exceeded"
