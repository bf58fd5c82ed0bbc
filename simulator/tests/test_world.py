import pytest

from picket.config.schema import AnalogPir, Band, Deol, DigitalPir, Loop, Seol
from picket_simulator.disturbances import KINDS
from picket_simulator.synthesise import walk
from picket_simulator.world import World

ZONES = {"normal": Band(0.4, 2.0), "alarm": Band(2.0, 3.2), "tamper": Band(3.2)}


def new_world(seed: int = 1) -> World:
    return World(
        {
            "hall": AnalogPir(channel=1),
            "garden": DigitalPir(channel=2),
            "garage": Loop(channel=3, zones=ZONES),  # type: ignore[arg-type]
        },
        seed,
    )


def test_at_rest_an_analog_pir_gives_half_the_supply_and_a_little_noise() -> None:
    world = new_world()

    volts = [world.volts("hall", index / 100) for index in range(500)]

    assert all(2.45 < v < 2.55 for v in volts)
    assert len(set(volts)) > 100


@pytest.mark.parametrize(("name", "volts"), [("garden", 0.0), ("garage", 1.2)])
def test_at_rest_the_others_stand_still(name: str, volts: float) -> None:
    world = new_world()

    assert world.volts(name, 123.4) == pytest.approx(volts)


def test_the_world_is_a_function_of_time_and_seed() -> None:
    times = [0.1, 5.0, 1e6]

    first, again, other = ([new_world(seed).volts("hall", now) for now in times] for seed in (1, 1, 2))

    assert first == again != other


def test_a_trace_is_played_from_now_between_its_samples_too_and_then_rest_returns() -> None:
    world = new_world()

    world.play("garden", [(7.0, 1.0), (9.0, 2.0)], now=100.0)

    assert [world.volts("garden", now) for now in (99.9, 100.0, 101.0, 102.0, 102.1)] == [0.0, 1.0, 1.5, 2.0, 0.0]


def test_a_walk_past_an_analog_pir_is_the_synthesised_one() -> None:
    world = new_world(seed=4)

    world.act("hall", "walk", now=10.0)

    assert [world.volts("hall", 10.0 + t) for t, _ in walk(4)] == pytest.approx([v for _, v in walk(4)], abs=0.01)


@pytest.mark.parametrize(
    ("name", "scene", "volts", "seconds"),
    [
        ("garden", "walk", 3.3, 3),
        ("garage", "walk", 2.6, 2),
        ("garage", "tamper", 4.1, 5),
        ("hall", "short", 0.0, 5),
        ("hall", "open", 5.0, 5),
    ],
)
def test_a_scene_holds_its_volts_for_some_seconds(name: str, scene: str, volts: float, seconds: float) -> None:
    world = new_world()

    world.act(name, scene, now=10.0)

    assert world.volts(name, 10.0 + seconds - 0.1) == pytest.approx(volts)
    assert world.volts(name, 10.0 + seconds + 0.1) == pytest.approx(world.volts(name, 10.0 + seconds + 1), abs=0.05)


@pytest.mark.parametrize(
    ("wiring", "scene", "volts"),
    [
        (Deol(end_of_line_ohms=2200, alarm_ohms=4700), "walk", 2.55),
        (Deol(end_of_line_ohms=2200, alarm_ohms=4700), "tamper", 3.91),
        (Deol(end_of_line_ohms=2200, alarm_ohms=4700), "short", 0.0),
        (Seol(end_of_line_ohms=5600), "walk", 3.91),
    ],
)
def test_a_loop_by_its_wiring_reads_as_its_resistors_do(wiring: Seol | Deol, scene: str, volts: float) -> None:
    world = World({"garage": Loop(channel=3, wiring=wiring)}, seed=1)

    world.act("garage", scene, now=10.0)

    assert world.volts("garage", 11.0) == pytest.approx(volts, abs=0.01)


@pytest.mark.parametrize(
    ("name", "scene", "message"),
    [
        ("cellar", "walk", "expected an input of hall, garden, garage, got cellar"),
        ("garage", "open", "open: garage has no such zone, only normal, alarm, tamper"),
        ("hall", "tamper", "tamper: hall is an input of a kind without it"),
        ("garden", "short", "short: garden is an input of a kind without it"),
    ],
)
def test_a_scene_that_cannot_be_is_refused(name: str, scene: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_world().act(name, scene, now=0.0)


def test_a_disturbance_comes_on_top_of_rest_and_of_what_is_played_and_ends() -> None:
    world, added = new_world(), KINDS["supply_dips"](7, 30.0, 100)
    deepest = min(range(len(added)), key=added.__getitem__)
    at = 100.0 + (deepest + 0.5) / 100

    world.disturb("hall", "supply_dips", 7, 30.0, now=100.0)
    at_rest = world.volts("hall", at)
    world.play("hall", [(0.0, 4.0), (60.0, 4.0)], now=100.0)

    assert at_rest == pytest.approx(2.5 + added[deepest], abs=0.03)
    assert world.volts("hall", at) == pytest.approx(4.0 + added[deepest])
    assert world.volts("hall", 130.01) == 4.0


def test_disturbances_add_up_within_the_supply() -> None:
    world = new_world()

    for seed in (1, 2):
        world.disturb("garden", "chattering_contact", seed, 60.0, now=0.0)
    volts = [world.volts("garden", index / 100) for index in range(6000)]

    assert {0.0, 3.3} < set(volts)
    assert max(volts) <= 5.0


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("cellar", "rf_bursts", "expected an input of hall, garden, garage, got cellar"),
        ("hall", "earthquake", "expected a disturbance of rf_bursts, supply_dips, .*, got earthquake"),
    ],
)
def test_a_disturbance_that_cannot_be_is_refused(name: str, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_world().disturb(name, kind, 1, 60.0, now=0.0)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ([], "expected samples, got none"),
        ([(0.0, 1.0), (0.0, 2.0)], "expected times that rise"),
        ([(0.0, float("nan"))], "expected finite"),
    ],
)
def test_a_trace_that_makes_no_sense_is_refused(trace: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_world().play("hall", trace, now=0.0)
