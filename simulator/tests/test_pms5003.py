import pytest

from picket_simulator.pms5003 import Pms5003


def command(kind: int, value: int = 0) -> bytes:
    body = bytes([0x42, 0x4D, kind, 0, value])
    return body + sum(body).to_bytes(2, "big")


SLEEP, WAKE = command(0xE4, 0), command(0xE4, 1)
PASSIVE, ACTIVE = command(0xE1, 0), command(0xE1, 1)
READ = command(0xE2)


def frames(sensor: Pms5003, begin: float, end: float) -> list[bytes]:
    """Return what it sends of itself from one second to another."""
    return [sent for tenth in range(round(begin * 10), round(end * 10)) if (sent := sensor.tick(tenth / 10))]


def test_commands_are_those_of_the_protocol() -> None:
    assert [command.hex() for command in (PASSIVE, ACTIVE, READ, SLEEP, WAKE)] == [
        "424de100000170",
        "424de100010171",
        "424de200000171",
        "424de400000173",
        "424de400010174",
    ]


def test_data_are_laid_out_as_those_of_a_real_one() -> None:
    sensor = Pms5003()
    sensor.pm1, sensor.pm25, sensor.pm10 = 0, 8, 8
    sensor.counts = (210, 70, 45, 30, 0, 0)
    sensor.receive(PASSIVE, 10.0)

    data = sensor.receive(READ, 10.0)

    assert data.hex(" ", -2) == ("424d 001c 0000 0008 0008 0000 0008 0008 00d2 0046 002d 001e 0000 0000 9700 02c5")


def test_in_active_mode_it_sends_by_itself() -> None:
    assert len(frames(Pms5003(), 0, 20)) == 24


def test_in_passive_mode_it_speaks_only_when_asked() -> None:
    sensor = Pms5003()

    ack = sensor.receive(PASSIVE, 0.0)

    assert ack.hex() == "424d0004e1000174"
    assert frames(sensor, 0, 20) == []
    assert len(sensor.receive(READ, 20.0)) == 32


def test_in_active_mode_it_can_not_be_asked() -> None:
    assert Pms5003().receive(READ, 10.0) == b""


@pytest.mark.parametrize("deaf_to", [READ, PASSIVE, ACTIVE, SLEEP], ids=["read", "passive", "active", "sleep"])
def test_asleep_it_hears_only_wake_and_says_nothing_of_it(deaf_to: bytes) -> None:
    sensor = Pms5003()
    assert sensor.receive(SLEEP, 0.0).hex() == "424d0004e4000177"

    answers = [sensor.receive(deaf_to, 1.0), sensor.receive(WAKE, 2.0)]

    assert answers[0] == b""
    assert not answers[1].startswith(b"BM")
    assert sensor.awake


def test_it_wakes_in_active_mode() -> None:
    sensor = Pms5003()
    sensor.receive(PASSIVE + SLEEP, 0.0)

    sensor.receive(WAKE, 10.0)

    assert len(frames(sensor, 10, 20)) > 10


def test_the_fan_takes_some_seconds_in_which_it_counts_nothing() -> None:
    sent = frames(Pms5003(), 0, 10)

    assert sent[0][4:28] == bytes(24)
    assert sent[-1][16:18] == (1230).to_bytes(2, "big")


def test_nothing_outlives_a_loss_of_power() -> None:
    sensor = Pms5003()
    sensor.receive(PASSIVE + SLEEP, 0.0)

    sensor.power_cycle(10.0)

    assert len(frames(sensor, 10, 20)) > 10


def test_an_ack_may_come_late_before_the_data() -> None:
    sensor = Pms5003()
    sensor.acknowledges_late = True

    answers = sensor.receive(PASSIVE, 10.0), sensor.receive(READ, 11.0)

    assert answers[0] == b""
    assert answers[1].startswith(bytes.fromhex("424d0004e1000174424d001c"))


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"\x00B\xff", id="before it"),
        pytest.param(bytes.fromhex("424de400000172"), id="a sum that some datasheets have"),
        pytest.param(b"BM", id="half a command"),
        pytest.param(bytes(100), id="a lot"),
    ],
)
def test_it_finds_a_command_after_noise(noise: bytes) -> None:
    sensor = Pms5003()

    assert sensor.receive(noise + PASSIVE, 0.0) == Pms5003().receive(PASSIVE, 0.0)
    assert sensor.awake


def test_a_command_may_arrive_in_pieces() -> None:
    sensor = Pms5003()

    answers = [sensor.receive(PASSIVE[index : index + 1], 0.0) for index in range(len(PASSIVE))]

    assert not any(answers[:-1])
    assert answers[-1]
