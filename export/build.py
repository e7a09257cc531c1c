"""From a checkpoint to an encoder bundle: trace, quantise, compare, and only then publish."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from catalog.artefact import read_manifest, write_manifest, writing
from catalog.errors import BundleError, MissingFile, ParityError
from export.bundle import EncoderBundle, Precision, Provider
from export.convert import write_half_onnx, write_onnx
from export.files import KIND, PARITY_FILE, TOKENIZER_FILE, TRAIN_QUERIES_FILE, model_file
from export.late import likeness_of
from export.likeness import SHARE
from export.measure import batch_difference, bundle_vectors, torch_vectors
from export.parity import Bounds, Parity, Sides, cosines, rank_agreement
from export.probe import Probe
from export.quantise import INT8_FORMATS
from export.session import EncoderGraph
from export.texts import PARITY_TEXTS_FILE, ParityTexts
from export.tokens import TokenReader

if TYPE_CHECKING:
    from training.model import TwinEncoder

PROBES = 8  # queries whose vectors travel with the bundle
LIBRARIES = ("torch", "transformers", "optimum-onnx", "onnx", "onnxruntime", "tokenizers")


@dataclass(frozen=True)
class Exported:
    """What was written and measured, and in plain words what was refused or not checked."""

    models: tuple[Parity, ...]
    notes: tuple[str, ...]


def export_encoder(
    checkpoint: Path,
    out: Path,
    *,
    texts: ParityTexts | None = None,
    precisions: Sequence[Precision] = ("int8", "fp16"),
    bounds: Bounds | None = None,
    late: float = SHARE,
    say: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write the encoder bundle of `checkpoint` to `out`; fp32 is always part of it.

    `texts` default to those that training stored beside the checkpoint. `late` is the share of late
    interaction in the semantic scores of a bag of subwords, 0 for none.

    Raises:
        MissingFile, HashMismatch, BundleError: the checkpoint or its texts cannot be used, or
            `late` is not in [0, 1].
        ParityError: a model strays further than `bounds`; nothing is written.

    """
    from training.model import TwinEncoder

    if not 0.0 <= late <= 1.0:
        raise BundleError("late is a share", expected="0 to 1", found=f"{late:g}")
    parent = read_manifest(checkpoint, "checkpoint")
    if texts is None:
        texts = ParityTexts.load(checkpoint / PARITY_TEXTS_FILE)
    model = TwinEncoder.load(checkpoint).eval()
    bounds = bounds or Bounds()
    with writing(out, KIND) as directory:
        _copy_settings(checkpoint, directory, model)
        special = TokenReader(directory / TOKENIZER_FILE).special
        likeness = likeness_of(model, special, late)
        if likeness is not None:
            likeness.save(directory)
        job = _Job(directory, out, model, texts, bounds)
        for precision in ("fp32", *precisions):
            say(f"{precision}: {_STEPS[precision][1]}")
            _STEPS[precision][0](job)
        exported = Exported(tuple(job.models), tuple(job.notes))
        _write_report(directory, exported, texts, bounds)
        write_manifest(
            directory,
            KIND,
            parents={"checkpoint": parent.fingerprint},
            config={
                "precisions": [made.precision for made in job.models],
                "late": 0.0 if likeness is None else likeness.share,
                "matryoshka": parent.config.get("network", {}).get("matryoshka", []),
            },
            quality={made.precision: asdict(made) for made in job.models},
            libraries=LIBRARIES,
        )
    return exported


class _Job:
    """One export under way in `directory`, to be renamed to `out`."""

    def __init__(
        self, directory: Path, out: Path, model: TwinEncoder, texts: ParityTexts, bounds: Bounds
    ) -> None:
        self.directory = directory
        self.model = model
        self.models: list[Parity] = []
        self.notes: list[str] = []
        self._out = out
        self._texts = texts
        self._bounds = bounds
        self._reference = torch_vectors(model, directory / TOKENIZER_FILE, texts)

    def fp32(self) -> None:
        path = self.directory / model_file("fp32")
        write_onnx(self.model, path)
        _check_longest_text(EncoderGraph(path), self.model)
        vectors = self._measure("fp32", "float32", against="torch")
        Probe.of(list(self._texts.queries[:PROBES]), vectors.queries[:PROBES]).save(self.directory)
        self._reference = vectors

    def int8(self) -> None:
        """The fastest format that holds its bounds."""
        source = onnx.load(self.directory / model_file("fp32"))
        refused: ParityError | None = None
        for name, quantise in INT8_FORMATS.items():
            onnx.save(quantise(source), self.directory / model_file("int8"))
            try:
                self._measure("int8", name)
                return
            except ParityError as error:
                refused = error
                self.notes.append(f"int8 format {name} refused: {error}")
        if refused is not None:
            raise refused

    def fp16(self) -> None:
        """Measured on CUDA where a device is, else with the same weights on the processor."""
        write_half_onnx(self.model, self.directory / model_file("fp16"))
        try:
            EncoderGraph(self.directory / model_file("fp16"), provider="cuda")
        except BundleError as error:
            self.notes.append(f"fp16 on cuda not checked: {error.what} (found {error.found})")
            self._measure("fp16", "float16")
        else:
            self._measure("fp16", "float16", provider="cuda")

    def _measure(
        self,
        precision: Precision,
        format_: str,
        *,
        provider: Provider = "cpu",
        against: str = "fp32",
    ) -> Sides:
        """Encode the texts and note how far they stray. Raises ParityError out of bounds."""
        write_manifest(self.directory, KIND)
        bundle = EncoderBundle.load(
            self.directory, precision=precision, provider=provider, verify=False
        )
        vectors = bundle_vectors(bundle, self._texts)
        agreement = cosines(vectors, self._reference)
        parity = Parity(
            precision=precision,
            format=format_,
            provider=provider,
            against=against,
            size=(self.directory / model_file(precision)).stat().st_size,
            mean_cosine=float(agreement.mean()),
            min_cosine=float(agreement.min()),
            rank_agreement=rank_agreement(vectors, self._reference),
            batch_difference=batch_difference(bundle, self._texts, vectors),
        )
        parity.check(self._bounds, self._out)
        self.models.append(parity)
        return vectors


_STEPS: dict[str, tuple[Callable[[_Job], None], str]] = {
    "fp32": (_Job.fp32, "trace the network and compare it with torch"),
    "int8": (_Job.int8, "quantise for processors and compare with fp32"),
    "fp16": (_Job.fp16, "trace for CUDA and compare with fp32"),
}


def _copy_settings(checkpoint: Path, directory: Path, model: TwinEncoder) -> None:
    model.spec.save(directory)
    for name in (TOKENIZER_FILE, TRAIN_QUERIES_FILE):
        if not (checkpoint / name).is_file():
            raise MissingFile(
                "part of the checkpoint is missing",
                where=checkpoint / name,
                hint="Train again, or restore it from a copy.",
            )
        shutil.copyfile(checkpoint / name, directory / name)
    tokens = TokenReader(directory / TOKENIZER_FILE).vocabulary_size
    rows = int(model.backbone.config.vocab_size)
    if tokens > rows:
        raise BundleError(
            "tokenizer and network do not belong together",
            where=checkpoint,
            expected=f"at most {rows} tokens, as the embedding table has",
            found=str(tokens),
        )


def _check_longest_text(graph: EncoderGraph, model: TwinEncoder) -> None:
    """A network of fewer positions than the limits allow would fail on the first long text."""
    longest = max(model.spec.max_query_tokens, model.spec.max_item_tokens)
    graph.run(np.full((1, longest), int(model.backbone.config.vocab_size) - 1), "item_vector")


def _write_report(directory: Path, exported: Exported, texts: ParityTexts, bounds: Bounds) -> None:
    report = {
        "bounds": asdict(bounds),
        "texts": {"queries": len(texts.queries), "items": len(texts.items)},
        "models": [asdict(made) for made in exported.models],
        "notes": list(exported.notes),
    }
    (directory / PARITY_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
