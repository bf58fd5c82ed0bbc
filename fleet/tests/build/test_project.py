"""Projects that can be built, and what balena's builder would refuse in the others, with file and line."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.tests.build.test_source import source_of
from picket_fleet.build import project
from picket_fleet.build.errors import RefusedError
from picket_fleet.build.project import Project, Recipe
from picket_fleet.compose_keys import BUILD, SERVICE

COMPOSE = """\
version: "2.4"
services:
  hub:
    build:
      context: .
      dockerfile: base/Dockerfile
      args: {SERVICE: hub}
  broker:
    image: mosquitto:2
"""
GOOD = {"docker-compose.yml": COMPOSE, "base/Dockerfile": "FROM x"}


def read(folder: Path, files: dict[str, str], device_type: str = "raspberrypi4-64") -> Project:
    return project.read(source_of(folder, files), device_type=device_type, fleet="house", release="ab12")


def refused(folder: Path, files: dict[str, str]) -> list[str]:
    with pytest.raises(RefusedError) as error:
        read(folder, {**GOOD, **files})
    return str(error.value).splitlines()


def test_services_are_built_or_taken(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)

    assert found.recipes == {
        "hub": Recipe(dockerfile="base/Dockerfile", arguments=(("SERVICE", "hub"),)),
        "broker": Recipe(image="mosquitto:2"),
    }
    assert found.semver == "0.0.0"
    assert found.composition["services"] == {"hub": {}, "broker": {}}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"docker-compose.yml": COMPOSE + "    cpus: 1\n"}, "docker-compose.yml:10: services.broker.cpus: "),
        ({"docker-compose.yml": COMPOSE + "    volumes: [./x:/x]\n"}, "docker-compose.yml:10: services.broker.volumes"),
        ({"docker-compose.yml": "version: '2.4'\nservices: {}\n"}, "docker-compose.yml:2: services: there are none"),
        ({"docker-compose.yml": "a: b: c"}, "docker-compose.yml: no YAML: "),
        (
            {"docker-compose.yml": COMPOSE.replace("base/", "bass/")},
            "docker-compose.yml:4: services.hub.build: there is no bass/Dockerfile",
        ),
        (
            {"docker-compose.yml": COMPOSE.replace("context: .", "context: hub")},
            "docker-compose.yml:4: services.hub.build: there is no folder hub",
        ),
        (
            {"docker-compose.yml": COMPOSE + "    command: echo it's\n"},
            "docker-compose.yml:10: services.broker.command: No closing quotation",
        ),
        (
            {"docker-compose.yml": COMPOSE.replace("args: {SERVICE: hub}", "shm_size: 64x")},
            "docker-compose.yml:7: services.hub.build.shm_size: expected a number",
        ),
        ({"base/Dockerfile.template": "FROM %%ARCH%%"}, "base/Dockerfile.template:1: there is no %%ARCH%%"),
        ({"balena.yml": "type: sw.application\nversion: v1\n"}, "balena.yml:2: version: expected x.y.z, got 'v1'"),
        ({"balena.yml": "version: 1.0.0\n"}, "balena.yml:1: type: expected sw.application"),
        ({".balena/balena.yml": "build-secrets: {global: []}\n"}, ".balena/balena.yml:1: build-secrets: "),
        (
            {".balena/balena.yml": "build-variables:\n  services:\n    hum: [A=1]\n"},
            ".balena/balena.yml:3: build-variables.services.hum: there is no such service",
        ),
    ],
    ids=["lint", "bind-mount", "no-services", "no-yaml", "no-dockerfile", "no-folder", "quotes", "size", "template",
         "version", "type", "secrets", "no-such-service"],
)  # fmt: skip
def test_what_balena_refuses_is_refused_with_its_place(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    problems = refused(tmp_path, files)

    assert any(problem.startswith(reason) for problem in problems), problems


TEXTS = ["", "a", "a b 'c", "64x", "1m", "a=b", "/a:/b", "a:/b", "host", "3"]
SCALARS = [None, True, 0, -1, 2.5, *TEXTS]
VALUES = [
    *SCALARS,
    *([value] for value in SCALARS),
    *({"a": value} for value in SCALARS),
    *({"test": value} for value in SCALARS),
    [],
    {},
    [{}],
    [["a"]],
    [{"type": "volume"}],
    [{"type": "tmpfs", "target": "/a"}],
    {"a": {"b": "c"}},
    {"a": ["b"]},
]


def files_with(key: str, value: Any) -> dict[str, str]:
    """Return a project with a value where it need not belong."""
    build: dict[str, Any] = {"context": "base"}
    composed: dict[str, Any] = {"version": "2.4", "services": {"hub": {"build": build}}, "volumes": {"a": {}}}
    contract: dict[str, Any] = {"type": "sw.application"}
    metadata: dict[str, Any] = {}
    places = {"service": composed["services"]["hub"], "build": build, "file": composed, "contract": contract}
    place, _, name = key.partition(".")
    {**places, "metadata": metadata}[place][name] = value
    data = {"docker-compose.yml": composed, "balena.yml": contract, ".balena/balena.yml": metadata}
    return {"base/Dockerfile": "FROM x", **{path: json.dumps(content) for path, content in data.items()}}


@pytest.mark.parametrize(
    "key",
    [
        *(f"service.{key}" for key in sorted(SERVICE.taken)),
        *(f"build.{key}" for key in sorted(BUILD.taken)),
        *(f"file.{key}" for key in ("version", "services", "volumes", "networks", "x-own")),
        *("contract.type", "contract.version", "metadata.build-variables", "metadata.build-secrets"),
    ],
)
def test_whatever_is_pushed_is_built_or_refused(tmp_path: Path, key: str) -> None:
    for value in VALUES:
        try:
            read(tmp_path, files_with(key, value))
        except RefusedError as error:
            assert str(error)


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    problems = refused(
        tmp_path, {"docker-compose.yml": COMPOSE + "    cpus: 1\n    links: [hub]\n", "balena.yml": "version: 1\n"}
    )

    assert [problem.split(": ")[0] for problem in problems] == [
        "docker-compose.yml:10",
        "docker-compose.yml:11",
        "balena.yml:1",
        "balena.yml:1",
    ]


def test_a_project_without_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"no docker-compose\.yml, and no Dockerfile"):
        read(tmp_path, {"README.md": "hello"})


def test_a_dockerfile_alone_is_one_service(tmp_path: Path) -> None:
    found = read(tmp_path, {"Dockerfile.aarch64": "FROM %%BALENA_ARCH%%/x"})

    assert found.recipes == {"main": Recipe(dockerfile="Dockerfile.aarch64", text="FROM aarch64/x")}
    assert found.composition["services"]["main"]["privileged"] is True


def test_build_variables_reach_the_services_that_they_are_for(tmp_path: Path) -> None:
    variables = "build-variables:\n  global: [A=1, B=2]\n  services:\n    hub: [B=3, SERVICE=other]\n"

    found = read(tmp_path, {**GOOD, ".balena/balena.yml": variables})

    assert dict(found.recipes["hub"].arguments) == {"A": "1", "B": "3", "SERVICE": "hub"}
