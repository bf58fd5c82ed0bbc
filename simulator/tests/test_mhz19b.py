import pytest

from picket_simulator.mhz19b import WARM_UP_PPM, Mhz19b

READ = bytes.fromhex("ff0186000000000079")
ABC_ON, ABC_OFF = bytes.fromhex("ff0179a000000000e6"), bytes.fromhex("ff0179000000000086")
RANGE_2000 = bytes.fromhex("ff019900000007d08f")
WHICH_RANGE, WHETHER_ABC = bytes.fromhex("ff019b000000000064"), bytes.fromhex("ff017d000000000082")
WARM = 200.0


def ppm(sensor: Mhz19b, now: float) -> int:
    return int.from_bytes(sensor.receive(READ, now)[2:4], "big")


def test_an_answer_is_laid_out_as_a_real_one() -> None:
    assert Mhz19b().receive(READ, WARM).hex() == "ff86027c42000000ba"


def test_for_three_minutes_from_power_up_it_says_anything_but_what_it_measures() -> None:
    sensor = Mhz19b()

    said = {ppm(sensor, second) for second in range(180)}

    assert said == set(WARM_UP_PPM)
    assert ppm(sensor, 180.0) == 636
    sensor.power_cycle(1000.0)
    assert ppm(sensor, 1100.0) in WARM_UP_PPM


def test_air_beyond_the_range_reads_as_the_range() -> None:
    sensor = Mhz19b()
    sensor.ppm = 2600

    sensor.receive(RANGE_2000, WARM)

    assert ppm(sensor, WARM) == 2000


def test_range_and_abc_outlive_a_loss_of_power() -> None:
    sensor = Mhz19b()
    sensor.receive(RANGE_2000 + ABC_OFF, 0.0)

    sensor.power_cycle(10.0)

    assert sensor.receive(WHICH_RANGE, 11.0).hex() == "ff9b000007d000008e"
    assert sensor.receive(WHETHER_ABC, 11.0).hex() == "ff7d00000000000083"
    sensor.receive(ABC_ON, 12.0)
    assert sensor.receive(WHETHER_ABC, 13.0).hex() == "ff7d00000000000182"


def test_orders_are_not_answered_but_by_some_firmware() -> None:
    sensor = Mhz19b()
    assert sensor.receive(RANGE_2000 + ABC_OFF, 0.0) == b""

    sensor.confirms_orders = True

    assert len(sensor.receive(RANGE_2000 + ABC_OFF, 0.0)) == 18


def test_old_firmware_does_not_tell_its_settings() -> None:
    sensor = Mhz19b()
    sensor.tells_settings = False

    assert sensor.receive(WHICH_RANGE + WHETHER_ABC, 0.0) == b""


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"\x00\xff\xff", id="before it"),
        pytest.param(READ[:-1] + b"\x00", id="a command with a wrong sum"),
        pytest.param(b"\xff\x01", id="half a command"),
        pytest.param(bytes(100), id="a lot"),
    ],
)
def test_it_finds_a_command_after_noise(noise: bytes) -> None:
    assert Mhz19b().receive(noise + READ, WARM) == Mhz19b().receive(READ, WARM)


def test_a_command_may_arrive_in_pieces() -> None:
    sensor = Mhz19b()

    answers = [sensor.receive(READ[index : index + 1], WARM) for index in range(len(READ))]

    assert not any(answers[:-1])
    assert answers[-1]
