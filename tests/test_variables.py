"""Every variable is told of: on the page that is made from the schema, and in what a new fleet begins with."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from picket.config import load_with_origins
from picket.config.tree import ALIASES, PREFIX
from picket.config.variables import OTHERS, PURPOSES, page, sections

ROOT = Path(__file__).parent.parent
BALENA: dict[str, Any] = yaml.safe_load((ROOT / "balena.yml").read_text())
SET_BY_THE_IMAGE = ("PICKET_CONFIG", "PICKET_RELEASE")


def test_the_page_is_current() -> None:
    assert (ROOT / "docs/variables.md").read_text() == page(), "run 'make docs'"


def test_every_name_of_its_own_has_a_purpose() -> None:
    assert set(ALIASES) == set(PURPOSES)


def test_a_new_fleet_begins_with_every_variable_that_people_fill_in_empty_and_explained() -> None:
    given = {
        name: value for entry in BALENA["data"]["applicationEnvironmentVariables"] for name, value in entry.items()
    }
    lines = (ROOT / "balena.yml").read_text().splitlines()
    explained = dict(match.groups() for line in lines if (match := re.match(r' +- (\w+): "" # (.+)', line)))

    assert given == dict.fromkeys(explained, "")
    assert explained == {name: text for name, text in (PURPOSES | OTHERS).items() if name not in SET_BY_THE_IMAGE}


def test_what_a_new_fleet_begins_with_changes_nothing() -> None:
    plain = load_with_origins(ROOT / "config/picket.yaml", {}, collectors=True)
    empty = load_with_origins(ROOT / "config/picket.yaml", dict.fromkeys(ALIASES, ""), collectors=True)

    assert empty.values() == plain.values()


def test_a_variable_of_the_page_is_understood(tmp_path: Path) -> None:
    rows = {row.name: row for section in sections() for row in section.rows}
    assert rows["PICKET__MQTT__PORT"] == ("PICKET__MQTT__PORT", "whole number from 1 to 65535", "`1883`")
    file = tmp_path / "picket.yaml"
    file.write_text("device: hut\n")

    loaded = load_with_origins(file, {"PICKET__MQTT__PORT": "8883"})

    assert loaded.config.mqtt.port == 8883


def test_a_secret_shows_no_default_and_has_a_name_of_its_own() -> None:
    secrets = {row.name: row.default for section in sections() for row in section.rows if row.values == "secret"}

    assert set(secrets.values()) == {"none"}
    of_sections = {name for name in secrets if "<NAME>" not in name}  # a collector's is named by the collector
    assert of_sections <= {PREFIX + "__".join(path).upper() for path in ALIASES.values()}


def test_the_release_has_one_version() -> None:
    rooms = [file.parent for file in ROOT.glob("*/pyproject.toml")] + sorted((ROOT / "services").iterdir())
    projects = [tomllib.loads((room / "pyproject.toml").read_text())["project"] for room in [ROOT, *rooms]]

    assert {project["version"] for project in projects} == {BALENA["version"]}


@pytest.mark.parametrize("key", ["name", "type", "version", "description", "post-provisioning"])
def test_balena_is_told_what_it_asks_for(key: str) -> None:
    assert BALENA[key]
    assert BALENA["type"] == "sw.application"
    assert BALENA["data"]["defaultDeviceType"] in BALENA["data"]["supportedDeviceTypes"]
