"""Which port a sensor is on: how ports are named, and how `auto` finds it among others without disturbing them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket.config import Config
from picket_collectors.serial_port import AUTO, SerialPort, candidates, open_serial_port
from picket_collectors.source import Site, SourceError
from picket_collectors.store import Store
from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort as SimulatedPort
from tests.servers.waiting import wait_for

SENSORS = {"sds011": Sds011, "pms5003": Pms5003, "mhz19b": Mhz19b}


# Names


def tree(devices: Path, *ports: str, **links: str) -> Path:
    """Make a /dev of files for ports, and of links for their names: `by_id__name="ttyUSB0"`."""
    devices.mkdir(exist_ok=True)
    for port in ports:
        (devices / port).touch()
    for name, port in links.items():
        folder, _, leaf = name.partition("__")
        link = devices / "serial" / folder.replace("_", "-") / leaf
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(devices / port)
    return devices


@pytest.mark.parametrize(
    ("ports", "links", "names"),
    [
        pytest.param(["ttyUSB0"], {}, ["ttyUSB0"], id="no-udev"),
        pytest.param(
            ["ttyUSB0"],
            {"by_id__usb-CP2102_0001": "ttyUSB0", "by_path__usb-0.1.2": "ttyUSB0"},
            ["serial/by-id/usb-CP2102_0001"],
            id="by-id-where-it-is-unique",
        ),
        pytest.param(
            ["ttyUSB0", "ttyACM0"],
            {"by_id__usb-CP2102_0001": "ttyUSB0", "by_id__usb-Stick": "ttyACM0", "by_path__usb-0.1.2": "ttyUSB0"},
            ["serial/by-id/usb-CP2102_0001", "serial/by-id/usb-Stick"],
            id="by-id-of-each",
        ),
        pytest.param(
            ["ttyUSB0", "ttyUSB1"],
            {"by_id__usb-1a86": "ttyUSB1", "by_path__usb-0.1.2": "ttyUSB0", "by_path__usb-0.1.3": "ttyUSB1"},
            ["serial/by-path/usb-0.1.2", "serial/by-path/usb-0.1.3"],
            id="by-path-of-two-that-share-a-name",
        ),
        pytest.param(
            ["ttyUSB0"],
            {"by_path__platform-usb-0.1.2": "ttyUSB0", "by_path__platform-usbv2-0.1.2": "ttyUSB0"},
            ["serial/by-path/platform-usb-0.1.2"],
            id="one-of-two-paths",
        ),
        pytest.param(["ttyUSB0"], {"by_id__usb-gone": "ttyUSB7"}, ["ttyUSB0"], id="a-name-of-what-is-gone"),
        pytest.param(["ttyAMA0", "ttyS0", "tty1", "console"], {}, [], id="no-console"),
    ],
)
def test_a_port_has_the_most_stable_name_that_is_its_own(
    tmp_path: Path, ports: list[str], links: dict[str, str], names: list[str]
) -> None:
    devices = tree(tmp_path / "dev", *ports, **links)

    assert [str(name.relative_to(devices)) for name in candidates(devices)] == names


# A house of adapters, each a pty


class House:
    """Adapters with sensors on them, under a /dev of its own."""

    def __init__(self, folder: Path) -> None:
        self.devices = folder / "dev"
        self.data = folder / "data"
        self.heard: dict[str, bytes] = {}
        self._plugged = ExitStack()
        self.ports: dict[str, SimulatedPort] = {}

    def plug_in(self, sensor: Any, name: str) -> Any:
        """Plug a sensor in; what it hears is kept."""
        self.heard[name] = b""
        obey = sensor.receive

        def receive(data: bytes, now: float) -> bytes:
            self.heard[name] += data
            answer: bytes = obey(data, now)
            return answer

        sensor.receive = receive
        self.ports[name] = self._plugged.enter_context(SimulatedPort(sensor, self.devices / name))
        return sensor

    def site(self, name: str = "air", **collectors: Any) -> Site:
        config = Config(device="demo", data_dir=str(self.data), collectors={name: {"port": AUTO}, **collectors})
        return Site(name, config, time.monotonic, lambda seconds: time.sleep(seconds), devices=self.devices)

    def find(self, kind: str, site: Site | None = None) -> SerialPort:
        module = import_module(f"picket_collectors.sources.{kind}")
        return open_serial_port(AUTO, module.BAUD, site or self.site(), module.recognises)

    def close(self) -> None:
        self._plugged.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path)) as house:
        yield house


def where(port: Any) -> str:
    return Path(port.port).name


@pytest.mark.slow
@pytest.mark.parametrize("kind", SENSORS)
def test_each_sensor_is_found_among_the_others(house: House, kind: str) -> None:
    for name, sensor in zip(("ttyUSB0", "ttyUSB1", "ttyUSB2"), SENSORS, strict=True):
        house.plug_in(SENSORS[sensor](), name)

    with closing(house.find(kind)) as port:
        assert where(port) == f"ttyUSB{list(SENSORS).index(kind)}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        pytest.param("sds011", {"awake": False}, id="sds011-asleep"),
        pytest.param("sds011", {"by_query": True}, id="sds011-by-query"),
        pytest.param("pms5003", {"awake": False}, id="pms5003-asleep"),
        pytest.param("pms5003", {"passive": True}, id="pms5003-passive"),
    ],
)
def test_a_sensor_is_recognised_in_whatever_state(house: House, kind: str, state: dict[str, Any]) -> None:
    sensor = house.plug_in(SENSORS[kind](), "ttyUSB0")
    for name, value in state.items():
        setattr(sensor, name, value)

    with closing(house.find(kind)) as port:
        assert where(port) == "ttyUSB0"


@pytest.mark.slow
def test_where_it_was_found_before_is_looked_at_first_and_no_other_is_asked(house: House) -> None:
    house.plug_in(Pms5003(), "ttyUSB0")
    house.plug_in(Sds011(), "ttyUSB1")
    house.find("sds011").close()
    house.heard["ttyUSB0"] = b""

    house.find("sds011").close()

    assert house.heard["ttyUSB0"] == b""
    assert Store(house.site(), "port").load() == {"path": str(house.devices / "ttyUSB1")}


@pytest.mark.slow
def test_it_may_come_back_as_another_number(house: House) -> None:
    house.plug_in(Sds011(), "ttyUSB0")
    house.find("sds011").close()
    house.ports["ttyUSB0"].fault("unplug")
    wait_for("unplugging", lambda: not (house.devices / "ttyUSB0").exists(), 5)
    house.plug_in(Sds011(), "ttyUSB1")

    with closing(house.find("sds011")) as port:
        assert where(port) == "ttyUSB1"


@pytest.mark.slow
def test_a_port_in_use_is_not_disturbed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picket_collectors.serial_port.SEARCH_SECONDS", 2.0)
    house.plug_in(Sds011(), "ttyUSB0")
    with closing(house.find("sds011")):
        before = house.heard["ttyUSB0"]

        with pytest.raises(SourceError, match=r"asked in vain: none; in use: .*/ttyUSB0$"):
            house.find("sds011", house.site("dust"))

        assert house.heard["ttyUSB0"] == before


def test_a_port_that_can_t_be_opened_is_not_waited_for_and_is_told_from_one_in_use(site: Site, tmp_path: Path) -> None:
    devices = tree(tmp_path / "dev", "ttyUSB0")  # a file: no port at all
    (devices / "ttyUSB1").mkdir()
    never: Callable[..., bool] = lambda *_: pytest.fail("nobody is there to be asked")  # noqa: E731
    began = site.clock()

    with pytest.raises(SourceError) as raised:
        open_serial_port(AUTO, 9600, site._replace(devices=devices), never)

    assert str(raised.value) == (
        "found on no serial port; asked in vain: none; in use: none; not to be opened: "
        f"{devices}/ttyUSB0 (Could not configure port: (25, 'Inappropriate ioctl for device')), "
        f"{devices}/ttyUSB1 (Is a directory)"
    )
    assert site.clock() == began


@pytest.mark.slow
def test_a_port_that_another_collector_names_is_never_asked(house: House) -> None:
    house.plug_in(Sds011(), "ttyUSB0")
    house.plug_in(Sds011(), "ttyUSB1")
    by_id = house.devices / "serial" / "by-id" / "usb-1a86"
    by_id.parent.mkdir(parents=True)
    by_id.symlink_to("../../ttyUSB0")
    site = house.site(dust={"kind": "sds011", "port": str(by_id)}, ups={"kind": "nut", "port": 3493})

    with closing(house.find("sds011", site)) as port:
        assert where(port) == "ttyUSB1"

    assert house.heard["ttyUSB0"] == b""


@pytest.mark.slow
def test_collectors_that_were_checked_by_their_kind_name_their_ports_too(house: House) -> None:
    house.plug_in(Mhz19b(), "ttyUSB0")
    kinds = import_module("picket_collectors.sources.mhz19b")
    named = msgspec.convert({"kind": "mhz19b", "port": str(house.devices / "ttyUSB0")}, kinds.Config)

    with pytest.raises(SourceError, match="asked in vain: none; in use: none"):
        house.find("mhz19b", house.site(co2=named))


@pytest.mark.slow
def test_where_there_is_none_it_is_said_what_was_looked_at(house: House) -> None:
    house.plug_in(Pms5003(), "ttyUSB0")

    with pytest.raises(SourceError, match=r"found on no serial port; asked in vain: .*/ttyUSB0; in use: none"):
        house.find("mhz19b")

    house.find("pms5003").close()  # whoever looked in vain has hung up


@pytest.mark.slow
def test_all_that_look_at_once_find_their_own(house: House) -> None:
    """They all begin with the same port; one that is being asked by another is asked when that has gone on."""
    owners = {"ttyUSB0": "mhz19b", "ttyUSB1": "pms5003", "ttyUSB2": "sds011"}
    for name, kind in owners.items():
        house.plug_in(SENSORS[kind](), name)

    with ThreadPoolExecutor() as pool:
        searches = {kind: pool.submit(house.find, kind, house.site(kind)) for kind in owners.values()}

    assert {where(search.result()): kind for kind, search in searches.items()} == owners


def test_a_named_port_is_opened_as_it_is(site: Site) -> None:
    never: Callable[..., bool] = lambda *_: pytest.fail("a named port is nobody's to be asked")  # noqa: E731

    with pytest.raises(OSError, match="No such file or directory: '/dev/nowhere'"):
        open_serial_port("/dev/nowhere", 9600, site, never)
