import pytest

from picket_simulator.sds011 import Sds011


def command(kind: int, *values: int, device_id: int = 0xFFFF) -> bytes:
    body = bytes([kind, *values]).ljust(13, b"\0") + device_id.to_bytes(2, "big")
    return b"\xaa\xb4" + body + bytes([sum(body) & 0xFF, 0xAB])


SLEEP, WAKE = command(0x06, 1, 0), command(0x06, 1, 1)
ACTIVE, BY_QUERY = command(0x02, 1, 0), command(0x02, 1, 1)
QUERY, FIRMWARE = command(0x04), command(0x07)


def reports(sensor: Sds011, begin: int, end: int) -> int:
    """Count what it reports of itself from one second to another."""
    return sum(bool(sensor.tick(tenth / 10)) for tenth in range(begin * 10, end * 10))


def test_commands_are_those_of_the_protocol() -> None:
    assert SLEEP.hex() == "aab4060100" + "00" * 10 + "ffff05ab"
    assert QUERY.hex() == "aab404" + "00" * 12 + "ffff02ab"


def test_a_report_is_laid_out_as_a_real_one() -> None:
    sensor = Sds011()
    sensor.pm25 = sensor.pm10 = 0.6

    report = sensor.receive(QUERY, 1.0)

    assert report.hex() == "aac00600060058d93dab"


def test_in_active_mode_it_reports_once_a_second() -> None:
    assert reports(Sds011(), 0, 20) == 19


def test_in_query_mode_it_speaks_only_when_asked() -> None:
    sensor = Sds011()

    reply = sensor.receive(BY_QUERY, 0.0)

    assert reply.hex() == "aac50201010058d935ab"
    assert reports(sensor, 0, 20) == 0
    assert len(sensor.receive(QUERY, 20.0)) == 10


@pytest.mark.parametrize("deaf_to", [QUERY, BY_QUERY, FIRMWARE, SLEEP, command(0x06)])
def test_asleep_it_hears_only_wake(deaf_to: bytes) -> None:
    sensor = Sds011()
    assert sensor.receive(SLEEP, 0.0).hex() == "aac50601000058d938ab"

    replies = [sensor.receive(deaf_to, 1.0), sensor.receive(WAKE, 2.0)]

    assert [reply.hex() for reply in replies] == ["", "aac50601010058d939ab"]
    assert reports(sensor, 2, 10) == 7


def test_the_work_period_runs_it_for_30_seconds_of_each() -> None:
    sensor = Sds011()

    reply = sensor.receive(command(0x08, 1, 2), 0.0)

    assert reply.hex() == "aac50801020058d93cab"
    assert [reports(sensor, *span) > 20 for span in ((0, 30), (30, 60), (60, 120), (120, 150))] == [
        True,
        False,
        False,
        True,
    ]


def test_mode_period_and_id_outlive_a_loss_of_power_but_sleep_does_not() -> None:
    sensor = Sds011()
    sensor.receive(BY_QUERY + command(0x08, 1, 5) + command(0x05, *[0] * 10, 0xA1, 0x60) + SLEEP, 0.0)

    sensor.power_cycle(10.0)

    replies = sensor.receive(command(0x02) + command(0x08) + command(0x06), 11.0)
    assert replies.hex(" ", 10).split() == [
        "aac502000100a16004ab",
        "aac508000500a1600eab",
        "aac506000100a16008ab",
    ]


def test_it_tells_its_firmware() -> None:
    assert Sds011().receive(FIRMWARE, 0.0).hex() == "aac507120b1058d965ab"


def test_commands_to_another_device_are_not_for_it() -> None:
    assert Sds011().receive(command(0x04, device_id=0x1234), 0.0) == b""
    assert Sds011().receive(command(0x04, device_id=0x58D9), 0.0) != b""


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"\x00\xaa\xff", id="before it"),
        pytest.param(b"\xaa\xb4" + bytes(17), id="a command with a wrong sum"),
        pytest.param(b"\xaa\xb4", id="half a command"),
        pytest.param(bytes(100), id="a lot"),
    ],
)
def test_it_finds_a_command_after_noise(noise: bytes) -> None:
    sensor = Sds011()

    replies = sensor.receive(noise + FIRMWARE, 0.0)

    assert replies == Sds011().receive(FIRMWARE, 0.0)


def test_a_command_may_arrive_in_pieces() -> None:
    sensor = Sds011()

    replies = [sensor.receive(FIRMWARE[index : index + 1], 0.0) for index in range(len(FIRMWARE))]

    assert not any(replies[:-1])
    assert replies[-1]
