"""TP-Link Kasa plugs: what their answers mean, every way in which one may fail, and python-kasa between the two."""

import asyncio
import json
import logging
import re
import socket
import struct
import sys
import threading
import time as wall
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kasa import IotProtocol

from picket_collectors import plug_search
from picket_collectors.plug_answers import Answer, meters, outlets, plain, plug_answer, smart_answer
from picket_collectors.plug_search import BROADCAST, mac_of, new_question, old_question, search, surroundings
from picket_collectors.source import Site, SourceError, Stopped
from picket_collectors.sources import kasa
from picket_collectors.sources.kasa import Config, Kasa, PlugConfig, open_source
from picket_simulator.kasa_plug import NOT_KNOWN, KasaPlug, PlugServer, Speaks, decrypted, encrypted
from picket_simulator.klap import Reply

CASES = sorted((Path(__file__).parent / "golden" / "kasa").iterdir())
MAC = "50:C7:BF:00:00:01"
ACCOUNT = {"username": "someone@example.org", "password": "hunter2"}


def answers(case: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((case / "answers.json").read_text(encoding="utf-8"))
    return {"meters": [loaded["said"]], **loaded}


def expected(case: Path) -> Answer:
    return Answer(**json.loads((case / "expected.json").read_text(encoding="utf-8")))


def is_smart(case: Path) -> bool:
    return "get_device_info" in answers(case)["said"]


class RecordedPlug:
    """A plug that says what a case says, in the language of its kind."""

    mac = MAC

    def __init__(self, case: Path) -> None:
        recorded = answers(case)
        self.said, self.meters, self.smart = recorded["said"], recorded["meters"], is_smart(case)

    def answer(self, asked: Any, _now: float) -> Any:
        if self.smart:
            return self._smart(asked)
        if child := asked.get("context", {}).get("child_ids"):
            return self.meters[[outlet["id"] for outlet in outlets(self.said)].index(child[0])]
        return {module: self.said.get(module, NOT_KNOWN) for module in asked}

    def _smart(self, asked: Any) -> Any:
        if "method" not in asked:
            return {"error_code": -1003}
        if asked["method"] != "multipleRequest":
            return self._one(asked["method"])
        each = [{"method": one["method"], **self._one(one["method"])} for one in asked["params"]["requests"]]
        return {"error_code": 0, "result": {"responses": each}}

    def _one(self, method: str) -> Any:
        said = self.said[method]
        return said if said.get("error_code") else {"error_code": 0, "result": said}


def source(site: Site, plugs: dict[str, PlugServer | PlugConfig], **account: str) -> Kasa:
    configs = {
        name: plug if isinstance(plug, PlugConfig) else PlugConfig(host=plug.host, port=plug.port)
        for name, plug in plugs.items()
    }
    return open_source(Config(plugs=configs, **account), site)  # type: ignore[arg-type]


def told(parts: Any) -> dict[str, Any]:
    """Return each part's values, or its fault."""
    return {part.name: part.fault or dict(part.values) for part in parts}


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
    monkeypatch.setattr(kasa, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(IotProtocol, "BACKOFF_SECONDS_AFTER_TIMEOUT", 0)
    monkeypatch.setattr(plug_search, "ANSWER_SECONDS", 0.3)


# What the answers mean


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_are_read(case: Path) -> None:
    said, metered = answers(case)["said"], answers(case)["meters"]

    if is_smart(case):  # python-kasa puts an error's number in the place of what there is not
        read = smart_answer({method: answer.get("error_code", answer) for method, answer in said.items()})
    else:
        read = plug_answer(said, metered[: len(meters(said))])

    assert read._replace(outlets=list(read.outlets)) == expected(case)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "speaks"),
    [
        pytest.param(case, speaks, id=f"{case.name}-{speaks}")
        for case in CASES
        for speaks in (["KLAP 2"] if is_smart(case) else ["XOR", "KLAP 1", "KLAP 2"])
    ],
)
def test_the_same_is_read_over_the_wire(case: Path, speaks: Speaks, site: Site) -> None:
    _, values, each = expected(case)

    with ExitStack() as stack:
        plug = stack.enter_context(PlugServer("127.0.0.1", 0, RecordedPlug(case), speaks, **ACCOUNT))
        plugs = stack.enter_context(closing(source(site, {"rack": plug}, **ACCOUNT)))
        parts = plugs.sample()

    assert told(parts) == {"rack": values, **{f"rack_{n}": outlet for n, outlet in enumerate(each, start=1)}}
    assert all(abs(part.time_ns - wall.time_ns()) < 60e9 for part in parts)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param({}, "says not what it is", id="nothing"),
        pytest.param([], "says not what it is", id="a-list"),
        pytest.param({"system": {"get_sysinfo": {"err_code": -3}}}, "says not what it is", id="an-error"),
        pytest.param({"system": "down"}, "says not what it is", id="text-for-a-mapping"),
        pytest.param({"error_code": -1003}, "knows no get_sysinfo", id="another-language"),
    ],
)
def test_what_is_no_answer_is_refused(said: Any, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        plug_answer(said)


def test_a_smart_plug_that_says_nothing_of_itself_is_refused() -> None:
    with pytest.raises(SourceError, match="says not whether it is on"):
        smart_answer({"get_device_info": -1002, "get_energy_usage": None, "get_emeter_data": None})


@pytest.mark.parametrize("mac", ["50:C7:BF:00:00:01", "50-c7-bf-00-00-01", "50C7BF000001"])
def test_a_mac_is_one_however_it_is_written(mac: str) -> None:
    assert plain(mac) == "50c7bf000001"


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
        threading.Event().wait(1.5)
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

    assert told_of["rack"].startswith("127.0.0.1: ")
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
    assert wall.monotonic() - began < 5  # two times a second, for all of them together


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

    assert wall.monotonic() - began < 2


# Passwords


@pytest.fixture(params=["KLAP 1", "KLAP 2"])
def locked(request: pytest.FixtureRequest) -> Iterator[PlugServer]:
    """A plug that belongs to an account."""
    with PlugServer("127.0.0.1", 0, KasaPlug("rack", MAC, 2000), request.param, **ACCOUNT) as plug:
        yield plug


@pytest.mark.parametrize(
    ("account", "text"),
    [
        pytest.param({**ACCOUNT, "password": "Hunter2"}, "refuses the password", id="wrong-password"),
        pytest.param({**ACCOUNT, "username": "Someone@example.org"}, "refuses the password", id="wrong-case"),
        pytest.param({}, "wants a username and a password", id="none"),
    ],
)
def test_a_wrong_password_is_one_fault_and_the_plug_is_left_alone_for_a_while(
    account: dict[str, str], text: str, locked: PlugServer, site: Site, time: Any
) -> None:
    with closing(source(site, {"rack": locked}, **account)) as plugs:
        first = told(plugs.sample())["rack"]
        asked = locked.connections

        for _ in range(10):
            time.now += 50
            assert told(plugs.sample())["rack"] == first
        assert locked.connections == asked
        time.now += 101
        plugs.sample()

        assert first == f"127.0.0.1 {text}; asked again in 10 minutes"
        assert locked.connections > asked
        assert plugs.figures() == {"plugs_lost": 0}


def test_no_proof_of_a_wrong_password_is_shown_to_the_plug(locked: PlugServer, site: Site) -> None:
    shown: list[str] = []
    post = locked.klap.post

    def spied(path: str, *rest: Any) -> Any:
        shown.append(path)
        return post(path, *rest)

    locked.klap.post = spied  # type: ignore[method-assign]
    with closing(source(site, {"rack": locked}, username="someone@example.org", password="wrong")) as plugs:
        plugs.sample()

    assert set(shown) == {"/app/handshake1"}


def test_a_password_that_is_right_again_is_found_to_be(locked: PlugServer, site: Site, time: Any) -> None:
    with closing(source(site, {"rack": locked}, **ACCOUNT)) as plugs:
        plugs.sample()
        locked.fault("password")
        refused = told(plugs.sample())["rack"]

        locked.fault("clear")
        time.now += kasa.REFUSED_SECONDS

        assert "refuses the password" in refused
        assert told(plugs.sample())["rack"]["on"] == 1


def test_a_session_that_the_plug_forgot_costs_no_reading(locked: PlugServer, site: Site) -> None:
    with closing(source(site, {"rack": locked}, **ACCOUNT)) as plugs:
        plugs.sample()

        locked.klap.forget()

        assert told(plugs.sample())["rack"]["on"] == 1


def test_nothing_is_logged_of_passwords_and_failures(
    locked: PlugServer, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with closing(source(site, {"rack": locked}, **ACCOUNT)) as plugs:
        plugs.sample()
        locked.klap.forget()
        plugs.sample()
        locked.fault("garbage")
        plugs.sample()

    assert [(record.name, record.levelname) for record in caplog.records if record.name != "asyncio"] == [
        ("kasa_plugs", "INFO")
    ]
    assert "hunter2" not in caplog.text


# Plugs that change


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_firmware_that_takes_the_old_protocol_away_costs_one_reading(plug: PlugServer, site: Site) -> None:
    with closing(source(site, {"rack": plug}, **ACCOUNT)) as plugs:
        plugs.sample()
        port = plug.port
        plug.__exit__()

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


def test_a_search_asks_the_neighbours_of_what_is_at_home_and_nobody_else() -> None:
    asked = surroundings(["192.168.1.40", "192.168.1.41", "plug.lan", "8.8.8.8", ""])

    assert asked == [BROADCAST, *(f"192.168.1.{n}" for n in range(1, 255))]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("speaks", ["XOR", "KLAP 2"])
def test_a_search_finds_plugs_of_both_kinds(speaks: Speaks) -> None:
    with PlugServer("127.0.0.51", 0, KasaPlug("rack", MAC, 2000), speaks) as plug:
        found = asyncio.run(search(["127.0.0.50", "127.0.0.51"], {(plug.port, plug.port)}))

    assert found == {"50c7bf000001": "127.0.0.51"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\x02", bytes(100), b"\x02" + bytes(15) + b"{", b"\x02" + bytes(15) + b"[]", encrypted(b'{"system":{}}')],
    ids=["empty", "short", "zeros", "cut", "no-mapping", "no-mac"],
)
def test_what_answers_a_search_with_something_else_is_no_plug(data: bytes) -> None:
    assert mac_of(data) == ""


def test_the_questions_are_those_that_plugs_know() -> None:
    assert json.loads(decrypted(old_question())) == {"system": {"get_sysinfo": {}}}
    assert new_question().hex() == "020000010000000000000000463cb5d3"


# The library


def test_without_the_library_there_is_one_clear_fault(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kasa", None)

    with pytest.raises(SourceError, match=r"^python-kasa is not installed: it is an extra, picket-collectors\[kasa\]$"):
        open_source(Config(plugs={"rack": PlugConfig("127.0.0.1")}), site)
