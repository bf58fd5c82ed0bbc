import shutil
from pathlib import Path

import pytest
import yaml

from picket.config import Config, Loaded
from picket.config.schema import Mqtt
from picket_base.contents import command, everything, home, programs, reason_to_rest, takes_signals
from picket_base.programs import StartError, python

ROOT = Path(__file__).parents[2]


PLAIN = {"kind": "host"}
SERIAL = {"kind": "sds011", "port": "/dev/serial/by-path/x"}


def loaded(**sections: object) -> Loaded:
    given = {"data_dir": "/data", "collectors": {"host": PLAIN, "air": SERIAL}, **sections}
    return Loaded(Config(device="demo", **given), {})  # type: ignore[arg-type]


def test_the_containers_of_the_composition_run_every_program_once() -> None:
    containers = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    run = [program.name for name in containers for program in programs(name, loaded())]

    assert sorted(run) == sorted(program.name for program in everything(loaded().config))


@pytest.mark.parametrize(
    ("container", "names"),
    [
        ("hub", ["hub"]),
        ("relay", ["relay-watcher", "relay"]),
        ("collectors", ["collectors.host"]),
        ("collectors-usb", ["collectors.air"]),
        ("mosquitto", ["mosquitto"]),
    ],
)
def test_a_container_runs_its_own(container: str, names: list[str]) -> None:
    assert [program.name for program in programs(container, loaded())] == names


def test_a_container_that_nobody_knows_is_one_clear_error() -> None:
    with pytest.raises(StartError, match="there is no container 'hubs'"):
        programs("hubs", loaded())


def test_the_broker_rests_where_another_is_named_and_a_container_without_collectors_rests() -> None:
    elsewhere = loaded(mqtt=Mqtt(host="broker.example"))
    beside = loaded(mqtt=Mqtt(host="mosquitto"))

    assert reason_to_rest("mosquitto", elsewhere) == "the broker is broker.example"
    assert reason_to_rest("mosquitto", beside) == reason_to_rest("hub", beside) == ""
    assert "no collector" in reason_to_rest("collectors-usb", loaded(collectors={"host": PLAIN}))
    assert reason_to_rest("collectors", loaded()) == ""


def test_one_program_is_run_as_it_is_and_two_under_a_supervisord_that_speaks_to_the_log(tmp_path: Path) -> None:
    hub = python("hub", "picket_hub", priority=1)
    both = [hub, python("other", "other", priority=2)]

    assert command([hub], tmp_path) == list(hub.command) and takes_signals([hub])
    assert "picket_base.supervise" in command(both, tmp_path) and not takes_signals(both)
    assert (tmp_path / "supervisord.conf").read_text().count("stdout_logfile = /dev/fd/1") == 2


@pytest.mark.parametrize(
    ("settings", "container"),
    [
        pytest.param(SERIAL, "collectors-usb", id="by-path"),
        pytest.param({"kind": "sds011", "port": "auto"}, "collectors-usb", id="looked-for"),
        pytest.param(PLAIN, "collectors", id="none"),
        pytest.param({"kind": "nut", "port": 3493}, "collectors", id="of-tcp"),
        pytest.param({"kind": "nut", "port": "3493"}, "collectors", id="of-tcp-by-variable"),
    ],
)
def test_a_collectors_container_is_told_by_its_port(settings: dict[str, object], container: str) -> None:
    config = loaded(collectors={"air": settings}).config

    assert home(python("collectors.air", "picket_collectors", priority=1), config) == container


@pytest.mark.skipif(not shutil.which("rsyslogd", path="/usr/sbin:/usr/bin"), reason="rsyslog is not installed")
def test_where_logs_are_forwarded_each_container_but_the_brokers_forwards_its_own(tmp_path: Path) -> None:
    config = loaded(rsyslog_server="logs.example", data_dir=str(tmp_path))

    assert [program.name for program in programs("hub", config)] == ["rsyslogd", "hub"]
    assert [program.name for program in programs("mosquitto", config)] == ["mosquitto"]
