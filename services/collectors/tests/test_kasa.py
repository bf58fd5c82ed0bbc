"""TP-Link Kasa plugs: every way in which one may fail, with python-kasa between it and us, and plugs that change."""

import re
import socket
import struct
import sys
import threading
import time as wall
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from kasa import IotProtocol

from picket_collectors import plug as one_plug
from picket_collectors import plug_search
from picket_collectors.plug_search import BROADCAST
from picket_collectors.source import Site, SourceError, Stopped
from picket_collectors.sources import kasa
from picket_collectors.sources.kasa import Config, PlugConfig, open_source
from picket_simulator.kasa_plug import KasaPlug
from picket_simulator.klap import Reply
from picket_simulator.plug_server import PlugServer, Speaks, encrypted
from services.collectors.tests.plugs import ACCOUNT, MAC, source, told
from tests.servers.ports import free_ports


@pytest.fixture
def plug() -> Iterator[PlugServer]:
    with PlugServer("127.0.0.1", 0, KasaPlug("rack", MAC, 2000)) as plug:
        yield plug


@pytest.fixture
def other() -> Iterator[PlugServer]:
    """Another plug, which nothing ails."""
    with PlugServer("127.0.0.1", 0, KasaPlug("fridge", "50:C7:BF:00:00:02", 90)) as plug:
        yield plug


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_plug, "ANSWER_SECONDS", 2)
    monkeypatch.setattr(IotProtocol, "BACKOFF_SECONDS_AFTER_TIMEOUT", 0)
    monkeypatch.setattr(plug_search, "ANSWER_SECONDS", 0.3)


# One plug's fault


def silent(plug: PlugServer) -> None:
    plug.fault("silent")


def garbage(plug: PlugServer) -> None:
    plug.fault("garbage")


def hangs_up(plug: PlugServer) -> None:
    plug.fault("unplug")


def pulled_out(plug: PlugServer) -> None:
    plug.__exit__()


def half_an_answer(plug: PlugServer) -> None:
    plug.device.answer = lambda _asked, _now: {"system": {}}  # type: ignore[method-assign]


def garbled(plug: PlugServer) -> None:
    plug.klap.post = lambda *_: Reply(200, bytes(range(80)))  # type: ignore[method-assign]
    plug.device.answer = lambda *_: "\x00"  # type: ignore[method-assign]


def slow(plug: PlugServer) -> None:
    answer = plug.device.answer

    def late(asked: Any, now: float) -> Any:
        threading.Event().wait(2.5)
        return answer(asked, now)

    plug.device.answer = late  # type: ignore[method-assign]


def knows_another_password(plug: PlugServer) -> None:
    plug.fault("password")


FAULTS = [
    pytest.param(silent, "no answer from 127.0.0.1", id="silence"),
    pytest.param(garbage, "no answer from 127.0.0.1|127.0.0.1: .+", id="garbage"),
    pytest.param(garbled, "127.0.0.1: .+", id="garbled"),
    pytest.param(hangs_up, "127.0.0.1: (hung up|Server disconnected|Connection reset by peer)", id="hung-up"),
    pytest.param(pulled_out, "127.0.0.1: Connection refused", id="refused"),
    pytest.param(half_an_answer, "127.0.0.1: answers, but says not what it is", id="half-an-answer"),
    pytest.param(slow, "no answer from 127.0.0.1", id="slow"),
]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("speaks", ["XOR", "KLAP 2"])
@pytest.mark.parametrize(("fault", "text"), FAULTS)
def test_a_plug_that_fails_says_why_and_the_others_go_on(
    fault: Callable[[PlugServer], None], text: str, speaks: Speaks, site: Site, other: PlugServer
) -> None:
    with ExitStack() as stack:
        plug = stack.enter_context(PlugServer("127.0.0.1", 0, KasaPlug("rack", MAC, 2000), speaks, **ACCOUNT))
        plugs = stack.enter_context(closing(source(site, {"rack": plug, "fridge": other}, **ACCOUNT)))
        before = told(plugs.sample())

        fault(plug)
        after = told(plugs.sample())

        assert isinstance(before["rack"], dict)
        assert re.fullmatch(text, after["rack"])
        assert after["fridge"]["on"] == 1
        assert plugs.figures() == {"plugs_lost": 1}


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["silent", "garbage", "unplug"])
@pytest.mark.parametrize("speaks", ["XOR", "KLAP 2"])
def test_a_plug_that_is_well_again_is_read_again(kind: str, speaks: Speaks, site: Site) -> None:
    with ExitStack() as stack:
        plug = stack.enter_context(PlugServer("127.0.0.1", 0, KasaPlug("rack", MAC, 2000), speaks))
        plugs = stack.enter_context(closing(source(site, {"rack": plug})))
        plugs.sample()
        plug.fault(kind)
        plugs.sample()

        plug.fault("clear")

        assert told(plugs.sample())["rack"]["on"] == 1
        assert plugs.figures() == {"plugs_lost": 0}


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_plug_that_is_absent_at_the_start_is_read_when_it_comes(site: Site, plug: PlugServer) -> None:
    plug.fault("unplug")
    with closing(source(site, {"rack": plug})) as plugs:
        first = told(plugs.sample())["rack"]

        plug.fault("clear")

        assert first == "127.0.0.1: hung up; 127.0.0.1: Server disconnected"
        assert told(plugs.sample())["rack"]["on"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_one_loss_is_one_fault_whatever_the_network_says_of_it(site: Site, plug: PlugServer) -> None:
    with closing(source(site, {"rack": plug})) as plugs:
        plugs.sample()
        losses = []

        for kind in ("unplug", "silent", "garbage"):
            plug.fault(kind)
            losses.append(told(plugs.sample())["rack"])
        plug.fault("clear")
        plugs.sample()
        plug.fault("silent")

        assert losses == ["127.0.0.1: hung up"] * 3
        assert told(plugs.sample())["rack"] == "no answer from 127.0.0.1"


def speak(*said: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        for piece in said:
            connection.sendall(piece)

    return serve


@contextmanager
def something_else(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen as something that is no plug; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        serve(connection)
                    except OSError:
                        continue

        threading.Thread(target=run, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


CUT = encrypted(b'{"system":{"get_sysinfo"')
NO_UTF8 = encrypted(b"\xff\xfe{}")


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(speak(b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n"), id="a-router"),
        pytest.param(speak(b"HTTP/1.1 200 -\r\nContent-Length: 5\r\n\r\nhello"), id="a-page"),
        pytest.param(speak(b"SSH-2.0-OpenSSH_9.2\r\n"), id="a-shell"),
        pytest.param(speak(struct.pack(">I", 1000) + CUT), id="less-than-was-announced"),
        pytest.param(speak(struct.pack(">I", len(CUT)) + CUT), id="json-cut-off"),
        pytest.param(speak(struct.pack(">I", 5) + NO_UTF8), id="no-text"),
        pytest.param(speak(struct.pack(">I", 2) + encrypted(b"42")), id="a-number"),
        pytest.param(speak(b"\xff\xff\xff\xff" + bytes(100)), id="a-length-beyond-all"),
        pytest.param(speak(), id="nothing"),
    ],
)
def test_whatever_else_is_at_the_address_is_a_fault_in_one_line(
    serve: Callable[[socket.socket], None], site: Site, other: PlugServer
) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(something_else(serve))
        plugs = stack.enter_context(closing(source(site, {"rack": PlugConfig("127.0.0.1", port), "fridge": other})))
        told_of = told(plugs.sample())

    assert "127.0.0.1" in told_of["rack"]
    assert "\n" not in told_of["rack"]
    assert len(told_of["rack"]) < 500
    assert told_of["fridge"]["on"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_plugs_are_read_at_the_same_time(site: Site) -> None:
    with ExitStack() as stack:
        many = {f"plug_{n}": stack.enter_context(PlugServer("127.0.0.1", 0, KasaPlug("x", MAC, 10))) for n in range(10)}
        plugs = stack.enter_context(closing(source(site, dict(many))))
        plugs.sample()
        for plug in many.values():
            plug.fault("silent")

        began = wall.monotonic()
        parts = plugs.sample()

    assert [part.fault for part in parts] == ["no answer from 127.0.0.1"] * 10
    assert wall.monotonic() - began < 15  # two times two seconds, for all of them together


def test_the_process_ends_though_a_plug_is_silent(site: Site, plug: PlugServer) -> None:
    plug.fault("silent")
    stopping = threading.Event()

    def pause(_seconds: float) -> None:
        if stopping.is_set():
            raise Stopped

    plugs = source(site._replace(pause=pause), {"rack": plug})
    threading.Timer(0.3, stopping.set).start()
    began = wall.monotonic()

    with pytest.raises(Stopped):
        plugs.sample()
    plugs.close()

    assert wall.monotonic() - began < one_plug.PLUG_SECONDS / 2


# Plugs that change


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_firmware_that_takes_the_old_protocol_away_costs_one_reading(site: Site) -> None:
    (port,) = free_ports(1)
    with closing(source(site, {"rack": PlugConfig("127.0.0.1", port)}, **ACCOUNT)) as plugs:
        with PlugServer("127.0.0.1", port, KasaPlug("rack", MAC, 2000)):
            plugs.sample()

        with PlugServer("127.0.0.1", port, KasaPlug("rack", MAC, 2000), "KLAP 2", **ACCOUNT):
            between, after = told(plugs.sample()), told(plugs.sample())

    assert isinstance(between["rack"], str)
    assert after["rack"]["on"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("speaks", ["XOR", "KLAP 2"])
def test_a_plug_that_moved_is_found_by_its_mac(speaks: Speaks, site: Site, other: PlugServer) -> None:
    device = KasaPlug("rack", MAC, 2000)
    with PlugServer("127.0.0.31", 0, device, speaks) as plug:
        port = plug.port
        there = PlugConfig("127.0.0.31", port, "50-c7-bf-00-00-01")
        plugs = source(site, {"rack": there, "fridge": other})
        before = told(plugs.sample())
    with closing(plugs), PlugServer("127.0.0.77", port, device, speaks):
        missing, found = told(plugs.sample()), told(plugs.sample())

    assert before["rack"]["on"] == 1
    assert "127.0.0.31: Connection refused" in missing["rack"]
    assert found["rack"]["on"] == 1
    assert missing["fridge"]["on"] == found["fridge"]["on"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_another_plug_at_its_address_is_not_taken_for_it(site: Site) -> None:
    with ExitStack() as stack:
        fridge = stack.enter_context(PlugServer("127.0.0.41", 0, KasaPlug("fridge", "50:C7:BF:00:00:02", 90)))
        stack.enter_context(PlugServer("127.0.0.42", fridge.port, KasaPlug("rack", MAC, 2000)))
        plugs = stack.enter_context(closing(source(site, {"rack": PlugConfig("127.0.0.41", fridge.port, MAC)})))
        first, second = told(plugs.sample()), told(plugs.sample())

    assert first["rack"] == "127.0.0.41 is another one: its mac is 50c7bf000002"
    assert second["rack"]["on"] == 1


def test_a_plug_with_a_mac_alone_is_looked_for_first_and_again_every_few_minutes(
    site: Site, time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[tuple[Any, Any]] = []

    async def nobody(places: Any, ports: Any) -> dict[str, str]:
        searched.append((places, ports))
        return {}

    monkeypatch.setattr(kasa, "search", nobody)
    with closing(source(site, {"rack": PlugConfig(mac=MAC)})) as plugs:
        fault = told(plugs.sample())["rack"]
        time.now += kasa.SEARCH_SECONDS - 1
        plugs.sample()
        time.now += 1
        plugs.sample()

    assert fault == "no plug with mac 50c7bf000001 answers: on another network it is found by its host alone"
    assert searched == [([BROADCAST], {(9999, 20002)})] * 2


# The library


def test_without_the_library_there_is_one_clear_fault(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kasa", None)

    with pytest.raises(SourceError, match=r"^python-kasa is not installed: it is an extra, picket-collectors\[kasa\]$"):
        open_source(Config(plugs={"rack": PlugConfig("127.0.0.1")}), site)
