"""One ONNX graph, opened: it runs on the provider asked for, or an error says why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from catalog.errors import BundleError

Provider = Literal["cpu", "cuda"]
Output = Literal["query_vector", "item_vector"]

INPUTS = ("input_ids", "attention_mask")
OUTPUTS: tuple[Output, Output] = ("query_vector", "item_vector")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3  # onnxruntime's log level: warnings would land on a user's terminal


class EncoderGraph:
    """An encoder's ONNX graph with pooling, heads and normalisation inside.

    Inputs `input_ids` and `attention_mask`, (n, length) int64; outputs `query_vector` and
    `item_vector`, (n, dim) float32, rows L2 = 1. Safe to call from several threads.
    """

    def __init__(self, path: Path, *, provider: Provider = "cpu") -> None:
        """Open the graph at `path`.

        Raises BundleError when the file is no ONNX graph of this shape, or when the provider is
        not to be had: a session never falls back to another one in silence.
        """
        self._path = path
        self._session = _open(path, provider)
        self._run_options = ort.RunOptions()
        # One graph serves both sides; a query need not pay for the item head.
        self._run_options.only_execute_path_to_fetches = True
        self.dim = _checked_dim(self._session, path)

    def run(
        self,
        ids: NDArray[np.int64],
        output: Output,
        mask: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Vectors (n, dim) float32 of `ids` (n, length); without `mask` every token counts.

        Raises BundleError when the graph cannot read these ids.
        """
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids) if mask is None else mask}
        try:
            vectors: NDArray[np.float32] = self._session.run([output], feed, self._run_options)[0]
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise BundleError(
                f"the model cannot encode {len(ids)} texts of {ids.shape[1]} tokens: "
                f"{_first_line(error)}",
                where=self._path,
                hint="Tokenizer, token limits and model do not fit; export the encoder again.",
            ) from error
        return vectors


def _open(path: Path, provider: Provider) -> Any:
    wanted = _PROVIDERS[provider]
    available: Sequence[str] = ort.get_available_providers()
    if wanted not in available:
        raise BundleError(
            f"this onnxruntime has no {provider} provider",
            where=path,
            expected=wanted,
            found=", ".join(available),
            hint="Install the `gpu` extra on a machine with a CUDA device, or ask for cpu.",
        )
    options = ort.SessionOptions()
    # One core a call: a second brings nothing to one short text, and would sum in another order.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = ort.InferenceSession(str(path), options, providers=[wanted])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise BundleError(
            f"onnxruntime cannot open the model: {_first_line(error)}",
            where=path,
            hint="The file is damaged or needs a newer onnxruntime; export the encoder again.",
        ) from error
    if session.get_providers()[0] != wanted:
        raise BundleError(
            f"the {provider} provider could not be started",
            where=path,
            expected=wanted,
            found=", ".join(session.get_providers()),
            hint="Check the CUDA driver and libraries, or ask for cpu.",
        )
    return session


def _checked_dim(session: Any, path: Path) -> int:
    """The length of the vectors, once inputs and outputs are what an encoder has."""
    inputs = tuple(sorted(value.name for value in session.get_inputs()))
    outputs = {value.name: value.shape for value in session.get_outputs()}
    if inputs != tuple(sorted(INPUTS)) or set(outputs) != set(OUTPUTS):
        raise BundleError(
            "the ONNX graph is not a Gradus encoder",
            where=path,
            expected=f"inputs {', '.join(INPUTS)}; outputs {', '.join(OUTPUTS)}",
            found=f"inputs {', '.join(inputs)}; outputs {', '.join(outputs)}",
            hint="Export the checkpoint with `gradus export`.",
        )
    dims = {shape[-1] for shape in outputs.values()}
    dim = dims.pop()
    if dims or not isinstance(dim, int):
        raise BundleError(
            "the outputs have no fixed, common length", where=path, found=str(outputs)
        )
    return dim


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
