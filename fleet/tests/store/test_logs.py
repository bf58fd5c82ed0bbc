"""The log ring: bounded for each device by itself, followed from an id on."""

from picket_fleet.store import devices, logs
from picket_fleet.store.database import Database
from picket_fleet.store.logs import Line


def say(database: Database, device: int, *texts: str, service: str = "web") -> None:
    logs.append(database, device, [Line(1.0, service, False, False, text) for text in texts])


def test_a_ring_keeps_the_last_thousand_lines_of_each_device(database: Database) -> None:
    one, other = (devices.register(database, uuid=c * 32, name=c, device_type="x", key=c, now=0).id for c in ("a", "b"))
    say(database, other, "stays")

    for begin in range(0, 3000, 300):
        say(database, one, *map(str, range(begin, begin + 300)))

    assert [line.message for line in logs.tail(database, one, count=5000)] == [str(n) for n in range(2000, 3000)]
    assert [line.message for line in logs.tail(database, other)] == ["stays"]


def test_a_log_is_followed_and_read_by_service(database: Database) -> None:
    device = devices.register(database, uuid="a" * 32, name="a", device_type="x", key="k", now=0).id
    say(database, device, "one", "two")
    last = logs.tail(database, device)[-1].id

    say(database, device, "three")
    say(database, device, "four", service="sensor")

    assert [line.message for line in logs.tail(database, device, after=last)] == ["three", "four"]
    assert [line.message for line in logs.tail(database, device, service="web", count=2)] == ["two", "three"]


def test_a_long_line_is_cut(database: Database) -> None:
    device = devices.register(database, uuid="a" * 32, name="a", device_type="x", key="k", now=0).id

    say(database, device, "x" * 10_001)

    assert len(logs.tail(database, device)[0].message) == 10_000
