import re
from pathlib import Path

import msgspec

from picket.config import load
from picket.messages import Health, OutputResult
from picket_gateway.commands import Wish
from picket_gateway.heartbeat import Heartbeat
from picket_gateway.vitals import Vitals

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_sample_configuration_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text(blocks("yaml")[0])

    assert load(file, {}).mqtt.username == "hut"


def test_the_example_messages_are_valid() -> None:
    heartbeat, wish, result = blocks("json")

    assert msgspec.to_builtins(msgspec.json.decode(heartbeat, type=Heartbeat)) == msgspec.json.decode(heartbeat)
    assert msgspec.json.decode(wish, type=Wish).seconds == 5
    assert not msgspec.json.decode(result, type=OutputResult).accepted


def test_the_heartbeat_is_made_of_such_beats() -> None:
    example = msgspec.json.decode(blocks("json")[0], type=Heartbeat)
    vitals = Vitals()
    figures = {
        "hub": {
            "edge_to_journal_ms": example.latency["edge_to_journal_ms"],
            "journal_bytes": example.journal["bytes"],
            "journal_lags": example.journal["lags"],
            "journal_dropped": {"readings": 2000, "states": 0, "events": 0},
        },
        "relay": {"command_to_pin_ms": example.latency["command_to_pin_ms"]},
        "collectors.air": {"implausible": 1, "bus_dropped": 0},
    }
    for name, figure in figures.items():
        vitals.hear(
            Health(time_ns=0, service=name, state="ok", uptime_seconds=1, faults={}, figures=figure), now=0, now_ns=0
        )

    ours = {"edge_to_mqtt_ms": example.latency["edge_to_mqtt_ms"]}
    assert vitals.latency() | ours == example.latency
    assert (vitals.journal(), vitals.dropped()) == (example.journal, example.dropped)
