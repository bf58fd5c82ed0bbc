"""The bytes that a node sends to its broker, and those that it understands."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[1] / "node" / "picket_mqtt.py"


@pytest.fixture(scope="module")
def picket_mqtt() -> Any:
    specification = importlib.util.spec_from_file_location("picket_mqtt", FILE)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("user", "password", "packet"),
    [
        pytest.param("", "", "1017 0004 4d515454 04 2e 000f 0001 6e 0003 612f73 0003 6f6666", id="anonymous"),
        pytest.param("u", "", "101a 0004 4d515454 04 ae 000f 0001 6e 0003 612f73 0003 6f6666 0001 75", id="user"),
        pytest.param(
            "u", "p", "101d 0004 4d515454 04 ee 000f 0001 6e 0003 612f73 0003 6f6666 0001 75 0001 70", id="password"
        ),
        pytest.param("", "p", "1017 0004 4d515454 04 2e 000f 0001 6e 0003 612f73 0003 6f6666", id="no-user"),
    ],
)
def test_a_node_introduces_itself(picket_mqtt: Any, user: str, password: str, packet: str) -> None:
    assert picket_mqtt.connect_packet("n", ("a/s", "off"), user, password, 15).hex() == packet.replace(" ", "")


@pytest.mark.parametrize(
    ("payload", "head"),
    [
        pytest.param(b"", "32 05", id="nothing"),
        pytest.param(b"x" * 122, "32 7f", id="longest-of-one-byte"),
        pytest.param(b"x" * 123, "32 8001", id="shortest-of-two-bytes"),
        pytest.param(b"x" * 16378, "32 ff7f", id="longest-of-two-bytes"),
        pytest.param(b"x" * 16379, "32 808001", id="shortest-of-three-bytes"),
    ],
)
def test_a_length_takes_as_many_bytes_as_it_needs(picket_mqtt: Any, payload: bytes, head: str) -> None:
    packet = picket_mqtt.publish_packet("t", payload, 258, False)

    assert packet == bytes.fromhex(head) + b"\x00\x01t\x01\x02" + payload


def test_a_retained_message_says_so(picket_mqtt: Any) -> None:
    assert picket_mqtt.publish_packet("t", b"", 1, True)[0] == 0x33


@pytest.mark.parametrize(
    ("data", "packets", "left"),
    [
        pytest.param("20020000", [(0x20, 0)], "", id="welcome"),
        pytest.param("20020005", [(0x20, 5)], "", id="refused"),
        pytest.param("40020102", [(0x40, 258)], "", id="acknowledged"),
        pytest.param("d000", [(0xD0, 0)], "", id="alive"),
        pytest.param("d0004002000140", [(0xD0, 0), (0x40, 1)], "40", id="several-and-a-beginning"),
        pytest.param("400201", [], "400201", id="half"),
        pytest.param("", [], "", id="nothing"),
    ],
)
def test_what_a_broker_says_is_taken_apart(picket_mqtt: Any, data: str, packets: list[Any], left: str) -> None:
    assert picket_mqtt.take_apart(bytes.fromhex(data)) == (packets, bytes.fromhex(left))


def test_a_broker_that_says_what_it_was_not_asked_for_is_none(picket_mqtt: Any) -> None:
    with pytest.raises(OSError, match="not asked for"):
        picket_mqtt.take_apart(b"HTTP/1.1 400 Bad Request")
