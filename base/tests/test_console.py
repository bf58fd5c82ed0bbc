from picket.messages import Health
from picket_base.console import SILENT_SECONDS, Board


def health(**faults: str) -> Health:
    state = "degraded" if faults else "ok"
    return Health(time_ns=1, service="relay", state=state, uptime_seconds=1, faults=faults, figures={})  # type: ignore[arg-type]


def test_a_service_is_named_once_and_then_when_it_changes() -> None:
    board = Board()

    lines = [
        list(board.hear(beat, now)) for now, beat in enumerate([health(), health(), health(chip="away"), health()])
    ]

    assert lines == [
        ["  relay            ok"],
        [],
        ["  relay            degraded  chip: away"],
        ["  relay            ok"],
    ]


def test_a_silent_service_is_named_once() -> None:
    board = Board()
    list(board.hear(health(), 0))

    assert list(board.look(SILENT_SECONDS - 1)) == []
    assert list(board.look(SILENT_SECONDS + 1)) == ["  relay            silent"]
    assert list(board.look(SILENT_SECONDS + 2)) == []
