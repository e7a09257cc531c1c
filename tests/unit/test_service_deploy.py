"""The files that start the service elsewhere speak of the service there is."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from service import metrics, probes
from service.settings import Settings, setting_names

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
COMPOSE = (REPOSITORY / "deploy" / "compose.yaml").read_text()
PROMETHEUS = (REPOSITORY / "deploy" / "prometheus.yml").read_text()
ALERTS = (REPOSITORY / "deploy" / "alerts.yml").read_text()
IGNORED = (REPOSITORY / ".dockerignore").read_text()


@pytest.mark.parametrize("text", [DOCKERFILE, COMPOSE], ids=["Dockerfile", "compose"])
def test_every_setting_exists(text: str) -> None:
    used = set(re.findall(r"GRADUS_[A-Z_]+", text))
    assert used
    assert used <= set(setting_names())


def test_port_and_index_agree_everywhere() -> None:
    port = Settings.model_fields["port"].default
    assert f"GRADUS_PORT={port}" in DOCKERFILE
    assert f"EXPOSE {port}" in DOCKERFILE
    assert f":{port}:{port}" in COMPOSE
    assert f'targets: ["gradus:{port}"]' in PROMETHEUS
    assert "GRADUS_INDEX=/data/index" in DOCKERFILE
    assert ":/data/index:ro" in COMPOSE


def test_probed_and_scraped_routes_exist() -> None:
    paths = {route.path for route in probes.router.routes}  # type: ignore[attr-defined]
    assert re.findall(r"metrics_path: (\S+)", PROMETHEUS)[0] in paths
    (command,) = re.findall(r'CMD \["python", "-c", ("[^"]+")\]', DOCKERFILE)
    script = ast.literal_eval(command)
    compile(script, "healthcheck", "exec")
    assert re.findall(r"'(/\w+)'", script)[0] in paths


def test_rules_speak_of_metrics_and_labels_there_are() -> None:
    known = set(metrics.metric_names())
    for name, matchers in re.findall(r"(gradus_\w+)(\{[^}]*\})?", ALERTS):
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        assert base in known, name
        metric = next(one for one in metrics._DECLARED if one._name == base.removesuffix("_total"))
        assert {*re.findall(r"(\w+)=", matchers)} <= set(metric._labelnames), name
    assert re.findall(r"- (\S+\.yml)", PROMETHEUS)[0] == "alerts.yml"
    assert "./alerts.yml:" in COMPOSE


def test_everything_copied_is_there_and_sent_to_the_builder() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    copied = {name for line in lines for name in line.split()[:-1]}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], "gradus.py"} <= copied
    for name in copied:
        assert (REPOSITORY / name).exists()
        assert f"!{name}" in IGNORED.splitlines()


def test_image_is_portable_and_unprivileged() -> None:
    assert "HNSWLIB_NO_NATIVE=1" in DOCKERFILE
    assert re.search(r"^USER 10001", DOCKERFILE, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
