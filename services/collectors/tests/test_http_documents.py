"""What is read of a web service's JSON, and which configurations can't be asked for it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from picket.config import load_with_origins
from picket.errors import ConfigError
from picket_collectors.source import Part, Site
from picket_collectors.sources.http import Auth, Config, Http, Value, ranges, read
from picket_collectors.web import Answer, Web

CASES = sorted((Path(__file__).parent / "golden" / "http").iterdir())
DOCUMENT = b'{"current": {"temperature": 7.5}}'
WARM = {"temperature_c": Value(path="current.temperature")}


def given(name: str, text: str) -> Value:
    """Return one value as it stands in a file."""
    settings = yaml.safe_load(text)[name]
    if "range" in settings:
        settings["range"] = tuple(settings["range"])
    return Value(**settings)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_found_in_a_document(case: Path, site: Site) -> None:
    text = (case / "values.yaml").read_text(encoding="utf-8")
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    values = {name: given(name, text) for name in yaml.safe_load(text)}
    config = Config(url="http://api/v1?key=hunter2", measures="weather", values=values)
    body = (case / "answer.json").read_bytes()

    *paths, part = Http(config, Answering(site, body)).sample()

    assert (part.name, part.kind, part.fault) == ("", "weather", "")
    assert part.values == pytest.approx(expected["values"], nan_ok=False)
    assert {path.name.removesuffix("_path"): path.fault for path in paths if path.fault} == expected["faults"]
    assert "hunter2" not in str(paths)


class Answering(Web):
    """Has one answer, whatever it is asked."""

    def __init__(self, site: Site, body: bytes) -> None:
        super().__init__(site, {}, 1)
        self.body = body

    def get(self, _url: str, _validators: Any) -> Answer:
        return Answer(200, "OK", {}, self.body)


def test_a_path_that_is_found_again_ends_its_fault() -> None:
    config = Config(url="http://api/v1", measures="weather", values=WARM)

    lost, found = read({}, config)[0], read(json.loads(DOCUMENT), config)[0]

    assert (lost.name, bool(lost.fault)) == ("temperature_c_path", True)
    assert found == Part("temperature_c_path", "weather")


def test_what_is_plausible_is_the_configuration_s_to_say() -> None:
    values = {"a": Value(path="a", range=(-60, 60)), "b": Value(path="b")}

    assert ranges(Config(url="http://api", measures="weather", values=values)) == {"a": (-60, 60)}


# Configurations

GOOD = "url: http://a/, measures: weather, values: {x: {path: x}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(GOOD.replace("http://a/", "ftp://a/"), "url: ", id="not-http"),
        pytest.param(GOOD.replace("http://a/", "http://me:pw@a/"), "url: ", id="a-password-in-the-url"),
        pytest.param(GOOD.replace("http://a/", "'http://a/x y'"), "url: ", id="a-blank"),
        pytest.param(GOOD.replace("path: x", "path: 'a..b'"), "values.x.path: ", id="an-empty-step"),
        pytest.param(GOOD.replace("path: x", "path: 'a[b]'"), "values.x.path: ", id="no-index"),
        pytest.param(GOOD.replace("path: x", "path: x, range: [5, 5]"), "values.x: expected a range", id="range"),
        pytest.param(GOOD.replace("{x: {path: x}}", "{}"), ": values: expected one or more", id="no-values"),
        pytest.param(GOOD + ", auth: {}", "auth: expected either header", id="no-auth"),
        pytest.param(GOOD + ", auth: {header: X, username: y}", "auth: expected either header", id="both"),
        pytest.param(GOOD + ", auth: {header: X, token: y}", "token: a secret stands in no file", id="secret"),
        pytest.param(GOOD + ", headers: {'a b': c}", "headers.a b: ", id="header-name"),
    ],
)
def test_what_can_t_be_asked_is_refused_beforehand(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text(f"device: demo\ncollectors:\n  weather: {{kind: http, {text}}}\n")

    with pytest.raises(ConfigError) as caught:
        load_with_origins(file, {}, collectors=True)
    assert expected in str(caught.value)


def test_a_token_of_two_lines_is_refused_and_not_told(tmp_path: Path) -> None:
    file, token = tmp_path / "picket.yaml", tmp_path / "token"
    token.write_text("hunter2\nhunter3")
    file.write_text(
        f"device: demo\ncollectors:\n  weather: {{kind: http, {GOOD}, auth: {{header: X, token_file: {token}}}}}\n"
    )

    with pytest.raises(ConfigError, match="auth: expected a token or a password of one line") as caught:
        load_with_origins(file, {}, collectors=True)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        pytest.param(Auth(header="X-Api-Key", token="k"), {"X-Api-Key": "k"}, id="a-key"),
        pytest.param(Auth(header="Authorization", token="k"), {"Authorization": "Bearer k"}, id="bearer"),
        pytest.param(Auth(header="Authorization", token="Token k"), {"Authorization": "Token k"}, id="own-word"),
        pytest.param(Auth(username="me", password="pä"), {"Authorization": "Basic bWU6cMOk"}, id="basic"),
    ],
)
def test_who_asks_is_proved_by_a_header(auth: Auth, expected: dict[str, str]) -> None:
    assert auth.headers() == expected
