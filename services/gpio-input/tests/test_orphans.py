from typing import Any

from picket.messages import InputEvent, utc
from picket_gpio_input.filter.orphans import Orphans


def event(number: str, kind: Any) -> InputEvent:
    return InputEvent(time_ns=1, id=number, type=kind, input="hall", zone="alarm", began_at=utc(1), why="")


def test_an_episode_without_an_end_is_owed_one_and_only_once() -> None:
    orphans = Orphans()
    for number, (name, kind) in enumerate([("a", "new"), ("a", "end"), ("b", "new"), ("b", "update")]):
        orphans.read(event(name, kind), number)

    owed, again = orphans.ends(now_ns=5 * 10**9), orphans.ends(now_ns=6 * 10**9)

    assert [(one.id, one.type, one.time_ns) for one in owed] == [("b", "end", 5 * 10**9)]
    assert again == []


def test_an_episode_of_this_process_is_no_orphan_while_it_goes_on() -> None:
    orphans = Orphans()
    orphans.begun(event("a", "new"))
    orphans.read(event("z", "end"), 6)
    orphans.read(event("a", "new"), 7)

    assert orphans.ends(now_ns=5) == []
    assert orphans.settled(9) == 6


def test_an_episode_that_has_ended_holds_the_cursor_no_longer() -> None:
    orphans = Orphans()
    orphans.begun(event("a", "new"))
    orphans.read(event("a", "new"), 7)
    held = orphans.settled(8)
    orphans.read(event("a", "end"), 9)

    assert (held, orphans.settled(12)) == (6, 12)
