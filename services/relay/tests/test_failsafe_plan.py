import os
from pathlib import Path

import pytest

from picket.config import Config
from picket.config.schema import IoBoard, Output
from picket_relay.failsafe_plan import GUARD, WATCHER, Beats, Chip, plan_file, process, read_plan, write_plan
from picket_relay.watched import failsafe_chips

CHIPS = (Chip("/dev/i2c-1", 0x20, 0x0003, 0x0002), Chip("sim://127.0.0.1:1", 0x21, 0x8000, 0))


def test_a_plan_is_read_as_it_was_written_and_names_its_writer(tmp_path: Path) -> None:
    beats = Beats.make()
    write_plan(tmp_path, beats, CHIPS)

    plan = read_plan(tmp_path)

    assert plan.chips == CHIPS and plan.guard == process(os.getpid())


def test_each_side_sees_the_others_beat(tmp_path: Path) -> None:
    ours = Beats.make()
    write_plan(tmp_path, ours, CHIPS)
    theirs = Beats.of(read_plan(tmp_path))
    assert theirs.last(GUARD) == 0

    ours.beat(GUARD, 5)
    theirs.beat(WATCHER, 7)

    assert (theirs.last(GUARD), ours.last(WATCHER)) == (5, 7)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param('{"guard": {"boot": "x", "num', id="truncated"),
        pytest.param("[]", id="a list"),
        pytest.param("[" * 50_000, id="deep"),
        pytest.param('{"guard": {"boot": "x", "number": 1, "started": 1}, "beats": "/x", "chips": []}', id="init"),
        pytest.param('{"guard": {"boot": "x", "number": "9", "started": 1}, "beats": "/x", "chips": []}', id="text"),
        pytest.param('{"guard": {"boot": "x", "number": 9, "started": 1}, "beats": 3, "chips": []}', id="no path"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(
            '{"guard": {"boot": "x", "number": 9, "started": 1}, "beats": "/x",'
            ' "chips": [{"bus": "/dev/i2c-1", "address": 300, "outputs": 1, "failsafe": 0}]}',
            id="no address",
        ),
    ],
)
def test_rubbish_is_a_value_error(tmp_path: Path, body: str | bytes) -> None:
    Path(plan_file(tmp_path)).write_bytes(body if isinstance(body, bytes) else body.encode())

    with pytest.raises(ValueError):
        read_plan(tmp_path)


def test_the_failsafe_words_follow_polarity_and_place() -> None:
    config = Config(
        device="demo",
        io_boards={"main": IoBoard(bus="/dev/i2c-1", addresses=[0x20, 0x21])},
        outputs={
            "siren": Output(pin=1),
            "lamp": Output(pin=2, active_low=True),
            "fan": Output(pin=16, failsafe="ON"),
            "gate": Output(pin=17, active_low=True, failsafe="ON"),
        },
    )

    assert failsafe_chips(config) == [
        Chip("/dev/i2c-1", 0x20, 0x8003, 0x8002),
        Chip("/dev/i2c-1", 0x21, 0x0001, 0x0000),
    ]
