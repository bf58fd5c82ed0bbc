"""Looking for plugs by their MACs: who is asked, and what is believed."""

import asyncio
import json

import pytest

from picket_collectors import plug_search
from picket_collectors.plug_search import BROADCAST, mac_of, new_question, old_question, search, surroundings
from picket_simulator.kasa_plug import KasaPlug
from picket_simulator.plug_server import PlugServer, Speaks, decrypted, encrypted
from services.collectors.tests.plugs import MAC


def test_a_search_asks_the_neighbours_of_what_is_at_home_and_nobody_else() -> None:
    asked = surroundings(["192.168.1.40", "192.168.1.41", "plug.lan", "8.8.8.8", ""])

    assert asked == [BROADCAST, *(f"192.168.1.{n}" for n in range(1, 255))]


@pytest.mark.slow
@pytest.mark.parametrize("speaks", ["XOR", "KLAP 2"])
def test_a_search_finds_plugs_of_both_kinds(speaks: Speaks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plug_search, "ANSWER_SECONDS", 0.3)
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
