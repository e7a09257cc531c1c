from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import (
    Settings,
    SettingsError,
    load_settings,
    setting_names,
    unknown_variables,
    variable_name,
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("GRADUS_"):
            monkeypatch.delenv(name)


def test_environment_is_read_with_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_PORT", "9001")
    monkeypatch.setenv("GRADUS_INDEX", "/srv/shop")
    monkeypatch.setenv("GRADUS_LOG__QUERY", "hash")
    settings = load_settings()
    assert (settings.port, settings.index) == (9001, Path("/srv/shop"))
    assert settings.log.query == "hash"
    assert settings.log.level == "info"  # the rest of the group keeps its defaults


def test_option_wins_over_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_PORT", "9001")
    monkeypatch.setenv("GRADUS_WORKERS", "3")
    settings = load_settings(port=9002, workers=None)
    assert (settings.port, settings.workers) == (9002, 3)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GRADUS_PORT", "70000"),
        ("GRADUS_WORKERS", "0"),
        ("GRADUS_LOG__QUERY", "sometimes"),
        ("GRADUS_LIMITS__BODY_BYTES", "many"),
        ("GRADUS_LOG__COLOUR", "red"),
    ],
)
def test_impossible_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load_settings()


def test_names_cover_every_field() -> None:
    names = set(setting_names())
    assert {"GRADUS_INDEX", "GRADUS_LOG__QUERY", "GRADUS_LIMITS__BODY_BYTES"} <= names
    groups = {
        "log",
        "limits",
        "encoder",
        "reload",
        "updates",
        "events",
        "shadow",
        "keys",
        "rate",
        "http",
    }
    leaves = [name for name in Settings.model_fields if name not in groups]
    assert {variable_name((leaf,)) for leaf in leaves} <= names


def test_slips_of_the_pen_are_found() -> None:
    given = {"GRADUS_PROT": "1", "GRADUS_PORT": "1", "GRADUS_LOG": "{}", "PATH": "/bin"}
    assert unknown_variables(given) == ["GRADUS_PROT"]


@pytest.mark.parametrize("form", ["{a}", "{a},{b}", "{a} {b}", '["{a}", "{b}"]'])
def test_lists_are_read_as_people_write_them(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "a" * 64, "B" * 64
    text = form.format(a=first, b=second)
    monkeypatch.setenv("GRADUS_KEYS__ADMIN_SHA256", text)
    assert load_settings().keys.admin_sha256 == ((first, second) if "B" in text else (first,))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GRADUS_KEYS__ADMIN_SHA256", "a-plain-key", "GRADUS_KEYS__ADMIN_SHA256 (entry 1)"),
        ("GRADUS_KEYS__SEARCH_SHA256", '["abc', "no JSON list"),
        ("GRADUS_HTTP__ORIGINS", "shop.example", "GRADUS_HTTP__ORIGINS (entry 1)"),
        ("GRADUS_KEYS", "abc", 'field "keys"'),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_fault_names_the_variable_as_it_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_WORKERS", "0")
    monkeypatch.setenv("GRADUS_KEYS__ADMIN_SHA256", "abc")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    said = str(caught.value)
    assert "GRADUS_WORKERS: Input should be greater than or equal to 1 or Input should be" in said
    assert "GRADUS_KEYS__ADMIN_SHA256 (entry 1): String should match pattern" in said
    assert "CONSTRAINED" not in said
    assert "__0" not in said
