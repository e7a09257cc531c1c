"""No vector depends on its batch-mates, on padding, or on the number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from export.build import export_encoder
from export.bundle import EncoderBundle
from export.session import EncoderGraph, Output
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


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS)
def test_nothing_is_ever_padded(encoder: EncoderBundle, texts: list[str]) -> None:
    """One text a call, its own tokens and no more: what a graph makes of padding never matters."""
    seen: list[tuple[str, list[list[int]]]] = []
    graph = encoder._graph

    class Watched:
        """The graph, with what it was given written down; a mask, too, would be an argument."""

        def run(self, ids: NDArray[np.int64], output: Output) -> NDArray[np.float32]:
            seen.append((output, ids.tolist()))
            return graph.run(ids, output)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "_graph", Watched())
        encoder.encode_queries(texts)
        encoder.encode_items(texts)
    items = encoder._tokens.ids(texts, encoder.spec.max_item_tokens)
    wanted = [("query_vector", [list(encoder.query_tokens(text))]) for text in texts]
    wanted += [("item_vector", [ids]) for ids in items]
    assert sorted(seen) == sorted(call for call in wanted if call[1][0])


def test_a_tokenizer_that_pads_is_kept_from_it(bundle: Path, tmp_path: Path) -> None:
    padding = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    padding.enable_padding(length=16)
    padding.save(str(tmp_path / "tokenizer.json"))
    texts = ["red kettle", "blue wool socks 1 l"]
    assert len(padding.encode(texts[0]).ids) == 16
    plain = TokenReader(bundle / "tokenizer.json").ids(texts, 12)
    assert TokenReader(tmp_path / "tokenizer.json").ids(texts, 12) == plain


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
    """In floats; int8, one scale a call, is never given any (`test_nothing_is_ever_padded`)."""
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
