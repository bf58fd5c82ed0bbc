import pytest

from picket_simulator.air import Air
from picket_simulator.chips.sgp30 import BASELINE, DEFAULT_HUMIDITY, Command, Sgp30, crc, word

ROOM = Air(21.0, 45.0, 1013.0, eco2_ppm=620, tvoc_ppb=90)
LEARNED = 40 * 3600.0


def new() -> Sgp30:
    return Sgp30(lambda _now: ROOM)


def tell(chip: Sgp30, command: Command, now: float, *words: int) -> None:
    chip.write(command.to_bytes(2, "big") + b"".join(map(word, words)), now)


def ask(chip: Sgp30, command: Command, now: float, words: int, wait: float = 0.3) -> tuple[int, ...]:
    tell(chip, command, now)
    answer = chip.read(3 * words, now + wait)
    assert all(crc(answer[at : at + 2]) == answer[at + 2] for at in range(0, len(answer), 3))
    return tuple(int.from_bytes(answer[at : at + 2], "big") for at in range(0, len(answer), 3))


def test_the_checksum_is_that_of_the_datasheet() -> None:
    assert word(0xBEEF) == bytes.fromhex("beef92")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        pytest.param(Command.FEATURES, (0x0022,), id="features"),
        pytest.param(Command.TEST, (0xD400,), id="self-test"),
        pytest.param(Command.SERIAL, (0, 0x0123, 0x4567), id="serial"),
        pytest.param(Command.GET_BASELINE, (0, 0), id="baseline-before-it-begins"),
        pytest.param(Command.MEASURE, (400, 0), id="measurement-before-it-begins"),
    ],
)
def test_what_it_answers_after_power_on(command: Command, answer: tuple[int, ...]) -> None:
    assert ask(new(), command, 1.0, len(answer)) == answer


@pytest.mark.parametrize(
    ("command", "milliseconds"), [(Command.MEASURE, 12.0), (Command.TEST, 220.0), (Command.FEATURES, 10.0)]
)
def test_while_it_is_busy_it_does_not_answer_or_listen(command: Command, milliseconds: float) -> None:
    chip, end = new(), 1.0 + milliseconds / 1000
    tell(chip, command, 1.0)

    with pytest.raises(OSError, match="Remote I/O"):
        chip.read(3, end - 0.0001)
    with pytest.raises(OSError, match="Remote I/O"):
        tell(chip, Command.FEATURES, end - 0.0001)

    assert len(chip.read(3, end + 0.0001)) == 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("ffff", id="unknown"),
        pytest.param("20", id="half-a-command"),
        pytest.param("2061", id="no-argument"),
        pytest.param("2061 0b92 00", id="checksum"),
        pytest.param("2061 0b92", id="no-checksum"),
    ],
)
def test_what_is_no_command_is_not_acknowledged(data: str) -> None:
    with pytest.raises(OSError, match="Remote I/O"):
        new().write(bytes.fromhex(data), 1.0)


def test_a_command_without_an_answer_leaves_none_to_read() -> None:
    chip = new()
    ask(chip, Command.FEATURES, 1.0, 1)
    tell(chip, Command.INIT, 2.0)

    with pytest.raises(OSError, match="Remote I/O"):
        chip.read(3, 3.0)


def test_for_fifteen_seconds_it_gives_nothing_and_then_it_learns() -> None:
    chip = new()
    tell(chip, Command.INIT, 0.0)

    assert ask(chip, Command.MEASURE, 14.0, 2) == (400, 0)
    assert ask(chip, Command.MEASURE, 16.0, 2) == (520, 80)
    assert ask(chip, Command.GET_BASELINE, 3599.0, 2) == (0, 0)
    assert ask(chip, Command.MEASURE, LEARNED, 2) == (620, 90)
    assert ask(chip, Command.GET_BASELINE, LEARNED + 1, 2) == BASELINE


@pytest.mark.parametrize(
    ("words", "measured"),
    [
        pytest.param((BASELINE[1], BASELINE[0]), (620, 90), id="TVOC-first"),
        pytest.param(BASELINE, (60000, 6390), id="interchanged"),
        pytest.param((0, 0), (400, 0), id="zeros"),
    ],
)
def test_a_baseline_counts_at_once_however_wrong(words: tuple[int, int], measured: tuple[int, int]) -> None:
    chip = new()
    tell(chip, Command.INIT, 0.0)
    tell(chip, Command.SET_BASELINE, 1.0, *words)

    assert ask(chip, Command.GET_BASELINE, 2.0, 2) == (words[1], words[0])
    assert ask(chip, Command.MEASURE, 20.0, 2) == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize("lose", ["supply", "general-call", "self-test", "begin"])
def test_what_it_learned_is_lost(lose: str) -> None:
    chip = new()
    tell(chip, Command.INIT, 0.0)
    assert ask(chip, Command.MEASURE, LEARNED, 2) == (620, 90)

    match lose:
        case "supply":
            chip.power_cycle(LEARNED + 1)
        case "general-call":
            assert chip.general_call(b"\x06", LEARNED + 1)
        case "self-test":
            tell(chip, Command.TEST, LEARNED + 1)
        case "begin":
            tell(chip, Command.INIT, LEARNED + 1)

    expected = (520, 80) if lose == "begin" else (400, 0)
    assert ask(chip, Command.MEASURE, LEARNED + 20, 2) == expected


def test_another_chip_s_general_call_is_not_for_it() -> None:
    assert not new().general_call(b"\x08", 1.0)


def test_a_humidity_of_zero_is_that_of_power_on() -> None:
    chip = new()
    tell(chip, Command.SET_HUMIDITY, 1.0, 0x0F80)
    told = chip.humidity
    tell(chip, Command.SET_HUMIDITY, 2.0, 0)

    assert (told, chip.humidity) == (0x0F80, DEFAULT_HUMIDITY)
