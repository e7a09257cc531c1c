"""Any judge by its path.

A directory is a trained cross-encoder, a TOML file a language model, a file of judgments the people
who gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.artefact import hash_file, read_manifest
from catalog.errors import TrainingError
from catalog.files import suffix_of
from catalog.issues import Issues
from catalog.model import Product
from training.judge import HumanJudge, Judge
from training.judges.inputs import read_graded

_SETTINGS = ".toml"
_JUDGMENTS = (".tsv", ".csv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class OpenJudge:
    """A judge ready to grade, and what its user wants to know of it.

    `source` names it in judgment files; `seen` are hashes of queries it was trained on; `stopped`
    says why it asks no more, empty while it does; `spent` says what it has cost so far.
    """

    judge: Judge
    source: str
    seen: frozenset[str] = frozenset()
    stopped: Callable[[], str] = lambda: ""
    spent: Callable[[], str] = lambda: ""

    def account(self) -> list[str]:
        """What a training run says of it: the cost so far, and why there are no more answers."""
        lines = [f"  judge: {self.spent()}"] if self.spent() else []
        if self.stopped():
            lines.append(
                f"  judge: asks no more, {self.stopped()}; what it has not graded is left out "
                "(its answers are kept: train again, or with higher bounds)"
            )
        return lines


@contextmanager
def open_judge(
    path: Path,
    products: Sequence[Product],
    *,
    floor: float | None = None,
    max_requests: int | None = None,
    max_tokens: int | None = None,
) -> Iterator[OpenJudge]:
    """Open the judge at `path` for `products`; what is None stays as the judge has it.

    Raises:
        TrainingError: no judge is there, or an option of another kind of judge is given.
        JudgmentError: the file of judgments cannot be read, or has none of these products.
        BundleError: the directory is no whole judge.

    """
    _check(path)
    if floor is not None and not path.is_dir():
        raise TrainingError(
            "only a cross-encoder has a floor", where=path, hint="Drop --floor for this judge."
        )
    if path.suffix == _SETTINGS:
        with _language_model(path, products, max_requests, max_tokens) as opened:
            yield opened
        return
    if max_requests is not None or max_tokens is not None:
        raise TrainingError("this judge costs no requests or tokens", where=path)
    yield _cross_encoder(path, products, floor) if path.is_dir() else _people(path, products)


def judge_source(path: Path) -> str:
    """The `source` of the judge at `path`, which is not opened. Raises as `open_judge` does."""
    _check(path)
    if path.is_dir():
        from training.judges.cross_encoder import KIND

        return f"cross-encoder:{read_manifest(path, KIND, verify=False).fingerprint[:12]}"
    if path.suffix != _SETTINGS:
        return f"judgments:{hash_file(path)[:12]}"
    from training.judges.prompt import Guideline
    from training.judges.settings import load_settings

    settings = load_settings(path)
    return f"llm:{settings.model}:{Guideline.read(settings.guideline).digest[:8]}"


def _check(path: Path) -> None:
    known = path.suffix == _SETTINGS or path.is_dir()
    if not known and not (path.is_file() and suffix_of(path) in _JUDGMENTS):
        raise TrainingError(
            "there is no judge here",
            where=path,
            expected="a judge's directory, the .toml file of a language model, or judgments of "
            f"people ({', '.join(_JUDGMENTS)})",
        )


def _people(path: Path, products: Sequence[Product]) -> OpenJudge:
    position = {product.id: row for row, product in enumerate(products)}
    graded = read_graded([path], position, strict=False, issues=Issues())
    return OpenJudge(HumanJudge(graded), judge_source(path))


def _cross_encoder(path: Path, products: Sequence[Product], floor: float | None) -> OpenJudge:
    from training.judges.cross_encoder import CrossEncoderJudge
    from training.judges.seen import seen_queries

    judge = CrossEncoderJudge.load(path, products, floor)
    return OpenJudge(judge, judge_source(path), seen_queries(path))


@contextmanager
def _language_model(
    path: Path, products: Sequence[Product], max_requests: int | None, max_tokens: int | None
) -> Iterator[OpenJudge]:
    from training.judges.cache import AnswerCache
    from training.judges.llm import LLMJudge
    from training.judges.prompt import Guideline
    from training.judges.settings import load_settings

    settings = load_settings(path, max_requests=max_requests, max_tokens=max_tokens)
    guideline = Guideline.read(settings.guideline)
    texts = [settings.template.item(product) for product in products]
    with AnswerCache(settings.cache) as cache:
        judge = LLMJudge(texts, settings, guideline, cache)

        def spent() -> str:
            usage = judge.usage
            return (
                f"{judge.ledger.requests:,} requests, {judge.ledger.tokens:,} tokens; "
                f"{usage.answered:,} pairs answered, {usage.cached:,} from the cache, "
                f"{usage.unusable:,} without a valid answer"
            )

        yield OpenJudge(judge, judge_source(path), stopped=lambda: judge.usage.stopped, spent=spent)
