"""What a build says is kept, and can be followed while it is written."""

from pathlib import Path

from picket_fleet.build import log


class Pusher:
    """Hears all that is said."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.heard: list[tuple[str, str]] = []

    def say(self, service: str, line: str) -> None:
        """Hear."""
        self.heard.append((service, line))

    def still_there(self) -> None:
        """Be there."""

    def confirm(self) -> None:
        """Agree."""


def test_what_is_said_is_kept_as_it_comes_and_passed_on(tmp_path: Path) -> None:
    file, pusher = tmp_path / "a.log", Pusher()

    with log.keeping(file, pusher) as kept:
        kept.say("hub", "Step 1/2 : FROM\tbase")
        first, offset = log.read(file, 0, 1000)
        kept.keep("", "it failed:\nno such file")
        rest, _ = log.read(file, offset, 1000)

    assert pusher.heard == [("hub", "Step 1/2 : FROM\tbase")]
    assert [line[1:] for line in first] == [("hub", "Step 1/2 : FROM\tbase")]
    assert [line[1:] for line in rest] == [("", "it failed:"), ("", "no such file")]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"0.1\thub\tone\n0.2\thub\ttw")

    lines, offset = log.read(file, 0, 1000)

    assert ([line.text for line in lines], offset) == (["one"], len(b"0.1\thub\tone\n"))
    assert log.read(tmp_path / "none.log", 7, 1000) == ([], 7)


def test_an_endless_log_is_not_kept_to_its_end(tmp_path: Path) -> None:
    with log.keeping(tmp_path / "a.log", Pusher()) as kept:
        for _ in range(log.LOG_BYTES // log.LINE_CHARACTERS + 10):
            kept.keep("hub", "x" * 3 * log.LINE_CHARACTERS)

    assert (tmp_path / "a.log").stat().st_size <= log.LOG_BYTES
