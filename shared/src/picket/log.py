r"""Logging: the standard library's, to stdout and, where logs are forwarded, to the forwarder; one line an event.

    text   2026-03-01T06:30:00.125Z hub ERROR journal: page 7 can't be read\nTraceback (most recent call last):\n ...
    json   {"time":"2026-03-01T06:30:00.125000Z","level":"ERROR","service":"hub","logger":"journal","message":"...",
            "exception":"Traceback..."}

What would break a line of text is written as Python escapes it: `sed 's/\\n/\n/g'` shows a traceback as it was.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from picket.config.schema import Config
from picket.unix_socket import socket_path

SOCKET = "log.sock"

# Control characters and what else ends lines; halves of surrogate pairs, which can't be encoded.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALVES = re.compile("[\ud800-\udfff]")


class Line(msgspec.Struct, omit_defaults=True):
    """A line of JSON."""

    time: str
    level: str
    service: str
    logger: str
    message: str
    exception: str = ""


class Text(logging.Formatter):
    """Makes lines for people."""

    def __init__(self, service: str) -> None:
        """Name the service in every line."""
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = utc(record, "milliseconds")
        return f"{time} {self._service} {record.levelname} {self.body(record)}"

    def body(self, record: logging.LogRecord) -> str:
        """Return what is left to say where time, service and level are told otherwise."""
        text = "\n".join(filter(None, (record.getMessage(), exception_of(record))))
        return escaped(f"{record.name}: {text}", _UNFIT)


class Json(logging.Formatter):
    """Makes lines for machines."""

    def __init__(self, service: str) -> None:
        """Name the service in every line."""
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message, exception = (escaped(text, _HALVES) for text in (record.getMessage(), exception_of(record)))
        time = utc(record, "microseconds")
        line = Line(time, record.levelname, self._service, record.name, message, exception)
        return msgspec.json.encode(line).decode()

    def body(self, record: logging.LogRecord) -> str:
        """Return the same: an object without its time would be none to a reader of such lines."""
        return self.format(record)


def set_up(service: str, config: Config) -> None:
    """Log as the configuration says."""
    to_stdout(service, config.log_level, config.log_format)
    if config.rsyslog_server:
        from picket.forward import Forward  # nothing is paid for it where it is not used

        path = socket_path(Path(config.data_dir), SOCKET)
        forward = Forward(path, config.device, service, formatter(service, config.log_format).body)
        logging.getLogger().addHandler(forward)


def to_stdout(service: str, level: str = "info", log_format: Literal["text", "json"] = "text") -> None:
    """Log to stdout from `level` up."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(service, log_format))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level.upper())
    logging.getLogger("urllib3").setLevel(logging.INFO)  # below that it tells paths, and a webhook's is a secret


def formatter(service: str, log_format: Literal["text", "json"]) -> Text | Json:
    """Return what makes a service's lines."""
    return Json(service) if log_format == "json" else Text(service)


def utc(record: logging.LogRecord, precision: str) -> str:
    """Return a record's time as ISO 8601 with a Z."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def exception_of(record: logging.LogRecord) -> str:
    """Return a record's traceback, if it has one."""
    return logging.Formatter().formatException(record.exc_info) if record.exc_info and record.exc_info[1] else ""


def escaped(text: str, unfit: re.Pattern[str]) -> str:
    """Write what is unfit as Python's string literals do."""
    return unfit.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
