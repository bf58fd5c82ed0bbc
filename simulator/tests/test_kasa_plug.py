"""Simulated Kasa plugs: what they count, how they fail, and which are there; collectors' tests ask them in earnest."""

import json
import socket
import struct
from collections.abc import Iterator

import pytest
from kasa import Credentials
from kasa.transports import KlapTransport, KlapTransportV2

from picket.config import Config
from picket.config.schema import Simulator
from picket_simulator.hardware import Hardware
from picket_simulator.kasa_plug import KasaPlug, KasaPlugs
from picket_simulator.klap import SESSIONS, Klap, auth
from picket_simulator.plug_server import PlugServer, decrypted, encrypted

MAC = "50:C7:BF:00:00:01"


@pytest.fixture
def server() -> Iterator[PlugServer]:
    with PlugServer("127.0.0.1", 0, KasaPlug("rack", MAC, 2000)) as server:
        yield server


def ask(server: PlugServer, asked: str) -> bytes:
    """Ask by TCP and return the bytes that come."""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        text = encrypted(asked.encode())
        connection.sendall(struct.pack(">I", len(text)) + text)
        head = connection.recv(4)
        return head and head + connection.makefile("rb").read(struct.unpack(">I", head)[0])


def test_text_is_encrypted_byte_by_byte_with_the_byte_before() -> None:
    assert encrypted(b'{"') == bytes([171 ^ 0x7B, 171 ^ 0x7B ^ 0x22])
    assert decrypted(encrypted(b"anything at all")) == b"anything at all"


def test_energy_is_counted_as_time_goes_by() -> None:
    plug, asked = KasaPlug("rack", MAC, 2000), {"emeter": {"get_realtime": {}}}

    counted = [plug.answer(asked, float(now))["emeter"]["get_realtime"]["total_wh"] for now in range(0, 3601, 10)]

    assert counted[0] == 0
    assert counted == sorted(counted)
    assert counted[-1] == pytest.approx(2000 * 2 / 3, rel=0.05)


def test_a_plug_that_is_off_draws_nothing() -> None:
    plug = KasaPlug("rack", MAC, 2000)

    plug.answer({"system": {"set_relay_state": {"state": 0}}}, 1.0)
    answer = plug.answer({"system": {"get_sysinfo": {}}, "emeter": {"get_realtime": {}}}, 2.0)

    assert answer["system"]["get_sysinfo"]["relay_state"] == 0
    assert answer["emeter"]["get_realtime"]["power_mw"] == 0


def test_a_module_that_it_has_not_is_an_error_in_its_place() -> None:
    assert KasaPlug("rack", MAC, 1).answer({"smartlife.iot.PIR": {"get_config": {}}}, 0.0) == {
        "smartlife.iot.PIR": {"err_code": -1, "err_msg": "module not support"}
    }


def test_it_answers_by_tcp(server: PlugServer) -> None:
    said = json.loads(decrypted(ask(server, '{"system":{"get_sysinfo":{}}}')[4:]))

    assert said["system"]["get_sysinfo"]["mac"] == MAC


@pytest.mark.parametrize("asked", ["", "{", "[]", '{"system":1}'])
def test_rubbish_is_hung_up_on_and_the_next_is_heard(server: PlugServer, asked: str) -> None:
    assert ask(server, asked) == b""
    assert ask(server, '{"system":{"get_sysinfo":{}}}')


def test_a_fault_that_it_has_not_is_refused(server: PlugServer) -> None:
    with pytest.raises(ValueError, match="expected a fault of silent, garbage, unplug, password, clear, got nack"):
        server.fault("nack")


def test_a_fault_ends_by_itself(server: PlugServer) -> None:
    server.fault("unplug", 0)

    assert server.fault_now() == "clear"


@pytest.mark.parametrize(
    ("version", "theirs"), [pytest.param(1, KlapTransport, id="1"), pytest.param(2, KlapTransportV2, id="2")]
)
@pytest.mark.parametrize("account", [("", ""), ("someone@example.org", "hünter2")], ids=["blank", "somebody's"])
def test_what_stands_for_an_account_is_what_another_library_makes_of_it(
    version: int, theirs: type[KlapTransport], account: tuple[str, str]
) -> None:
    assert auth(version, *account) == theirs.generate_auth_hash(Credentials(*account))


@pytest.mark.parametrize("version", [1, 2])
def test_without_a_handshake_nobody_is_let_in(version: int) -> None:
    klap = Klap(version, "me", "hunter2", lambda asked: asked)
    greeting = klap.post("/app/handshake1", "", "", bytes(16))
    cookie = greeting.cookie.split(";")[0].removeprefix("TP_SESSIONID=")

    assert greeting.status == 200
    assert len(greeting.body) == 48
    assert klap.post("/app/request", "seq=1", cookie, bytes(48)).status == 403
    assert klap.post("/app/handshake2", "", cookie, bytes(32)).status == 403
    assert klap.post("/app/handshake2", "", "nobody", bytes(32)).status == 403
    assert klap.post("/app/handshake1", "", "", b"short").status == 403


def test_sessions_do_not_pile_up() -> None:
    klap = Klap(2, "", "", lambda asked: asked)

    cookies = [klap.post("/app/handshake1", "", "", bytes(16)).cookie for _ in range(SESSIONS + 1)]

    assert klap.post("/app/handshake2", "", cookies[0][13:45], bytes(32)).status == 403
    assert len(set(cookies)) == SESSIONS + 1


def config(port: int) -> Config:
    plugs = {
        "heater": {"host": "127.0.0.61", "port": port},
        "fridge": {"host": "127.0.0.62", "port": port},
        "real": {"host": "192.168.1.40"},
    }
    return Config(
        device="demo",
        collectors={"power": {"kind": "kasa", "plugs": plugs}, "far": {"kind": "kasa", "plugs": {"x": {"mac": MAC}}}},
        simulator=Simulator(plug_port=port),
    )


def test_plugs_at_the_simulators_port_are_there_old_and_new_by_turns(server: PlugServer) -> None:
    hardware = Hardware(config(server.port))

    (plugs,) = hardware.appliances
    assert isinstance(plugs, KasaPlugs)
    assert plugs.names == ("power_heater", "power_fridge")
    with plugs:
        hardware.fault("power_heater", "unplug", 60.0)
        with socket.create_connection(("127.0.0.61", server.port), timeout=20) as connection:
            connection.sendall(bytes(4))
            assert connection.recv(1) == b""
        with socket.create_connection(("127.0.0.62", server.port), timeout=20) as connection:
            connection.sendall(b"POST /app/handshake1 HTTP/1.1\r\nContent-Length: 16\r\n\r\n" + bytes(16))
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.61", server.port), timeout=20)


def test_where_all_plugs_are_real_none_is_simulated() -> None:
    assert Hardware(Config(device="demo", collectors={"far": config(7704).collectors["far"]})).appliances == []
