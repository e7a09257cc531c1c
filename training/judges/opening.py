"""Any judge by its path: a directory is a trained cross-encoder, a TOML file a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import TrainingError
from catalog.model import Product
from training.judge import Judge


@dataclass(frozen=True)
class OpenJudge:
    """A judge ready to grade, and what its user wants to know of it.

    `source` names it in judgment files; `seen` are hashes of queries it was trained on; `stopped`
    says why it asks no more, empty while it does; `spent` says what it has cost so far.
    """

    judge: Judge
    source: str
    seen: frozenset[str]
    stopped: Callable[[], str]
    spent: Callable[[], str]

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
        TrainingError: neither directory nor TOML file, or an option of the other kind of judge.
        BundleError: the directory is no whole judge.

    """
    if path.suffix == ".toml":
        if floor is not None:
            raise TrainingError("a language model has no floor", where=path, hint="Drop --floor.")
        with _language_model(path, products, max_requests, max_tokens) as opened:
            yield opened
    elif path.is_dir():
        if max_requests is not None or max_tokens is not None:
            raise TrainingError("a cross-encoder costs no requests or tokens", where=path)
        yield _cross_encoder(path, products, floor)
    else:
        raise TrainingError(
            "there is no judge here", where=path, expected="a judge's directory or a .toml file"
        )


def _cross_encoder(path: Path, products: Sequence[Product], floor: float | None) -> OpenJudge:
    from catalog.artefact import read_manifest
    from training.judges.cross_encoder import KIND, CrossEncoderJudge
    from training.judges.seen import seen_queries

    judge = CrossEncoderJudge.load(path, products, floor)
    fingerprint = read_manifest(path, KIND, verify=False).fingerprint
    return OpenJudge(
        judge=judge,
        source=f"cross-encoder:{fingerprint[:12]}",
        seen=seen_queries(path),
        stopped=lambda: "",
        spent=lambda: "",
    )


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

        yield OpenJudge(
            judge=judge,
            source=f"llm:{settings.model}:{guideline.digest[:8]}",
            seen=frozenset(),
            stopped=lambda: judge.usage.stopped,
            spent=spent,
        )
