"""A tiny real encoder bundle made without torch, an index that serves by itself, quiet torch.

Tests of pages need `pip install playwright` and Chromium, on the path or named by CHROMIUM; they
are skipped without.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from catalog.artefact import write_manifest, writing
from catalog.demo import QueryCounts, generate, write
from catalog.encoder_spec import EncoderSpec
from catalog.model import Product
from export.bundle import EncoderBundle
from index.analysis import words
from index.build import build_index
from index.engine import Engine
from service.app import create_app
from service.settings import EncoderSettings, LimitSettings, Settings

DIM = 16
REPOSITORY = Path(__file__).parents[2]
# However busy the machine: no search goes on without its vector, and none runs out of time.
PATIENT = EncoderSettings(max_wait_us=60_000_000)
UNHURRIED = LimitSettings(timeout_ms=60_000, spelling_ms=60_000.0, facets_ms=60_000.0)


@pytest.fixture(scope="module")
def one_thread_and_no_hub() -> Iterator[None]:
    """One thread for equal sums, and nothing asked of a network."""
    import torch

    import training.job  # noqa: F401

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    # Every stage collects garbage, which for so short ones is half of the time: spare it the
    # thousands of objects of the libraries.
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        # What HF_HUB_OFFLINE=1 sets; other tests may have imported these before.
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        patch.setattr("transformers.utils.hub._is_offline_mode", True)
        yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 products, about 20 judged queries, and the module's RECIPE as tiny.toml. Read only."""
    out = tmp_path_factory.mktemp("tiny") / "shop"
    write(generate(5, 100, counts=QueryCounts(20, 2, 2)), out)
    (out / "tiny.toml").write_text(request.module.RECIPE)
    return out


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, demo_products: list[Product]) -> Path:
    """An encoder bundle: a table of random word vectors, their mean, normalised, as ONNX."""
    out = tmp_path_factory.mktemp("encoder") / "tiny"
    seen = sorted({word for product in demo_products for word in words(product.title)})
    vocabulary = {"[UNK]": 0, **{word: row for row, word in enumerate(seen, 1)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with writing(out, "encoder") as directory:
        EncoderSpec(dim=DIM, architecture="test table").save(directory)
        tokenizer.save(str(directory / "tokenizer.json"))
        (directory / "train_queries.json").write_text(json.dumps([]))
        onnx.save(_table(len(vocabulary)), directory / "model.int8.onnx")
        write_manifest(directory, "encoder")
    return out


def _table(rows: int) -> onnx.ModelProto:
    weights = np.random.default_rng(0).standard_normal((rows, DIM)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["rows"], axis=0),
        helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], ["query_vector"], axis=1, p=2),
        helper.make_node("Identity", ["query_vector"], ["item_vector"]),
    ]
    graph = helper.make_graph(
        nodes,
        "table",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"])
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", DIM])
            for name in ("query_vector", "item_vector")
        ],
        [numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="session")
def served_index(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path, demo_products: list[Product]
) -> Path:
    """Root of an index that holds its own encoder. Read only: copy it before changing anything."""
    root = tmp_path_factory.mktemp("served") / "root"
    build_index(demo_products, EncoderBundle.load(tiny_bundle), root, encoder_dir=tiny_bundle)
    return root


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app(built_index: Path, engine: Engine) -> FastAPI:
    return create_app(Settings(index=built_index, encoder=PATIENT, limits=UNHURRIED), engine)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page()
    complaints: list[str] = []
    # What the policy refuses and what a script throws is told there.
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda told: complaints.append(told.text) if "Content Security" in told.text else None,
    )
    yield page
    page.close()
    assert complaints == []


@pytest.fixture(scope="session")
def serving(browser: Any) -> Callable[..., AbstractContextManager[str]]:
    """Start a service for a browser: `with serving(index, GRADUS_…=…) as url`."""

    @contextmanager
    def serve(index: Path, **more: str) -> Iterator[str]:
        plain = {key: value for key, value in os.environ.items() if not key.startswith("GRADUS_")}
        patient = {
            "GRADUS_ENCODER__MAX_WAIT_US": "60000000",
            "GRADUS_LIMITS__SPELLING_MS": "60000",
            "GRADUS_LIMITS__FACETS_MS": "60000",
        }
        with subprocess.Popen(
            [sys.executable, "-m", "gradus", "serve", "--port", "0", "--index", str(index)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**plain, **patient, **more},
        ) as process:
            assert process.stderr is not None
            try:
                lines = iter(process.stderr.readline, "")
                yield next(
                    found[1] for line in lines if (found := re.search(r"on (http\S+)", line))
                )
            finally:
                process.terminate()

    return serve


class ChatEndpoint:
    """A chat endpoint on this machine that calls every product a substitute, and counts pairs.

    `judge(path, **settings)` writes the TOML file of a judge that asks it.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = json.loads(body["messages"][1]["content"])
                texts = [product["text"] for product in asked["products"]]
                outer.asked += [(asked["query"], text) for text in texts]
                grades = [{"item": n, "grade": 1} for n in range(1, len(texts) + 1)]
                message = {"content": json.dumps({"grades": grades})}
                usage = {"prompt_tokens": 90, "completion_tokens": 10}
                choices = [{"message": message, "finish_reason": "stop"}]
                answer = json.dumps({"choices": choices, "usage": usage}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def judge(self, path: Path, **settings: Any) -> Path:
        lines = {"base_url": self.url, "model": "tiny", "max_requests": 10_000, **settings}
        body = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        path.write_text(f"[judge]\n{body}")
        return path

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def chat_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatEndpoint]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    endpoint = ChatEndpoint()
    yield endpoint
    endpoint.close()
