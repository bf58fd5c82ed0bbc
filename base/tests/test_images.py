"""What goes into images: their lock, and the composition that containers on a development machine are made of."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from base.images.development import composition
from picket.config import load
from picket_base.contents import everything, home
from picket_simulator.hardware import Hardware

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "shared", ROOT / "base", *sorted((ROOT / "services").iterdir())]


def entries(lock: Path) -> dict[str, str]:
    """Return a lock's entries, hashes included, by name."""
    return {re.split("[=;]", text)[0]: text.rstrip() for text in re.split(r"\n(?=[a-z])", lock.read_text()) if text}


def test_the_images_lock_is_a_part_of_the_one_lock() -> None:
    whole, images = entries(ROOT / "requirements.lock"), entries(ROOT / "base/requirements.lock")

    # A marker may be narrower where fewer packages ask for it.
    versions = {name: text.split(" \\\n")[0].split(" ;")[0] for name, text in images.items()}
    assert versions == {name: whole[name].split(" \\\n")[0].split(" ;")[0] for name in images}
    assert all("--hash=sha256:" in text for text in images.values())


def test_the_lock_with_plugs_is_the_images_lock_and_what_python_kasa_needs() -> None:
    whole, images, plugs = (
        entries(ROOT / name) for name in ("requirements.lock", "base/requirements.lock", "base/kasa.lock")
    )

    versions = {name: text.split(" \\\n")[0].split(" ;")[0] for name, text in plugs.items()}
    assert versions == {name: whole[name].split(" \\\n")[0].split(" ;")[0] for name in plugs}
    assert set(images) < set(plugs)
    assert {"python-kasa", "aiohttp", "cryptography"} <= set(plugs) - set(images)
    assert "://" not in (ROOT / "base/kasa.lock").read_text()


def test_the_images_lock_has_all_that_the_rooms_ask_for_and_no_tools() -> None:
    images = entries(ROOT / "base/requirements.lock")
    asked: set[str] = set()
    for room in SHIPPED:
        project = tomllib.loads((room / "pyproject.toml").read_text())["project"]
        asked |= {re.split("[<>=]", name)[0] for name in project["dependencies"]}

    assert {name for name in asked if not name.startswith("picket")} <= set(images)
    assert not {"pytest", "mypy", "ruff", "hypothesis", "amqtt"} & set(images)


def test_for_development_the_release_is_the_same_but_for_its_hardware() -> None:
    release = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    made = composition({"PICKET__LOG_LEVEL": "debug"}, 1884)["services"]

    assert set(made) == {*release, "simulator"}
    assert not any({"build", "devices", "privileged"} & set(service) for service in made.values())
    assert made["collectors-usb"]["image"] == made["collectors"]["image"] == "picket/collectors"
    assert all(service["cap_drop"] == ["ALL"] for name, service in made.items() if name != "simulator")
    assert made["mosquitto"]["ports"] == ["127.0.0.1:1884:1883"]
    assert made["hub"]["environment"]["PICKET__HUB__BIND_ADDRESS"] == "0.0.0.0"
    assert made["hub"]["environment"]["PICKET__LOG_LEVEL"] == "debug"


def test_for_development_every_collector_asks_the_simulator_and_finds_it_there() -> None:
    services = composition({}, 1884)["services"]
    data = {"PICKET__DATA_DIR": "/data"}  # of the images

    asked, played = (load(environment=services[name]["environment"] | data) for name in ("collectors-usb", "simulator"))

    here = [name for name, one in asked.collectors.items() if "127.0.0.1" in str(one) or "var/" in str(one)]
    assert here == ["power"]  # plugs are an extra, and of each there is one address
    for name in ("air", "dust", "co2"):
        assert Hardware(played).serial_ports[name].link == Path(asked.collectors[name]["port"])
    for name in ("collectors", "collectors-usb", "simulator"):
        assert {"simulated:/data/sim", "terminals:/dev/pts"} <= set(services[name]["volumes"])


def test_for_development_a_house_of_one_s_own_gets_nothing_that_it_does_not_have(tmp_path: Path) -> None:
    own = tmp_path / "picket.yaml"
    own.write_text(
        "device: demo\n"
        "adc_boards: {front: {bus: 'sim://127.0.0.1:7701', addresses: [0x68]}, back: {bus: /dev/i2c-1}}\n"
        "collectors: {loft: {kind: bme280, bus: 'sim://127.0.0.1:7701'}, nas: {kind: http, url: 'http://127.0.0.1/x'}}\n"
    )

    environment = composition({"PICKET_CONFIG": str(own)}, 1884)["services"]["hub"]["environment"]

    config = load(environment=environment)
    assert {name: board.bus for name, board in config.adc_boards.items()} == {
        "front": "sim://simulator:7701",
        "back": "/dev/i2c-1",
    }
    assert config.collectors == {
        "loft": {"kind": "bme280", "bus": "sim://simulator:7701"},
        "nas": {"kind": "http", "url": "http://127.0.0.1/x"},
    }


def test_for_development_the_simulator_is_a_client_of_the_broker_that_may_say_what_is_simulated_and_no_more() -> None:
    made = composition({}, 1884)["services"]

    broker, simulator = (load(environment=made[name]["environment"]) for name in ("mosquitto", "simulator"))

    assert broker.broker.clients["simulator"].topics == ["sim/#"]
    assert broker.broker.clients["simulator"].password == simulator.mqtt.password != ""
    assert (simulator.mqtt.host, simulator.mqtt.username) == ("mosquitto", "simulator")


@pytest.mark.parametrize("container", ["collectors", "collectors-usb"])
def test_a_house_with_twice_the_sensors_of_the_demonstration_has_the_memory(container: str) -> None:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][container]
    config = load()

    sensors = [program for program in everything(config) if home(program, config) == container]

    assert int(service["mem_limit"].removesuffix("m")) >= 2 * len(sensors) * 20  # a collector fits into 20 MB


def test_every_service_is_limited_and_keeps_its_root_read_only() -> None:
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items():
        assert service["mem_limit"] and service["read_only"] and service["tty"] is False, name
        assert service.get("privileged", False) == (name == "collectors-usb"), name
        assert ("devices" in service) == (name in ("collectors", "gpio-input", "relay")), name
