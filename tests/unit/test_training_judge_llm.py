"""A judge that asks a language model, over real HTTP against a server that behaves in every way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import TrainingError
from training.judges.answer import Completion, read_grades
from training.judges.cache import AnswerCache, answer_key
from training.judges.endpoint import _asked_wait
from training.judges.llm import LLMJudge
from training.judges.prompt import GUIDELINE, Guideline
from training.judges.settings import LLMSettings, load_settings

KEY = "sk-do-not-tell-anyone"
TEXTS = [f"product number {number}" for number in range(30)]
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Reply:
    """What the server says to one request; `content` is the model's message when given."""

    content: str | None = None
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    finish: str = "stop"
    tokens: int | None = 100

    def payload(self) -> bytes:
        if self.content is None:
            return self.body
        body: dict[str, Any] = {
            "choices": [{"message": {"content": self.content}, "finish_reason": self.finish}]
        }
        if self.tokens is not None:
            body["usage"] = {"prompt_tokens": self.tokens - 10, "completion_tokens": 10}
        return json.dumps(body).encode()


@dataclass
class Request:
    query: str
    texts: list[str]
    body: dict[str, Any]
    headers: dict[str, str]
    at: float


def true_grade(text: str) -> int:
    return int(text.split()[-1]) % 3


def graded(texts: list[str]) -> str:
    grades = [{"item": n, "grade": true_grade(text)} for n, text in enumerate(texts, start=1)]
    return json.dumps({"grades": grades})


class Server:
    """Answers as `behave` says; by default every product gets its true grade."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.behave: Callable[[int, Request], Reply] = lambda _, asked: Reply(graded(asked.texts))
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        asked = json.loads(body["messages"][1]["content"])
        texts = [product["text"] for product in asked["products"]]
        request = Request(asked["query"], texts, body, dict(handler.headers), time.monotonic())
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            number = len(self.requests)
            self.requests.append(request)
            reply = self.behave(number, request)
        time.sleep(reply.delay)
        with self._lock:
            self._now -= 1
        payload = reply.payload()
        try:
            handler.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(payload))}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(payload)
        except OSError:
            pass  # whoever asked has given up

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_JUDGE_KEY", KEY)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def settings(server: Server, **changes: Any) -> LLMSettings:
    return LLMSettings(
        **{
            "base_url": server.url,
            "model": "tiny",
            "api_key_env": "TEST_JUDGE_KEY",
            "backoff_s": 0.001,
            "retries": 2,
            **changes,
        }
    )


@dataclass
class Asked:
    grades: list[int | None]
    judge: LLMJudge


@pytest.fixture
def ask(server: Server, tmp_path: Path) -> Callable[..., Asked]:
    """Grade pairs with a judge of its own, on one cache for the whole test."""

    def run(pairs: list[tuple[str, int]], **changes: Any) -> Asked:
        with AnswerCache(tmp_path / "cache.jsonl") as cache:
            judge = LLMJudge(TEXTS, settings(server, **changes), Guideline.read(), cache)
            return Asked(judge.grade(pairs), judge)

    return run


def pairs_of(query: str, *products: int) -> list[tuple[str, int]]:
    return [(query, product) for product in products]


def truth(pairs: list[tuple[str, int]]) -> list[int]:
    return [product % 3 for _, product in pairs]


class TestGoodAnswers:
    def test_every_pair_gets_its_grade_in_order(self, ask: Callable[..., Asked]) -> None:
        pairs = pairs_of("red kettle", 5, 3, 4) + pairs_of("hose", 1) + pairs_of("red kettle", 7, 5)
        assert ask(pairs).grades == truth(pairs)

    def test_a_request_has_one_query_the_guideline_and_the_key(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        ask(pairs_of("Red  KETTLE", *range(7)) + pairs_of("hose", 1), pairs_per_request=3)
        asked = sorted((request.query, len(request.texts)) for request in server.requests)
        assert asked == [("hose", 1), ("red kettle", 1), ("red kettle", 3), ("red kettle", 3)]
        for request in server.requests:
            assert request.headers["Authorization"] == f"Bearer {KEY}"
            assert request.body["model"] == "tiny"
            assert request.body["response_format"] == {"type": "json_object"}
            assert request.body["messages"][0]["content"].startswith(GUIDELINE.read_text()[:200])

    def test_the_request_can_be_shaped(self, ask: Callable[..., Asked], server: Server) -> None:
        ask(
            pairs_of("hose", 1),
            json_mode=False,
            temperature=None,
            answer_tokens_field="max_completion_tokens",
            answer_tokens=77,
            extra={"seed": 5},
            api_key_env="",
        )
        (request,) = server.requests
        assert set(request.body) == {"model", "messages", "max_completion_tokens", "seed"}
        assert request.body["max_completion_tokens"] == 77
        assert "Authorization" not in request.headers

    def test_no_more_at_once_than_allowed(self, ask: Callable[..., Asked], server: Server) -> None:
        server.behave = lambda _, asked: Reply(graded(asked.texts), delay=0.01)
        pairs = pairs_of("hose", *range(20))
        assert ask(pairs, concurrency=3, pairs_per_request=1).grades == truth(pairs)
        assert server.most_at_once <= 3

    def test_nothing_to_ask(self, ask: Callable[..., Asked], server: Server) -> None:
        assert ask([]).grades == []
        assert server.requests == []


class TestBadAnswers:
    @pytest.mark.parametrize(
        "bad",
        [
            Reply(status=500),
            Reply(status=503, headers={"Retry-After": "0"}),
            Reply(body=b'{"choices": []}'),
            Reply(body=b"<html>gateway</html>"),
            Reply("a fine kettle, grade 2"),
        ],
        ids=["500", "503", "no choices", "no JSON", "talk"],
    )
    def test_is_asked_again(self, bad: Reply, ask: Callable[..., Asked], server: Server) -> None:
        server.behave = lambda n, asked: bad if n < 2 else Reply(graded(asked.texts))
        pairs = pairs_of("hose", 1, 2)
        assert ask(pairs).grades == truth(pairs)
        assert len(server.requests) == 3

    def test_a_slow_answer_is_asked_again(self, ask: Callable[..., Asked], server: Server) -> None:
        server.behave = lambda n, asked: Reply(graded(asked.texts), delay=0.6 if n == 0 else 0)
        assert ask(pairs_of("hose", 1), timeout_s=0.25).grades == [1]
        assert len(server.requests) == 2

    def test_garbage_costs_only_its_own_pair_its_grade(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        chokes = TEXTS[4]
        server.behave = lambda _, asked: (
            Reply("2, I think") if chokes in asked.texts else Reply(graded(asked.texts))
        )
        done = ask(pairs_of("hose", 3, 4, 5))
        assert done.grades == [0, None, 2]
        assert (done.judge.usage.answered, done.judge.usage.unusable) == (2, 1)
        server.requests.clear()
        ask(pairs_of("hose", 3, 4, 5), retries=0)  # None is not remembered, grades are
        assert [request.texts for request in server.requests] == [[chokes]]

    def test_an_endpoint_without_completions_gives_no_grade(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        server.behave = lambda *_: Reply(body=b'{"text": "2"}')
        assert ask(pairs_of("hose", 1, 2), retries=1).grades == [None, None]

    def test_a_text_that_the_endpoint_refuses_gives_no_grade(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        server.behave = lambda n, asked: Reply(graded(asked.texts)) if n == 0 else Reply(status=400)
        pairs = pairs_of("hose", 1) + pairs_of("kettle", 2)
        assert ask(pairs, concurrency=1).grades == [1, None]
        assert len(server.requests) == 2

    def test_a_dead_endpoint_ends_the_run(self, ask: Callable[..., Asked], server: Server) -> None:
        server.behave = lambda *_: Reply(status=502)
        pairs = [(f"query {number}", 1) for number in range(9)]
        with pytest.raises(TrainingError, match=r"3 batches in a row.*HTTP 502"):
            ask(pairs, concurrency=1)
        assert len(server.requests) == 3 * 3

    @pytest.mark.parametrize("status", [400, 401, 404])
    def test_a_wrong_setup_is_said_at_once_without_the_key(
        self, status: int, ask: Callable[..., Asked], server: Server
    ) -> None:
        server.behave = lambda *_: Reply(status=status, body=f"no: Bearer {KEY}".encode())
        with pytest.raises(TrainingError, match=f"HTTP {status}") as error:
            ask(pairs_of("hose", 1))
        assert KEY not in str(error.value)
        assert len(server.requests) == 1


class TestRateLimits:
    def test_as_long_as_asked_is_waited(self, ask: Callable[..., Asked], server: Server) -> None:
        server.behave = lambda n, asked: (
            Reply(status=429, headers={"Retry-After": "1"})
            if n == 0
            else Reply(graded(asked.texts))
        )
        assert ask(pairs_of("hose", 1)).grades == [1]
        first, second = server.requests
        assert second.at - first.at >= 1.0

    def test_too_long_a_wait_stops_the_run_cleanly(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        server.behave = lambda *_: Reply(status=429, headers={"Retry-After": "7200"})
        done = ask(pairs_of("hose", 1, 2))
        assert done.grades == [None, None]
        assert "7200" in done.judge.usage.stopped
        assert done.judge.usage.left == 2

    def test_retry_after_is_a_number_or_a_date(self) -> None:
        later = datetime.now(UTC) + timedelta(seconds=90)
        assert _asked_wait("17") == 17.0
        assert 80 < (_asked_wait(format_datetime(later, usegmt=True)) or 0) <= 90
        assert _asked_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
        assert _asked_wait("soon") is None
        assert _asked_wait("") is None


class TestBudget:
    def test_requests(self, ask: Callable[..., Asked], server: Server) -> None:
        pairs = pairs_of("hose", *range(9))
        done = ask(pairs, pairs_per_request=2, max_requests=3, concurrency=2)
        assert len(server.requests) == 3
        assert sum(grade is not None for grade in done.grades) == 6
        assert done.judge.usage.left == 3
        assert "max_requests = 3" in done.judge.usage.stopped
        assert done.judge.grade(pairs_of("other", 1)) == [None]  # stays stopped
        assert len(server.requests) == 3

    def test_going_on_asks_only_what_is_left(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        pairs = pairs_of("hose", *range(9))
        ask(pairs, pairs_per_request=2, max_requests=3)
        again = ask(pairs, pairs_per_request=2)
        assert again.grades == truth(pairs)
        assert again.judge.usage.cached == 6
        texts = [text for request in server.requests for text in request.texts]
        assert sorted(texts) == sorted(TEXTS[:9])

    def test_tokens_are_never_passed(self, ask: Callable[..., Asked], server: Server) -> None:
        used = 4000
        server.behave = lambda _, asked: Reply(graded(asked.texts), tokens=used)
        done = ask(
            pairs_of("hose", *range(20)), pairs_per_request=1, max_tokens=20_000, concurrency=4
        )
        assert len(server.requests) >= 1
        assert len(server.requests) * used <= 20_000
        assert done.judge.ledger.tokens == len(server.requests) * used
        assert "max_tokens = 20,000" in done.judge.usage.stopped

    def test_what_is_not_reported_counts_in_full(
        self, ask: Callable[..., Asked], server: Server
    ) -> None:
        server.behave = lambda _, asked: Reply(graded(asked.texts), tokens=None)
        done = ask(pairs_of("hose", 1), answer_tokens=50)
        sent = int(server.requests[0].headers["Content-Length"])
        assert done.judge.ledger.tokens == sent + 50

    def test_tries_count(self, ask: Callable[..., Asked], server: Server) -> None:
        server.behave = lambda *_: Reply(status=500)
        done = ask(pairs_of("hose", 1), max_requests=2)
        assert len(server.requests) == 2
        assert done.judge.usage.left == 1


def answered(content: str, finish: str | None = "stop") -> Completion:
    body = {"choices": [{"message": {"content": content}, "finish_reason": finish}]}
    return Completion.model_validate(body)


class TestReadGrades:
    def test_order_is_that_of_the_items(self) -> None:
        text = '{"grades": [{"item": 2, "grade": 0}, {"item": 1, "grade": 2}]}'
        assert read_grades(answered(text), 2) == [2, 0]
        assert read_grades(answered(f"```json\n{text}\n```", None), 2) == [2, 0]

    @pytest.mark.parametrize(
        "grades",
        [
            '[{"item": 1, "grade": 3}]',
            '[{"item": 1, "grade": "2"}]',
            '[{"item": 1, "grade": 2.0}]',
            '[{"item": 1, "grade": true}]',
            '[{"item": 1, "grade": null}]',
            '[{"item": 2, "grade": 1}]',
            '[{"item": 0, "grade": 1}]',
            '[{"item": 1, "grade": 1}, {"item": 1, "grade": 1}]',
            '[{"item": 1, "grade": 1}, {"item": 2, "grade": 1}]',
            '[{"item": 1, "grade": 1, "why": "because"}]',
            "[]",
            "{}",
        ],
    )
    def test_anything_else_is_no_answer(self, grades: str) -> None:
        assert read_grades(answered(f'{{"grades": {grades}}}'), 1) is None

    def test_what_was_cut_off_is_no_answer(self) -> None:
        text = '{"grades": [{"item": 1, "grade": 1}]}'
        assert read_grades(answered(text), 1) == [1]
        assert read_grades(answered(text, "length"), 1) is None
        assert read_grades(answered(text[:-3]), 1) is None
        assert read_grades(answered(f"Here you are: {text}"), 1) is None


class TestCache:
    def test_keys_tell_apart_whatever_matters(self) -> None:
        base = ("model", "guideline", "query", "text")
        changed = [(*base[:at], "other", *base[at + 1 :]) for at in range(4)]
        keys = {answer_key(*parts) for parts in (base, *changed, ("m", "odelguideline", "q", "t"))}
        assert len(keys) == 6
        assert answer_key(*base) == answer_key(*base)

    def test_a_torn_last_line_is_dropped_and_the_rest_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "cache.jsonl"
        with AnswerCache(path) as cache:
            cache.put("a", 2, query="Näsby")
            cache.put("b", 0)
        whole = path.read_bytes()
        for cut in range(len(whole) - 1, whole.index(b"\n"), -1):
            path.write_bytes(whole[:cut])
            with AnswerCache(path) as cache:
                assert (cache.get("a"), cache.get("b")) == (2, None)
                cache.put("c", 1)
            with AnswerCache(path) as cache:
                assert (cache.get("a"), cache.get("c"), len(cache)) == (2, 1, 2)

    @pytest.mark.parametrize(
        "body", ["one line of a diary", "query\tproduct_id\n", '{"key": "a", "grade": 7}\n', "[]\n"]
    )
    def test_another_file_is_refused_and_stays(self, body: str, tmp_path: Path) -> None:
        path = tmp_path / "diary.txt"
        path.write_text(body)
        with pytest.raises(TrainingError, match="no cache"), AnswerCache(path):
            pass
        assert path.read_text() == body

    def test_one_run_at_a_time(self, tmp_path: Path) -> None:
        path = tmp_path / "cache.jsonl"
        with (
            AnswerCache(path),
            pytest.raises(TrainingError, match="in use"),
            AnswerCache(path),
        ):
            pass
        with AnswerCache(path) as cache:  # free again
            assert len(cache) == 0

    def test_another_guideline_is_another_question(
        self, ask: Callable[..., Asked], server: Server, tmp_path: Path
    ) -> None:
        ask(pairs_of("hose", 1))
        with AnswerCache(tmp_path / "cache.jsonl") as cache:
            LLMJudge(TEXTS, settings(server), Guideline("Be strict."), cache).grade([("hose", 1)])
        ask(pairs_of("hose", 1), model="other")
        ask(pairs_of("hose", 1))
        assert len(server.requests) == 3

    def test_the_key_is_not_written(self, ask: Callable[..., Asked], tmp_path: Path) -> None:
        ask(pairs_of("hose", 1))
        assert KEY.encode() not in (tmp_path / "cache.jsonl").read_bytes()


class TestSettings:
    def write(self, tmp_path: Path, body: str) -> Path:
        path = tmp_path / "judge.toml"
        path.write_text(body)
        return path

    def test_paths_start_at_the_file_and_options_win(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path,
            '[judge]\nbase_url = "http://localhost:1/v1/"\nmodel = "m"\n'
            'guideline = "ours.md"\nmax_tokens = 5\nmax_requests = 6\n',
        )
        found = load_settings(path, max_tokens=9, max_requests=None)
        assert found.guideline == tmp_path / "ours.md"
        assert found.cache == tmp_path / "judge-cache.jsonl"
        assert (found.max_tokens, found.max_requests) == (9, 6)
        assert found.base_url == "http://localhost:1/v1"

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("", r"no section \[judge\]"),
            ("[judge", "not valid TOML"),
            ('[judge]\nmodel = "m"', "`base_url`"),
            ('[judge]\nbase_url = "http://h"\nmodel = "m"\napi_key = "sk-secret"', "`api_key`"),
            ('[judge]\nbase_url = "ftp://h"\nmodel = "m"', "`base_url`"),
            ('[judge]\nbase_url = "http://me:sk-secret@h"\nmodel = "m"', "`base_url`"),
            ('[judge]\nbase_url = "http://h"\nmodel = "m"\nmax_requests = 0', "`max_requests`"),
        ],
    )
    def test_a_slip_is_named_and_no_secret_shown(
        self, body: str, message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(TrainingError, match=message) as error:
            load_settings(self.write(tmp_path, body))
        assert "sk-secret" not in str(error.value)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="cannot be read"):
            load_settings(tmp_path / "none.toml")

    def test_a_key_that_is_not_there(self, server: Server) -> None:
        with pytest.raises(TrainingError, match="NO_SUCH_KEY"):
            settings(server, api_key_env="NO_SUCH_KEY").api_key()

    def test_a_guideline_that_is_not_there_or_empty(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="cannot be read"):
            Guideline.read(tmp_path / "none.md")
        (tmp_path / "empty.md").write_text(" \n")
        with pytest.raises(TrainingError, match="empty"):
            Guideline.read(tmp_path / "empty.md")


def test_a_report_is_over_what_it_answered(server: Server, tmp_path: Path) -> None:
    """True grades for one query, one grade too high for the other, garbage for a product."""
    from typer.testing import CliRunner

    from training.judges.cli import app

    def behave(_: int, asked: Request) -> Reply:
        if any(text.endswith(" 5") for text in asked.texts):
            return Reply("I would rather not say.")
        shift = asked.query == "rake"
        return Reply(
            json.dumps(
                {
                    "grades": [
                        {"item": n, "grade": min(2, true_grade(text) + shift)}
                        for n, text in enumerate(asked.texts, start=1)
                    ]
                }
            )
        )

    server.behave = behave
    products = tmp_path / "products.jsonl"
    rows = [{"id": f"p{n}", "title": text} for n, text in enumerate(TEXTS)]
    products.write_text("".join(json.dumps(row) + "\n" for row in rows))
    qrels = tmp_path / "qrels.tsv"
    judged = [("hose", n) for n in range(6)] + [("rake", n) for n in (6, 7, 8)]
    lines = [f"{query}\tp{n}\t{n % 3}\n" for query, n in judged]
    qrels.write_text("query\tproduct_id\tgrade\n" + "".join(lines))
    config = tmp_path / "judge.toml"
    config.write_text(
        f'[judge]\nbase_url = "{server.url}"\nmodel = "tiny"\napi_key_env = "TEST_JUDGE_KEY"\n'
        "backoff_s = 0.001\nretries = 1\n"
    )
    options = ["--judge", config, "--products", products, "--qrels", qrels]
    command = ["report", *map(str, options), "--out", str(tmp_path / "report.json")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    body = json.loads((tmp_path / "report.json").read_text())
    assert body["source"].startswith("llm:tiny:")
    judge = body["judge"]
    assert (judge["pairs"], judge["queries"]) == (9, 2)
    assert judge["coverage"]["value"] == pytest.approx(8 / 9)
    # hose: 5 of 5 right. rake: 0 as 1, 1 as 2, and 2 as 2.
    assert judge["accuracy"]["value"] == pytest.approx(6 / 8)
    assert judge["within_one"]["value"] == 1.0
    assert judge["confusion"] == [[2, 1, 0], [0, 2, 1], [0, 0, 2]]
    assert set(body["baselines"]) == {"majority"}
    assert "8 pairs answered, 0 from the cache, 1 without a valid answer" in result.stderr
    again = CliRunner().invoke(app, command)
    assert "0 pairs answered, 8 from the cache" in again.stderr
    assert json.loads((tmp_path / "report.json").read_text()) == body
    assert KEY not in result.output + result.stderr


def test_a_killed_run_asks_nothing_twice_that_was_answered(server: Server, tmp_path: Path) -> None:
    products = tmp_path / "products.jsonl"
    rows = [{"id": f"p{n}", "title": text} for n, text in enumerate(TEXTS)]
    products.write_text("".join(json.dumps(row) + "\n" for row in rows))
    candidates = tmp_path / "candidates.tsv"
    candidates.write_text("query\tproduct_id\n" + "".join(f"hose\tp{n}\n" for n in range(30)))
    config = tmp_path / "judge.toml"
    config.write_text(
        f'[judge]\nbase_url = "{server.url}"\nmodel = "tiny"\napi_key_env = "TEST_JUDGE_KEY"\n'
        "pairs_per_request = 1\nconcurrency = 1\n"
    )
    command = [
        *(sys.executable, "-m", "gradus", "judge", "label", "--judge", str(config)),
        *("--products", str(products), "--candidates", str(candidates)),
        *("--out", str(tmp_path / "out.tsv")),
    ]
    reached = threading.Event()

    def until_the_twelfth(number: int, asked: Request) -> Reply:
        if number == 11:
            reached.set()
            return Reply(graded(asked.texts), delay=5)
        return Reply(graded(asked.texts))

    server.behave = until_the_twelfth
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL
    ) as run:
        assert reached.wait(30)
        run.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.tsv").exists()
    server.behave = lambda _, asked: Reply(graded(asked.texts))
    again = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "11 from the cache" in again.stderr
    assert len(server.requests) == 30 + 1  # one was under way
    lines = (tmp_path / "out.tsv").read_text().splitlines()
    assert lines[0] == "query\tproduct_id\tgrade\tsource"
    assert [line.split("\t")[:3] for line in lines[1:]] == [
        ["hose", f"p{n}", str(n % 3)] for n in range(30)
    ]
    assert KEY not in again.stderr + (tmp_path / "out.tsv").read_text()
