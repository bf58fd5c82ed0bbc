"""The packets of MQTT 3.1.1, against those of another library, and in whatever pieces they come."""

import random

import pytest

from picket_collectors import mqtt_packets as packets
from picket_collectors.source import SourceError


def message(topic: str, payload: bytes, first: int = packets.PUBLISH) -> bytes:
    """Return a PUBLISH as a broker sends it."""
    number = b"\x12\x34" if first & packets.QOS else b""
    return packets._packet(first, packets._text(topic) + number + payload)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(
            packets.connect("ab", 15, "", "", kept=False), "100e 00044d515454 04 02 000f 00026162", id="nobody"
        ),
        pytest.param(
            packets.connect("ab", 15, "u", "p", kept=True),
            "1014 00044d515454 04 c0 000f 00026162 000175 000170",
            id="user-and-password-and-a-session",
        ),
        pytest.param(
            packets.connect("a", 2, "u", "", kept=False), "1010 00044d515454 04 82 0002 000161 000175", id="user"
        ),
        pytest.param(packets.connect("a", 2, "", "p", kept=False), "100d 00044d515454 04 02 0002 000161", id="no-user"),
        pytest.param(packets.subscribe(7, ["a/#", "b"]), "820c 0007 0003612f2301 00016201", id="subscribe"),
    ],
)
def test_what_is_sent_is_as_the_standard_draws_it(made: bytes, expected: str) -> None:
    assert made == bytes.fromhex(expected)


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 300_000])
def test_packets_are_found_in_whatever_pieces_they_come(size: int) -> None:
    dice = random.Random(size)
    bodies = [dice.randbytes(size), b"", dice.randbytes(3)]
    stream = b"".join(message("z/lamp", body, packets.PUBLISH | 3) for body in bodies)
    found, received = [], packets.Packets()

    while stream:
        piece = dice.choice((1, 2, 5, 70_000))
        found += [packets.published(*packet) for packet in received.feed(stream[:piece])]
        stream = stream[piece:]

    assert found == [(b"z/lamp", body, b"\x40\2\x12\x34") for body in bodies]


def test_qos_0_is_not_answered() -> None:
    ((first, rest),) = packets.Packets().feed(message("z/lamp", b"ON"))

    assert packets.published(first, rest) == (b"z/lamp", b"ON", b"")


def test_what_is_too_long_is_cut_and_costs_no_memory_and_the_next_is_heard() -> None:
    long = message("z/list", b"x" * (packets.MAX_BYTES + 5_000_000)) + message("z/lamp", b"ON")
    received, found = packets.Packets(), []

    for begin in range(0, len(long), 65_536):
        found += list(received.feed(long[begin : begin + 65_536]))
        assert len(received._received) <= packets.MAX_BYTES + 65_536 + 5

    assert [len(rest) for _, rest in found] == [packets.MAX_BYTES, 8 + 2]
    assert packets.published(*found[1])[:2] == (b"z/lamp", b"ON")


def test_a_length_that_never_ends_is_no_mqtt() -> None:
    with pytest.raises(SourceError, match="no MQTT"):
        list(packets.Packets().feed(b"\x30\xff\xff\xff\xff\xff"))
