"""Search keys, admin keys and rates: who is let in, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from catalog.errors import ServingError
from index.engine import Engine
from service import key_cli, keys, metrics
from service.app import create_app
from service.schemas import ProblemAnswer
from service.settings import (
    EncoderSettings,
    KeySettings,
    RateSettings,
    Settings,
    SettingsError,
    load_settings,
)

pytestmark = pytest.mark.anyio
SEARCH, OTHER, ADMIN = "a search key", "ключ", "an admin key"


def digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


KEYS = KeySettings(search_sha256=(digest(SEARCH), digest(OTHER)), admin_sha256=(digest(ADMIN),))
SHOP = [
    ("GET", "/v1/search?q=kettle", None),
    ("POST", "/v1/search", {"q": "kettle"}),
    ("POST", "/v1/search:batch", {"searches": [{"q": "kettle"}]}),
    ("POST", "/v1/embed", {"texts": ["kettle"]}),
    ("GET", "/v1/suggest?q=ket", None),
]
Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serve(engine: Engine, built_index: Path) -> Serve:
    @asynccontextmanager
    async def served(**settings: object) -> AsyncIterator[httpx.AsyncClient]:
        patient = EncoderSettings(max_wait_us=60_000_000)
        app = create_app(Settings(index=built_index, encoder=patient, **settings), engine)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
        ):
            yield client

    return served


def bearer(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + key.encode())]


@pytest.mark.parametrize(("method", "path", "body"), SHOP)
async def test_a_key_is_needed_once_there_is_one(
    serve: Serve, method: str, path: str, body: object
) -> None:
    async with serve(keys=KEYS) as client:
        for wrong in ({}, {"X-API-Key": SEARCH + "x"}, {"Authorization": f"Basic {SEARCH}"}):
            refused = await client.request(method, path, json=body, headers=wrong)
            problem = ProblemAnswer.model_validate_json(refused.content)
            assert (refused.status_code, problem.code) == (401, "unauthorized")
            assert refused.headers["www-authenticate"] == 'Bearer realm="gradus"'
        for key in (SEARCH, ADMIN):
            for right in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
                answer = await client.request(method, path, json=body, headers=right)
                assert answer.status_code == 200


async def test_a_search_key_opens_no_admin_route(serve: Serve) -> None:
    async with serve(keys=KEYS) as client:
        headers = {"X-API-Key": SEARCH}
        assert (await client.get("/v1/indexes", headers=headers)).status_code == 401
        assert (await client.get("/v1/indexes", headers={"X-API-Key": ADMIN})).status_code == 200
        assert (await client.get("/readyz")).status_code == 200  # operators need none


async def test_nothing_is_read_of_a_body_without_a_key(serve: Serve) -> None:
    async with serve(keys=KEYS) as client:
        refused = await client.post("/v1/search:batch", content=b"{" * 900_000)
        assert refused.status_code == 401


def test_every_hash_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = keys.hmac.compare_digest

    def counted(one: str, other: str) -> bool:
        compared.append(other)
        return real(one, other)

    monkeypatch.setattr(keys.hmac, "compare_digest", counted)
    hashes = tuple(digest(str(number)).upper() for number in range(5))
    assert [keys.place(str(number), hashes) for number in (0, 4, 9)] == [0, 4, None]
    assert len(compared) == 15


async def test_rates_are_for_each_key(serve: Serve) -> None:
    rate = RateSettings(per_second=0.01, burst=3)
    async with serve(keys=KEYS, rate=rate) as client:

        async def ask(key: str) -> httpx.Response:
            return await client.get("/v1/search?q=kettle", headers=bearer(key))

        shed = metrics.SHED.labels("rate_limited")._value.get()
        assert [(await ask(SEARCH)).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await ask(SEARCH)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 98 <= int(refused.headers["retry-after"]) <= 100
        assert (await ask(OTHER)).status_code == 200
        assert [(await ask(ADMIN)).status_code for _ in range(5)] == [200] * 5
        assert metrics.SHED.labels("rate_limited")._value.get() == shed + 2


async def test_a_batch_takes_as_many_as_it_has_searches(serve: Serve) -> None:
    rate = RateSettings(anonymous_per_second=0.01, anonymous_burst=4)
    async with serve(rate=rate) as client:
        body = {"searches": [{"q": "kettle"}] * 6}
        assert (await client.post("/v1/search:batch", json=body)).status_code == 200
        invented = {"X-API-Key": "never heard of"}  # makes no bucket of its own
        refused = await client.get("/v1/search?q=kettle", headers=invented)
        assert refused.status_code == 429
        assert 298 <= int(refused.headers["retry-after"]) <= 300  # owed two, and one to come
        embedded = await client.post("/v1/embed", json={"texts": ["tea"]})
        assert embedded.status_code == 429


def test_a_key_instead_of_its_hash_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_KEYS__SEARCH_SHA256", '["my secret key"]')
    with pytest.raises(SettingsError, match="GRADUS_KEYS__SEARCH_SHA256"):
        load_settings()


def gradus(*arguments: str, given: str = "") -> str:
    done = CliRunner().invoke(key_cli.app, arguments, input=given)
    assert done.exit_code == 0
    return done.stdout


async def test_a_key_that_is_made_is_known(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    key, setting = (line.split(maxsplit=1)[1] for line in gradus().splitlines())
    name, _, value = setting.partition("=")
    monkeypatch.setenv(name, value.strip("'"))
    async with serve(keys=load_settings().keys) as client:
        answer = await client.get("/v1/search?q=kettle", headers=bearer(key))
        assert answer.status_code == 200
    assert gradus("--stdin", given=key + "\n").strip() in value
    assert gradus("--stdin", given=f" {key} \r\n").strip() in value  # as a header's is read
    assert "GRADUS_KEYS__ADMIN_SHA256" in gradus("--admin")


@pytest.mark.parametrize("given", ["", "\n", "  \n"])
def test_no_key_has_no_hash(given: str) -> None:
    done = CliRunner().invoke(key_cli.app, ["--stdin"], input=given)
    assert isinstance(done.exception, ServingError)
    assert "no key to hash" in str(done.exception)
    assert done.stdout == ""


def test_the_hash_of_nothing_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = sha256(b"").hexdigest()
    for name in ("ADMIN", "SEARCH"):
        with monkeypatch.context() as patch:
            patch.setenv(f"GRADUS_KEYS__{name}_SHA256", nothing.upper())
            with pytest.raises(SettingsError, match="hash of an empty key"):
                load_settings()
    assert keys.place("", (nothing,)) is None
