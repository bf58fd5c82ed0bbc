"""What balena would refuse in a docker-compose.yml, told by line before it is pushed."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from fleet.tests.matrix import MATRIX, composition, compositions
from picket_fleet import command
from picket_fleet.compose import check
from picket_fleet.compose_file import UnreadableError, read

HEAD = "version: '2.4'\nvolumes: {state: }\nservices:\n  a:\n    image: debian\n"


@pytest.mark.parametrize("name", MATRIX)
def test_a_file_has_to_pass_both_parsers_and_today_s_devices_and_to_mean_the_same(name: str) -> None:
    row = MATRIX[name]

    problems = check(composition(row))

    passes = row["old"] == row["new"] == "takes" and "differ" not in row
    assert bool(problems) is not passes, problems


@pytest.mark.parametrize(
    ("service", "place", "why"),
    [
        pytest.param({"cpus": 1}, "services.a.cpus", "devices refuse the whole release", id="new-key"),
        pytest.param({"links": ["b"]}, "services.a.links", "newer parser refuses", id="old-key"),
        pytest.param({"user": 1000}, "services.a.user", "expected text", id="number-for-text"),
        pytest.param({"privileged": "yes"}, "services.a.privileged", "true or false", id="text-for-flag"),
        pytest.param({"environment": {"A": 0}}, "services.a.environment.A", "'0' in quotes", id="zero"),
        pytest.param({"environment": {"A": None}}, "services.a.environment.A", "builder's environment", id="no-value"),
        pytest.param({"environment": ["A"]}, "services.a.environment.0", "builder's environment", id="name-alone"),
        pytest.param({"command": ["echo", "$HOME"]}, "services.a.command.1", "builder's variable", id="dollar"),
        pytest.param({"depends_on": ["c"]}, "services.a.depends_on", "no service 'c'", id="nobody"),
        pytest.param({"networks": ["lan"]}, "services.a.networks", "no network 'lan'", id="no-network"),
        pytest.param({"volumes": ["data:/x"]}, "services.a.volumes.0", "no volume 'data'", id="no-volume"),
        pytest.param({"volumes": ["state:/x:z"]}, "services.a.volumes.0", "no option but 'ro'", id="volume-option"),
        pytest.param({"devices": ["vendor/gpu=0"]}, "services.a.devices.0", "no path", id="cdi-device"),
        pytest.param({"restart": "sometimes"}, "services.a.restart", "expected no, always", id="restart"),
        pytest.param({"security_opt": ["label=disable"]}, "services.a.security_opt.0", "all but", id="security"),
        pytest.param({"pid": "service:b"}, "services.a.pid", "all but 'host'", id="pid"),
        pytest.param({"pids_limit": -1}, "services.a.pids_limit", "less than 0", id="pids"),
        pytest.param({"labels": {"a b": "1"}}, "services.a.labels.a b", "letters", id="label-name"),
        pytest.param({"networks": {"default": {"priority": 1}}}, "services.a.networks.default.priority", "", id="net"),
        pytest.param({"build": {"context": ".", "ssh": ["default"]}}, "services.a.build.ssh", "refuses it", id="build"),
        pytest.param({"tmpfs": ["/tmp", "/tmp"]}, "services.a.tmpfs", "list of texts", id="twice"),
    ],
)
def test_a_problem_names_its_place_and_says_why(service: dict[str, Any], place: str, why: str) -> None:
    problems = check(composition({"service": service}))

    assert [str(problem).partition(": ")[0] for problem in problems] == [place]
    assert why in problems[0].why


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"version": "3.8"}, "version", id="version"),
        pytest.param({"secrets": {}}, "secrets", id="secrets"),
        pytest.param({"networks": {"lan": {"external": True}}}, "networks.lan.external", id="external-network"),
        pytest.param({"networks": {"lan": {"driver": "macvlan"}}}, "networks.lan.driver", id="network-driver"),
        pytest.param({"volumes": {"state": {"driver": "nfs"}}}, "volumes.state.driver", id="volume-driver"),
        pytest.param({"services": ["a"]}, "services", id="no-mapping"),
        pytest.param({"services": {"a": None}}, "services.a", id="empty-service"),
        pytest.param({"services": {"a": {"tty": False}}}, "services.a", id="nothing-to-run"),
    ],
)
def test_the_rest_of_a_file_is_checked_too(change: dict[str, Any], place: str) -> None:
    problems = check(composition({"service": {}}) | change)

    assert [".".join(map(str, problem.path)) for problem in problems] == [place]


def test_all_problems_are_told_at_once() -> None:
    service = {"cpus": 1, "links": ["b"], "volumes": ["./x:/x", "/y"]}

    assert len(check(composition({"service": service}))) == 4


def test_nothing_that_a_file_may_say_is_too_much() -> None:
    taken = [one for one in compositions(5000) if not check(one)]

    assert 100 < len(taken) < 2000


def test_a_file_is_read_as_both_parsers_read_it() -> None:
    data = read("x-all: &all {restart: no, init: true}\nservices: {a: {<<: *all, mem_limit: 22}}\n").data

    assert data["services"]["a"] == {"restart": "no", "init": True, "mem_limit": 22}


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: [\n", "a: &a [*a]\n"], ids=["twice", "no-yaml", "holds-itself"])
def test_what_is_no_file_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)


def test_each_value_has_its_line_what_is_merged_too() -> None:
    composition = read(HEAD + "    volumes:\n      - state:/x\n      - ./y:/y\n")

    assert composition.line(("services", "a", "volumes", 1)) == 8
    assert composition.line(("services", "a", "cpus", "deep")) == 4


def test_the_release_s_own_file_is_taken() -> None:
    file = Path(__file__).parents[2] / "docker-compose.yml"

    assert check(read(file.read_text()).data) == []


def test_the_command_names_file_and_line_of_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(HEAD + "    cpus: 1\n    links: [a]\n")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    status = command.run(parser.parse_args([str(file)]))

    assert status == 1
    assert [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()] == [f"{file}:6", f"{file}:7"]
