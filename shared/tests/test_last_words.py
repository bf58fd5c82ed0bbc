"""What a process died of, kept until the hub has it."""

from pathlib import Path
from typing import Any

import pytest

from picket.last_words import MOST_TEXT, MOST_TRACEBACK, LastWords
from picket.loop import Loop
from picket.messages import Message


class FakeProducer:
    """A way to a hub that hears, or does not."""

    def __init__(self, *, heard: bool) -> None:
        self.heard = heard
        self.published: list[Message] = []

    @property
    def pending(self) -> int:
        return 0 if self.heard else len(self.published)

    def publish(self, _topic: str, message: Message) -> None:
        self.published.append(message)

    def flush(self, _timeout_seconds: float) -> bool:
        return self.heard


class Process:
    """One life of a service."""

    def __init__(self, file: Path, *, heard: bool = True, began: float = 0.0) -> None:
        self.now = began
        self.producer: Any = FakeProducer(heard=heard)
        self.words = LastWords(self.producer, file, wall_ns=lambda: int(self.now * 1e9))
        self.loop = Loop(clock=lambda: self.now)
        self.words.repeat(self.loop)

    @property
    def told(self) -> list[str]:
        return [fault.text for fault in self.producer.published]

    def die(self, text: str = "ValueError: pin", traceback: str = "Traceback") -> list[str]:
        self.words.say("relay", "crash", text, traceback)
        self.words.keep()
        return self.told

    def live(self, seconds: float) -> None:
        self.now += seconds
        self.loop.turn(0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "last-words" / "relay.json"


def test_what_the_hub_has_not_heard_is_told_by_the_next_process_once(file: Path) -> None:
    Process(file, heard=False).die()

    deaf = Process(file, heard=False, began=10)
    deaf.live(5)
    second = Process(file, began=20)
    second.live(5)
    third = Process(file, began=30)
    third.live(5)

    assert [deaf.told, second.told, third.told] == [["ValueError: pin"], ["ValueError: pin"], []]
    assert second.producer.published[0].time_ns == 0, "it has the time of its death"


def test_dying_at_every_start_is_said_once_in_ten_minutes_with_a_number(file: Path) -> None:
    told = {began: text for began in range(0, 1300, 3) if (text := Process(file, began=began).die())}

    assert told == {
        0: ["ValueError: pin"],
        600: ["ValueError: pin (and 199 times before)"],
        1200: ["ValueError: pin (and 199 times before)"],
    }


def test_dying_of_something_else_is_said_at_once(file: Path) -> None:
    Process(file).die()

    assert Process(file, began=3).die("KeyError: 'door'") == ["KeyError: 'door'"]


def test_a_clock_set_back_silences_nothing(file: Path) -> None:
    Process(file, began=5000).die()

    assert Process(file, began=10).die() == ["ValueError: pin"]


def test_a_service_that_ends_well_says_nothing(file: Path) -> None:
    Process(file, heard=False).words.keep()

    assert not file.exists()


def test_long_texts_are_cut_to_what_tells_most(file: Path) -> None:
    process = Process(file)
    process.die("x" * 10_000, "y" * 100_000 + "the end")

    fault = process.producer.published[0]
    assert (len(fault.text), len(fault.traceback)) == (MOST_TEXT, MOST_TRACEBACK)
    assert fault.traceback.endswith("the end")


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_file_that_is_none_is_left_out(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)

    assert Process(file).die() == ["ValueError: pin"]
