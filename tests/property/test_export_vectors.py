"""No vector depends on its batch-mates, on padding, or on the number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from export.build import export_encoder
from export.bundle import EncoderBundle
from export.session import EncoderGraph
from export.tokens import TokenReader

pytestmark = pytest.mark.slow

WORDS = [
    "red",
    "blue",
    "kettle",
    "hose",
    "wool",
    "socks",
    "1",
    "l",
    "näsby",
    "xylophone",
    "🙂",
    "-",
]
TEXTS = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "encoder"
    export_encoder(checkpoint, out, precisions=("int8",))
    return out


@pytest.fixture(scope="module", params=["fp32", "int8"])
def encoder(bundle: Path, request: pytest.FixtureRequest) -> EncoderBundle:
    return EncoderBundle.load(bundle, precision=request.param)


@pytest.fixture(scope="module")
def fixed_shape(bundle: Path) -> EncoderBundle:
    """The way of CUDA, run on the processor: every call has eight rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.bundle._ROWS", {"cpu": 8})
        return EncoderBundle.load(bundle, precision="fp32")


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, data=st.data())
def test_alone_or_among_others(
    encoder: EncoderBundle, texts: list[str], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    together = encoder.encode_items([texts[row] for row in order])
    queries = encoder.encode_queries([texts[row] for row in order])
    for place, row in enumerate(order):
        assert np.abs(together[place] - encoder.encode_items([texts[row]])[0]).max() <= 1e-6
        assert np.abs(queries[place] - encoder.encode_queries([texts[row]])[0]).max() <= 1e-6


@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_calls_of_fixed_shape(fixed_shape: EncoderBundle, texts: list[str]) -> None:
    together = fixed_shape.encode_items(texts)
    alone = np.concatenate([fixed_shape.encode_items([text]) for text in texts])
    np.testing.assert_array_equal(together, alone)


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(st.integers(4, 100), min_size=1, max_size=12),
    padding=st.lists(st.integers(0, 100), min_size=1, max_size=8),
)
def test_padding_changes_nothing(
    bundle_graph: EncoderGraph, ids: list[int], padding: list[int]
) -> None:
    padded = np.array([ids + padding])
    mask = np.array([[1] * len(ids) + [0] * len(padding)])
    for output in ("query_vector", "item_vector"):
        plain = bundle_graph.run(np.array([ids]), output)
        assert np.abs(bundle_graph.run(padded, output, mask) - plain).max() <= 1e-6


@pytest.fixture(scope="module")
def bundle_graph(bundle: Path) -> EncoderGraph:
    return EncoderGraph(bundle / "model.fp32.onnx")


def test_threads_change_nothing(bundle: Path, encoder: EncoderBundle) -> None:
    texts = [" ".join(WORDS[: 1 + n % 9]) + f" {n}" for n in range(60)]
    several = EncoderBundle.load(bundle, precision=encoder.precision, threads=3)
    np.testing.assert_array_equal(several.encode_items(texts), encoder.encode_items(texts))


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, limit=st.integers(2, 15))
def test_tokens_are_cut_as_the_tokenizer_would(bundle: Path, texts: list[str], limit: int) -> None:
    oracle = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    oracle.enable_truncation(limit)
    found = TokenReader(bundle / "tokenizer.json").ids(texts, limit)
    assert found == [encoding.ids for encoding in oracle.encode_batch(texts)]
