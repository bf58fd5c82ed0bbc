"""What the engine is asked for, of what a compose file says."""

from typing import Any

import pytest

from picket_fleet.agent.compose import ports, seconds, size, volumes
from picket_fleet.agent.container import Host, wanted
from picket_fleet.agent.errors import TargetError
from picket_fleet.agent.target import Release, ReleaseState, ServiceState

HOST = Host("u" * 32, "house", "raspberrypi4-64", "aarch64", "Debian", "/locks")


def release(commit: str = "c" * 32, networks: Any = None, **compositions: dict[str, Any]) -> Release:
    services = {
        name: ServiceState(id=number, image_id=7, image="r/v2/x", composition=composition)
        for number, (name, composition) in enumerate(compositions.items(), 1)
    }
    images = {name: f"{number:064x}" for number, name in enumerate(compositions)}
    return Release(commit, "a" * 32, 1, "town", ReleaseState(5, services, {"state": {}}, networks or {}), images)


def body(**composition: Any) -> dict[str, Any]:
    return wanted(release(web=composition), HOST)["web"].body


@pytest.mark.parametrize(
    ("composition", "where", "expected"),
    [
        pytest.param({"command": "sh -c 'a b'"}, "Cmd", ["sh", "-c", "a b"], id="command in words"),
        pytest.param({"entrypoint": ["a", "b c"]}, "Entrypoint", ["a", "b c"], id="entrypoint as a list"),
        pytest.param({}, "Tty", True, id="a terminal, as balena has it"),
        pytest.param({"tty": False}, "Tty", False, id="no terminal"),
        pytest.param({"stop_grace_period": "1m30s"}, "StopTimeout", 90, id="grace"),
        pytest.param({"ports": ["80:8080"]}, "ExposedPorts", {"8080/tcp": {}}, id="ports"),
        pytest.param({"mem_limit": "96m"}, "HostConfig.Memory", 96 << 20, id="memory"),
        pytest.param({"devices": ["/dev/i2c-1"]}, "HostConfig.Devices.0.PathInContainer", "/dev/i2c-1", id="device"),
        pytest.param(
            {"tmpfs": ["/run", "/tmp:size=1m"]}, "HostConfig.Tmpfs", {"/run": "", "/tmp": "size=1m"}, id="tmpfs"
        ),
        pytest.param({"volumes": ["state:/data:ro"]}, "HostConfig.Binds.0", "1_state:/data:ro", id="volume"),
        pytest.param({}, "HostConfig.Binds.0", "/locks/1/web:/tmp/balena", id="locks"),
        pytest.param({}, "HostConfig.NetworkMode", "1_default", id="network"),
        pytest.param({"network_mode": "host"}, "HostConfig.NetworkMode", "host", id="the host's network"),
        pytest.param({"restart": "on-failure:3"}, "HostConfig.RestartPolicy.Name", "no", id="not before it is started"),
        pytest.param({"ulimits": {"core": 0}}, "HostConfig.Ulimits.0.Hard", 0, id="ulimit"),
        pytest.param(
            {"healthcheck": {"test": "true", "interval": "2s"}}, "Healthcheck.Interval", 2 * 10**9, id="health"
        ),
        pytest.param({"privileged": True}, "HostConfig.Privileged", True, id="privileged"),
    ],
)
def test_a_field_becomes_an_option(composition: dict[str, Any], where: str, expected: Any) -> None:
    found: Any = body(**composition)

    for step in where.split("."):
        found = found[int(step)] if isinstance(found, list) else found[step]

    assert found == expected


@pytest.mark.parametrize(
    "composition",
    [
        pytest.param({"volumes": ["/etc:/etc"]}, id="a path of the host"),
        pytest.param({"volumes": ["/data"]}, id="a volume without a name"),
        pytest.param({"mem_limit": "lots"}, id="no size"),
        pytest.param({"restart": "sometimes"}, id="no policy"),
        pytest.param({"networks": ["nowhere"]}, id="no network"),
        pytest.param({"network_mode": "service:nobody"}, id="no service"),
    ],
)
def test_what_makes_no_sense_is_refused(composition: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="service web"):
        wanted(release(web=composition), HOST)


def test_another_release_with_the_same_service_wants_the_same_container_by_another_name() -> None:
    first, second = wanted(release(web={}), HOST)["web"], wanted(release("d" * 32, web={}), HOST)["web"]

    assert first.config == second.config
    assert (first.name, second.name) == (f"web_7_5_{'c' * 32}", f"web_7_5_{'d' * 32}")


def test_dependencies_come_first_and_a_circle_is_no_harm() -> None:
    order = wanted(release(a={"depends_on": ["b"]}, b={"depends_on": {"c": {}}}, c={}), HOST)
    circle = wanted(release(a={"depends_on": ["b"]}, b={"depends_on": ["a"]}), HOST)

    assert list(order) == ["c", "b", "a"]
    assert set(circle) == {"a", "b"}


def test_who_shares_a_network_is_replaced_with_whose_it_is() -> None:
    def config(colour: str) -> str:
        services = {"a": {"environment": {"COLOUR": colour}}, "b": {"network_mode": "service:a"}}
        return wanted(release(**services), HOST)["b"].config

    assert config("red") != config("blue")


@pytest.mark.parametrize(("text", "expected"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), (7, 7)])
def test_seconds(text: Any, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("64m", 64 << 20), ("1GB", 1 << 30), (512, 512), (None, 0), ("1.5k", 1536)]
)
def test_size(text: Any, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", {"80/tcp": [{"HostIp": "", "HostPort": ""}]}),
        ("80:8080/udp", {"8080/udp": [{"HostIp": "", "HostPort": "80"}]}),
        ("127.0.0.1:80:8080", {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]}),
        ("1-2:3-4", {"3/tcp": [{"HostIp": "", "HostPort": "1"}], "4/tcp": [{"HostIp": "", "HostPort": "2"}]}),
    ],
)
def test_ports(text: str, expected: Any) -> None:
    assert ports([text])[1] == expected


def test_a_volume_in_many_words() -> None:
    value = {"type": "volume", "source": "state", "target": "/data", "read_only": True}

    assert volumes([value], lambda name: f"1_{name}") == ["1_state:/data:ro"]
