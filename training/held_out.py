"""Files of judgments that must stay unseen: none of their queries trains, and they share none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from catalog.artefact import hash_file
from catalog.errors import JudgmentError
from catalog.issues import Issues
from catalog.readers import read_judgments
from catalog.split import query_hash
from catalog.text import normalise


def held_out_queries(held_out: Sequence[Path]) -> set[str]:
    """The normalised queries of the files."""
    return {normalise(one.query) for path in held_out for one in read_judgments(path)}


def refuse_held_out(queries: Iterable[str], held_out: Sequence[Path], issues: Issues) -> None:
    """Fail when a query of a calibration or test file would be trained on."""
    seen = {query_hash(query) for query in queries}
    for path in held_out:
        leaked = sorted(
            {j.query for j in read_judgments(path, issues=issues) if query_hash(j.query) in seen}
        )
        if leaked:
            raise JudgmentError(
                f"{len(leaked)} held-out queries are also in the training files",
                where=path,
                found=", ".join(repr(query) for query in leaked[:3]),
                hint="Split by query, so that calibration and test stay honest.",
            )


def refuse_shared(held_out: Sequence[Path]) -> None:
    """Fail when two different held-out files share a query: neither would be unseen by the other.

    A file that is given twice is one file.
    """
    files = {hash_file(path): path for path in held_out}
    owner: dict[str, Path] = {}
    for path in files.values():
        queries = {query_hash(one.query): one.query for one in read_judgments(path)}
        shared = sorted(queries[key] for key in queries.keys() & owner.keys())
        if shared:
            raise JudgmentError(
                f"{len(shared)} queries are also in another held-out file",
                where=path,
                found=", ".join(repr(query) for query in shared[:3]),
                expected=f"none of {owner[query_hash(shared[0])]}",
                hint="Split by query: what calibrates must not test.",
            )
        owner |= dict.fromkeys(queries, path)
