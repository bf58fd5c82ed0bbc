import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket import log
from picket.config import Config
from picket.forward import BACKLOG_BYTES, LONGEST_DATAGRAM, Forward


def record(text: str, level: int = logging.INFO, error: BaseException | None = None) -> logging.LogRecord:
    trouble = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("journal", level, "journal.py", 1, text, None, trouble)
    made.created = 1_772_346_600.125
    return made


def raised() -> BaseException:
    try:
        raise ValueError("bad\nvalue")
    except ValueError as error:
        return error


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger; what is added to it is taken away again."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield root
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """The forwarder's end of the socket; a read that takes too long fails."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(path))
        end.settimeout(20)
        yield end


def forward(path: Path, service: str = "hub") -> logging.Logger:
    logger = logging.Logger("journal")
    logger.addHandler(Forward(path, "demo", service, log.Text(service).body))
    return logger


def text_of(datagram: bytes) -> str:
    return datagram.decode().split(" - - ", 1)[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("page 7 is torn", "page 7 is torn"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("a bell\x07, red \x1b[31m", r"a bell\x07, red \x1b[31m"),
        ("\u2028 \x85 end lines too", r"\u2028 \x85 end lines too"),
        ("half a pair \ud83d", r"half a pair \ud83d"),
        ("21 °C, C:\\new", "21 °C, C:\\new"),
    ],
    ids=["plain", "newlines", "control characters", "unicode's line ends", "lone surrogate", "all else as it is"],
)
def test_whatever_is_logged_is_one_line_with_the_services_name(text: str, line: str) -> None:
    made = log.Text("hub").format(record(text))

    assert made == f"2026-03-01T06:30:00.125Z hub INFO journal: {line}"
    assert len(made.encode().splitlines()) == 1


def test_a_traceback_is_in_the_line_of_its_error() -> None:
    made = log.Text("hub").format(record("crashed", logging.ERROR, raised()))

    assert "hub ERROR journal: crashed\\nTraceback (most recent call last):\\n  File" in made
    assert made.endswith("ValueError: bad\\nvalue")
    assert len(made.splitlines()) == 1


def test_json_is_an_object_a_line_with_the_exception_apart() -> None:
    lines = [log.Json("hub").format(record("a\n\ud83d")), log.Json("hub").format(record("crashed", 40, raised()))]

    plain, crashed = (msgspec.json.decode(line) for line in lines)
    assert [len(line.splitlines()) for line in lines] == [1, 1]
    assert plain == {
        "time": "2026-03-01T06:30:00.125000Z",
        "level": "INFO",
        "service": "hub",
        "logger": "journal",
        "message": "a\n\\ud83d",
    }
    assert (crashed["message"], crashed["level"]) == ("crashed", "ERROR")
    assert crashed["exception"].endswith("ValueError: bad\nvalue")


def test_the_configuration_says_how_and_from_which_level(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up("hub", Config(device="demo", log_level="warning", log_format="json"))
    logging.getLogger("journal").info("unsaid")
    logging.getLogger("journal").warning("said")

    (line,) = capsys.readouterr().out.splitlines()
    assert msgspec.json.decode(line)["message"] == "said"
    assert not any(isinstance(handler, Forward) for handler in root.handlers)  # no server is named


def test_a_secret_in_a_librarys_debug_lines_is_not_logged(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up("notifier", Config(device="demo", log_level="debug"))
    logging.getLogger("urllib3.connectionpool").debug("POST /services/T000/B000/secret")

    assert capsys.readouterr().out == ""
    assert root.isEnabledFor(logging.DEBUG)


def test_a_line_is_forwarded_as_an_rfc_5424_datagram(tmp_path: Path) -> None:
    with listening(tmp_path / "log.sock") as end:
        forward(tmp_path / "log.sock", "collectors.air").handle(record("torn\npage", logging.ERROR))

        assert re.fullmatch(
            rb"<27>1 2026-03-01T06:30:00\.125000Z demo collectors\.air \d+ - - journal: torn\\npage", end.recv(65536)
        )


def test_a_named_server_has_every_line_go_to_the_socket_of_the_data_folder_too(
    root: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(tmp_path / log.SOCKET) as end:
        log.set_up("hub", Config(device="demo", data_dir=str(tmp_path), rsyslog_server="logs.lan"))
        logging.getLogger("journal").info("both ways")

        assert text_of(end.recv(65536)) == "journal: both ways"
    assert "both ways" in capsys.readouterr().out
    assert isinstance(root.handlers[-1], Forward)


def test_lines_wait_in_order_for_a_forwarder_that_is_not_there_yet_or_full(tmp_path: Path) -> None:
    logger = forward(tmp_path / "log.sock")
    for number in range(300):
        logger.info("line %d", number)

    with listening(tmp_path / "log.sock") as end:
        came = [text_of(end.recv(65536)) for _ in range(300)]

    assert came == [f"journal: line {number}" for number in range(300)]


def test_a_forwarder_that_is_stuck_blocks_nobody_and_is_told_what_was_dropped(
    root: logging.Logger, tmp_path: Path
) -> None:
    path = tmp_path / "log.sock"
    root.addHandler(Forward(path, "demo", "hub", log.Text("hub").body))
    root.setLevel(logging.INFO)
    logger = logging.getLogger("journal")
    size, count = 10_000, 200
    with listening(path) as end:
        for number in range(count):
            logger.info("%d %s", number, size * "x")
        came = []
        while not came or "dropped" not in came[-1]:
            came.append(text_of(end.recv(65536)))
        logger.info("on it goes")
        last = text_of(end.recv(65536))

    numbers = [int(line.split()[1]) for line in came[:-1]]
    assert numbers == list(range(len(numbers)))  # what was dropped is missing at the end, where it is said
    assert f"forward: {count - len(numbers)} lines before this one were dropped" in came[-1]
    assert len(numbers) * size > BACKLOG_BYTES * 0.9
    assert last == "journal: on it goes"


def test_a_line_longer_than_a_datagram_is_cut(tmp_path: Path) -> None:
    with listening(tmp_path / "log.sock") as end:
        forward(tmp_path / "log.sock").info("°" * LONGEST_DATAGRAM)

        came = end.recv(100_000)
    assert LONGEST_DATAGRAM - 1 <= len(came) <= LONGEST_DATAGRAM + 3
    assert came.decode().endswith("°...")


def test_the_last_lines_are_handed_on_at_the_end_and_nobody_waits_long_for_a_forwarder_that_is_away(
    tmp_path: Path,
) -> None:
    logger = forward(tmp_path / "log.sock")
    (handler,) = logger.handlers
    logger.info("last words")
    began = time.monotonic()
    handler.flush()

    assert time.monotonic() - began < 15  # it gives up: generous, for a busy machine
    with listening(tmp_path / "log.sock") as end:
        handler.flush()
        assert text_of(end.recv(65536)) == "journal: last words"


def test_where_nothing_is_forwarded_nothing_is_imported_for_it(tmp_path: Path) -> None:
    code = "import sys; from picket import log; from picket.config import Config; log.set_up('x', Config(device='d')); "
    code += "print('picket.forward' in sys.modules)"
    done: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert done.stdout == "False\n"
