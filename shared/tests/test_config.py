from pathlib import Path

import pytest

from picket.config import Loaded, load_with_origins
from picket.config.schema import DigitalPir
from picket.errors import ConfigError

PLAIN = """\
device: demo
adc_boards:
  main: {bus: /dev/i2c-1}
io_boards:
  main: {bus: /dev/i2c-1}
inputs:
  hall: {kind: analog_pir, channel: 1}
outputs:
  siren: {pin: 1, max_on_seconds: 10}
"""


def load_text(folder: Path, text: str, overlay: str = "", **environment: str) -> Loaded:
    file = folder / "picket.yaml"
    file.write_text(text)
    if overlay:
        (folder / "devices").mkdir()
        (folder / "devices" / "demo.yaml").write_text(overlay)
    return load_with_origins(file, environment)


def problems(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_text(folder, text, **environment)
    return [line.replace(f"{folder}/", "") for line in str(raised.value).splitlines()]


def test_a_device_differs_from_the_fleet_and_a_variable_from_both(tmp_path: Path) -> None:
    overlay = "inputs:\n  hall: {channel: 3}\noutputs: {siren: null, light: {pin: 2}}\n"

    loaded = load_text(tmp_path, PLAIN, overlay, PICKET__INPUTS__HALL__HOLD_SECONDS="7.5", MQTT_PORT="1999")

    hall = loaded.config.inputs["hall"]
    assert (hall.channel, hall.hold_seconds, loaded.config.mqtt.port) == (3, 7.5, 1999)
    assert list(loaded.config.outputs) == ["light"]
    places = {".".join(path): place.replace(f"{tmp_path}/", "") for path, _, place in loaded.values()}
    assert places["inputs.hall.kind"] == "picket.yaml:7"
    assert places["inputs.hall.channel"] == "devices/demo.yaml:2"
    assert places["inputs.hall.hold_seconds"] == "PICKET__INPUTS__HALL__HOLD_SECONDS"
    assert places["mqtt.port"] == "MQTT_PORT"
    assert places["mqtt.root"] == "default"


BAD = [
    pytest.param(
        "  hall: {kind: analog_pir, channel: 1}",
        "  hall: {kind: analog_pir, chanel: 1}",
        ["picket.yaml:7: inputs.hall.chanel: unknown key; known are", "picket.yaml:7: inputs.hall.channel: is missing"],
        id="unknown-key",
    ),
    pytest.param(
        "channel: 1", "channel: one", ["picket.yaml:7: inputs.hall.channel: expected int, got str"], id="type"
    ),
    pytest.param(
        "channel: 1", "channel: 9", ["picket.yaml:7: inputs.hall.channel: expected int <= 8, got 9"], id="bound"
    ),
    pytest.param(
        "kind: analog_pir", "kind: pir", ["picket.yaml:7: inputs.hall.kind: expected one of analog_pir,"], id="kind"
    ),
    pytest.param("pin: 1", "pin: 33", ["picket.yaml:9: outputs.siren.pin: expected int <= 32, got 33"], id="pin"),
    pytest.param(
        "pin: 1",
        "pin: 1, interlock: gate",
        ["picket.yaml:9: outputs.siren.interlock: there is no interlock 'gate'; there are none"],
        id="interlock-that-is-none",
    ),
    pytest.param(
        "outputs:",
        "interlocks: {gate: {}}\noutputs:\n  gate: {pin: 2, interlock: gate, default: ON}",
        [
            "picket.yaml:10: outputs.gate.interlock: an output that rests ON can't be interlocked",
            "picket.yaml:8: interlocks.gate: expected two outputs or more with `interlock: gate`, there are 1",
        ],
        id="interlock-of-one-that-rests-on",
    ),
    pytest.param(
        "pin: 1",
        "pin: 1, min_off_seconds: 5, failsafe: ON",
        [
            "picket.yaml:9: outputs.siren.max_on_seconds: an output that rests ON can't have a maximum on-time",
            "picket.yaml:9: outputs.siren.min_off_seconds: an output that rests ON can't have a minimum off-time",
        ],
        id="minimum-off-time-of-one-that-rests-on",
    ),
    pytest.param(
        "device: demo",
        "device: Demo Pi",
        ["picket.yaml:1: device: expected str matching regex"],
        id="name",
    ),
    pytest.param(
        "outputs:",
        "  kitchen: {kind: analog_pir, channel: 1}\noutputs:",
        ["picket.yaml:8: inputs.kitchen.channel: channel 1 of board 'main' is 'hall''s already"],
        id="two-inputs-on-a-channel",
    ),
    pytest.param(
        "outputs:",
        "rules: {r: {when: input hall motion, then: relay attic on}}\noutputs:",
        ["picket.yaml:8: rules.r.then: there is no output 'attic'; there are siren"],
        id="rule-without-output",
    ),
    pytest.param(
        "outputs:",
        "rules: {r: {when: hall moves, then: relay siren on}}\noutputs:",
        ["picket.yaml:8: rules.r.when: expected 'input NAME motion|"],
        id="rule-without-grammar",
    ),
    pytest.param(
        "outputs:",
        "rules: {r: {when: input hall motion and input attic motion within 30 s, then: relay siren on}}\noutputs:",
        ["picket.yaml:8: rules.r.when: there is no input 'attic'; there are hall"],
        id="rule-without-its-second-input",
    ),
    pytest.param(
        "outputs:",
        "rules: {r: {when: threshold hot begins, then: relay siren on}}\noutputs:",
        ["picket.yaml:8: rules.r.when: there is no threshold 'hot'; there are none"],
        id="rule-without-its-threshold",
    ),
    pytest.param(
        "outputs:",
        "rules: {r: {when: input hall motion, only_if: input hall motion and input hall alarm within 3 s,"
        " then: relay siren on}}\noutputs:",
        ["picket.yaml:8: rules.r.only_if: expected 'input NAME motion|"],
        id="rule-with-a-window-as-condition",
    ),
    pytest.param(
        "outputs:",
        "collectors: {host: {kind: host}}\nthresholds:\n"
        "  hot: {source: hots, quantity: cpu, above: 1, below: 2}\noutputs:",
        [
            "picket.yaml:10: thresholds.hot: expected one of above and below, got both",
            "picket.yaml:10: thresholds.hot.source: there is no collector 'hots'; there are host",
        ],
        id="threshold-of-two-bounds-and-no-collector",
    ),
    pytest.param(
        "outputs:",
        "collectors: {host: {kind: host}}\nthresholds:\n  hot: {source: host, quantity: cpu}\noutputs:",
        ["picket.yaml:10: thresholds.hot: expected one of above and below, got neither"],
        id="threshold-without-a-bound",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: analog_pir, channel: 1, supply: main",
        ["picket.yaml:7: inputs.hall.supply: there is no supply 'main'; there are none"],
        id="input-without-supply",
    ),
    pytest.param(
        "inputs:",
        "supplies: {main: {channel: 1}}\ninputs:",
        ["picket.yaml:6: supplies.main.channel: channel 1 of board 'main' is 'hall''s already"],
        id="supply-on-an-inputs-channel",
    ),
    pytest.param(
        "inputs:",
        "supplies: {main: {channel: 2, board: second}}\ninputs:",
        ["picket.yaml:6: supplies.main.board: there is no ADC board 'second'"],
        id="supply-without-board",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1",
        ["picket.yaml:7: inputs.hall.zones: a loop needs its wiring, or at least a normal and an alarm band"],
        id="loop-of-nothing",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1, wiring: {type: deol, end_of_line_ohms: 2200}",
        ["picket.yaml:7: inputs.hall.wiring.alarm_ohms: is missing"],
        id="wiring-without-a-resistor",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1, wiring: {type: quad, end_of_line_ohms: 2200}",
        ["picket.yaml:7: inputs.hall.wiring.type: expected one of seol, deol, teol, got 'quad'"],
        id="wiring-of-no-type",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1, zones: {normal: {}}, wiring: {type: seol, end_of_line_ohms: 5600}",
        ["picket.yaml:7: inputs.hall.zones: expected either wiring or zones, got both"],
        id="wiring-and-zones",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1,"
        " wiring: {type: teol, end_of_line_ohms: 2200, alarm_ohms: 4700, fault_ohms: 2200, tolerance_percent: 5}",
        [
            "picket.yaml:7: inputs.hall.wiring: alarm (2.55 V) and masked (2.78 V) have a margin of 13 mV with"
            " resistors of 5 % and a cable of 100 ohm; expected at least 105 mV"
        ],
        id="states-too-close",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1, zones: {normal: {below_volts: 2}, alarm: {from_volts: 1.9}}",
        ["picket.yaml:7: inputs.hall.zones.alarm.from_volts: expected at least below_volts of normal (2), got 1.9"],
        id="bands-overlap",
    ),
    pytest.param(
        "kind: analog_pir, channel: 1",
        "kind: loop, channel: 1, zones: {normal: {below_volts: 2}, alarm: {from_volts: 2, below_volts: 2.04}}",
        ["picket.yaml:7: inputs.hall.zones.alarm.below_volts: expected more than from_volts and hysteresis_volts"],
        id="band-thinner-than-its-hysteresis",
    ),
    pytest.param("{kind: analog_pir, channel: 1}", "[", ["picket.yaml:9: no YAML: "], id="no-yaml"),
    pytest.param("device: demo", "device: demo\ndevice: again", ["picket.yaml:2: device: given twice"], id="twice"),
    pytest.param(
        "device: demo",
        "device: demo\nmqtt: {password: hunter2}",
        ["picket.yaml:2: mqtt.password: a secret stands in no file of git"],
        id="secret-in-git",
    ),
    pytest.param(
        "device: demo",
        "device: demo\nbroker: {clients: {demo: {topics: [node/demo]}, home: {topics: [node/home]}}}",
        [
            "picket.yaml:2: broker.clients.demo: expected a name of its own, the device is 'demo'",
            "picket.yaml:2: broker.clients.home: expected a name of its own, broker.username is 'home'",
        ],
        id="clients-that-are-users-already",
    ),
    pytest.param(
        "device: demo",
        "device: demo\nbroker: {clients: {shed: {topics: [picket/demo/output/door/set, homeassistant/#]}}}",
        [
            "picket.yaml:2: broker.clients.shed.topics: picket/demo/output/door/set reaches picket/#, Picket's own",
            "picket.yaml:2: broker.clients.shed.topics: homeassistant/# reaches homeassistant/device/picket_*/config",
        ],
        id="a-client-that-could-open-the-door",
    ),
    pytest.param(
        "device: demo",
        "device: demo\nbroker: {clients: {shed: {topics: ['#', '+/demo/output', 'a/#/b', 'a\\nuser x', '$SYS/#']}}}",
        ["picket.yaml:2: broker.clients.shed.topics: expected str matching regex"],
        id="a-client-s-topics-that-are-none",
    ),
    pytest.param(
        "device: demo",
        "device: demo\nbroker: {clients: {shed: {topics: [node/shed/#], password: hunter2}}}",
        ["picket.yaml:2: broker.clients.shed.password: a secret stands in no file of git"],
        id="a-client-s-secret-in-git",
    ),
    pytest.param(
        "io_boards:\n  main: {bus: /dev/i2c-1}",
        "io_boards:\n  main: {bus: /dev/i2c-1, addresses: [0x68]}",
        ["picket.yaml:5: io_boards.main.addresses: address 0x68 of /dev/i2c-1 is adc_boards.main's already"],
        id="two-chips-on-an-address",
    ),
    pytest.param(
        "outputs:",
        "collectors:\n  gas: {kind: any, bus: /dev/i2c-1, address: 0x68}\n"
        "  attic: {kind: any, bus: /dev/i2c-3, address: 0x68}\noutputs:",
        ["picket.yaml:9: collectors.gas.address: address 0x68 of /dev/i2c-1 is adc_boards.main's already"],
        id="a-sensor-on-a-board-s-address",
    ),
    pytest.param(
        "outputs:",
        "collectors:\n  zigbee: {kind: any}\n  gas: {kind: any, humidity_from: climate}\n"
        "  attic: {kind: any, humidity_from: zigbee_attic}\noutputs:",
        ["picket.yaml:10: collectors.gas.humidity_from: there is no collector 'climate'; there are zigbee, gas, attic"],
        id="a-neighbour-that-is-none",
    ),
]


@pytest.mark.parametrize(("good", "bad", "expected"), BAD)
def test_a_mistake_is_one_line_that_names_file_line_and_path(
    tmp_path: Path, good: str, bad: str, expected: list[str]
) -> None:
    found = problems(tmp_path, PLAIN.replace(good, bad, 1))

    assert len(found) == len(expected)
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(beginning)


def test_a_known_pir_has_defaults_of_its_own(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, PLAIN.replace("kind: analog_pir, channel: 1", "kind: am312, channel: 1"))

    assert isinstance(loaded.config.inputs["hall"], DigitalPir)
    assert [value for path, value, _ in loaded.values() if path[-1] == "warm_up_seconds"] == [20]


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = PLAIN.replace("channel: 1", "channel: x").replace("pin: 1", "pinn: 1")

    found = problems(tmp_path, text, PICKET__MQTT__PORT="high", PICKET__NONSENSE="1")

    assert [line.split(": ")[:2] for line in found] == [
        ["PICKET__NONSENSE", "nonsense"],
        ["PICKET__MQTT__PORT", "mqtt.port"],
        ["picket.yaml:7", "inputs.hall.channel"],
        ["picket.yaml:9", "outputs.siren.pinn"],
        ["picket.yaml:9", "outputs.siren.pin"],
    ]


def test_a_sensor_is_checked_at_the_address_that_it_has_by_default(tmp_path: Path) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text("device: demo\ncollectors:\n  one: {kind: bme280}\n  two: {kind: bme280, address: 0x76}\n")

    with pytest.raises(ConfigError, match=r"collectors.two.address: address 0x76 of /dev/i2c-1 is collectors.one's"):
        load_with_origins(file, {}, collectors=True)


def test_on_off_and_clock_times_are_text(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, PLAIN.replace("max_on_seconds: 10", "default: ON"))

    assert loaded.config.outputs["siren"].default == "ON"


def test_a_secret_comes_from_its_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")

    loaded = load_text(tmp_path, PLAIN, PICKET__MQTT__PASSWORD_FILE=str(tmp_path / "password"))

    assert loaded.config.mqtt.password == "hunter2"
    shown = {".".join(path): value for path, value, _ in loaded.values()}
    assert shown["mqtt.password"] == "***"


def test_a_client_of_the_broker_has_its_password_from_a_variable_and_it_is_never_shown(tmp_path: Path) -> None:
    text = PLAIN + "broker: {clients: {shed: {topics: ['node/shed/#', homeassistant/+/+/+/config, picket_shed/#]}}}"

    loaded = load_text(tmp_path, text, PICKET__BROKER__CLIENTS__SHED__PASSWORD="hunter2")

    assert loaded.config.broker.clients["shed"].password == "hunter2"
    assert "hunter2" not in str(loaded.values())


def test_a_collector_s_secret_is_never_shown_wherever_it_stands(tmp_path: Path) -> None:
    text = (
        PLAIN
        + "collectors: {api: {kind: http, measures: x, url: 'http://a', values: {x: {path: x}}, auth: {username: me}}}"
    )
    (tmp_path / "picket.yaml").write_text(text)
    variables = {"PICKET__COLLECTORS__API__AUTH__PASSWORD": "hunter2"}

    for collectors in (True, False):
        loaded = load_with_origins(tmp_path / "picket.yaml", variables, collectors=collectors)
        shown = {".".join(path): value for path, value, _ in loaded.values()}
        assert shown["collectors.api.auth.password"] == "***"
        assert shown["collectors.api.auth.username"] == "me"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read: No such file"):
        load_with_origins(tmp_path / "nowhere.yaml", {})
