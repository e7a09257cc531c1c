"""Rules files: what they may hold, what they mean for a query, how a wrong one is refused."""

from __future__ import annotations

import json

import pytest

from catalog.errors import RulesError
from index.rules import NO_PLACEMENT, Placement, Rule, Rules, Ties, read_rules, saved_rules

GOOD = """
[ties]
stock = 0.02
popularity = 0.01

[[rule]]
queries = ["Oat  Milk", "oatmilk"]
pin = ["b", "a", "b"]

[[rule]]
queries = ["milk"]
match = "contains"
pin = ["c"]
bury = ["d", "a"]
"""


def written(tmp_path, text: str, name: str = "rules.toml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_rules_are_matched_by_the_normalised_query(tmp_path):
    rules = read_rules(written(tmp_path, GOOD))
    assert rules.ties == Ties(0.02, 0.01)
    assert rules.of("oat milk") == Placement(("b", "a", "c"), ("d",)), "of pin and bury pin counts"
    assert rules.of("almond milk") == Placement(("c",), ("d", "a"))
    assert rules.of("milkshake") == rules.of("") == Placement()
    assert rules.of("oatmilc", "oatmilk").pin == ("b", "a"), "as typed, then as corrected"
    assert Rules().of("milk") is NO_PLACEMENT
    assert rules.named == ["b", "a", "c", "d"]


def test_saved_rules_are_those_that_were_read(tmp_path):
    rules = read_rules(written(tmp_path, GOOD))
    rules.save(tmp_path)
    assert saved_rules(tmp_path).rules == rules.rules
    assert saved_rules(tmp_path).ties == rules.ties
    assert saved_rules(tmp_path / "elsewhere").rules == ()
    body = {"rule": [{"queries": ["x"], "bury": ["y"]}]}
    path = written(tmp_path, json.dumps(body), "mine.json")
    assert read_rules(path).rules == (Rule(("x",), bury=("y",)),)


RULE = '[[rule]]\nqueries = ["a"]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rule = ", "cannot be read"),
        ("[rule]\n", "`rule` is a list"),
        ("[[rules]]\n", "does not know `rules`"),
        ("rule = [1]\n", "a rule is a table"),
        (RULE + 'pins = ["x"]\n', "does not know `pins`"),
        (RULE, "pins or buries something"),
        (RULE + 'pin = "x"\n', "`pin` is a list of texts"),
        (RULE + "pin = [1]\n", "`pin` is a list of texts"),
        (RULE + 'pin = [""]\n', "`pin` is a list of texts"),
        (RULE + 'pin = ["x"]\nbury = ["x"]\n', "pins and buries product 'x'"),
        (RULE + 'pin = ["x"]\nmatch = "regex"\n', "no such match"),
        (RULE + f"pin = {[str(n) for n in range(51)]}\n", "pins too many"),
        ('[[rule]]\npin = ["x"]\n', "needs queries"),
        ('[[rule]]\nqueries = [" "]\npin = ["x"]\n', "needs queries"),
        ("[ties]\nstock = 0.2\n", "`stock` is not usable"),
        ("[ties]\nstock = -0.1\n", "`stock` is not usable"),
        ("[ties]\nstock = nan\n", "`stock` is not usable"),
        ("[ties]\nstock = true\n", "`stock` is not usable"),
        ('[ties]\nstock = "0"\n', "`stock` is not usable"),
        ("[ties]\nprice = 0.1\n", "does not know `price`"),
        ("ties = 1\n", r"\[ties\] is a table"),
    ],
)
def test_a_wrong_file_says_what_and_where(tmp_path, text, says):
    path = written(tmp_path, text)
    with pytest.raises(RulesError, match=says) as caught:
        read_rules(path)
    assert caught.value.where.startswith(str(path))


@pytest.mark.parametrize("text", ["[]", "{", "1", "[" * 100_000, '{"rule": null}'])
def test_wrong_json_is_refused(tmp_path, text):
    with pytest.raises(RulesError):
        read_rules(written(tmp_path, text, "rules.json"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(RulesError, match="cannot be read"):
            read_rules(path)
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RulesError, match="cannot be read"):
        read_rules(path)
