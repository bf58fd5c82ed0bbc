"""Compose files as devices get them."""

from typing import Any

import pytest

from picket_fleet.build.composition import normalise


def service(**given: Any) -> dict[str, Any]:
    found = normalise({"services": {"hub": given}})["services"]["hub"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"environment": ["A=1", "B=x=y"]}, {"environment": {"A": "1", "B": "x=y"}}),
        ({"environment": {"A": 1, "B": True, "C": "no"}}, {"environment": {"A": "1", "B": "true", "C": "no"}}),
        ({"labels": ["io.balena.features.dbus=1"]}, {"labels": {"io.balena.features.dbus": "1"}}),
        ({"command": "sh -c 'echo a b'"}, {"command": ["sh", "-c", "echo a b"]}),
        ({"tmpfs": "/run"}, {"tmpfs": ["/run"]}),
        ({"depends_on": {"a": {"condition": "service_started"}}}, {"depends_on": ["a"]}),
        ({"healthcheck": {"test": "true"}}, {"healthcheck": {"test": ["CMD-SHELL", "true"]}}),
        ({"volumes": ["data:/data:ro"]}, {"volumes": ["data:/data:ro"]}),
        (
            {"volumes": [{"type": "volume", "source": "data", "target": "/data", "read_only": True}]},
            {"volumes": ["data:/data:ro"]},
        ),
        ({"volumes": [{"type": "tmpfs", "target": "/tmp"}]}, {"volumes": [], "tmpfs": ["/tmp"]}),
        ({"volumes": ["/sys:/sys"]}, {"volumes": [], "labels": {"io.balena.features.sysfs": "1"}}),
        ({"build": ".", "image": "x", "container_name": "y", "expose": [1], "x-own": 1}, {}),
        ({"mem_limit": "64m", "tty": False}, {"mem_limit": "64m", "tty": False}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_every_value_has_one_form(given: dict[str, Any], meant: dict[str, Any]) -> None:
    assert service(**given) == meant


def test_volumes_and_networks_are_those_of_the_file() -> None:
    data = {"services": {}, "volumes": {"data": None}, "networks": {"lan": {"internal": True, "labels": ["a=b"]}}}

    assert normalise(data) == {
        "services": {},
        "volumes": {"data": {}},
        "networks": {"lan": {"internal": True, "labels": {"a": "b"}}},
    }
