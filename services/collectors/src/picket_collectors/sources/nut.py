r"""A UPS behind upsd, the server of Network UPS Tools: its text protocol on TCP 3493.

    > LIST VAR eaton                          > GET, LIST ... need no login, where upsd listens to us at all
    < BEGIN LIST VAR eaton
    < VAR eaton battery.charge "100"          quoted, with \\ before " and \
    < VAR eaton ups.status "OL CHRG"          words: OL OB LB CHRG DISCHRG RB OVER BYPASS FSD ...
    < END LIST VAR eaton
    < ERR DATA-STALE                          instead of all that

    > USERNAME picket    < OK                 only where the configuration has one
    > PASSWORD secret    < OK
    > LOGOUT             < OK Goodbye

Theory of operation. Drivers look at their UPS every two seconds, and so does this at upsd, on one connection: a power
cut is told when it is seen, everything else once an interval. Who is logged in is waited for by upsd when it shuts the
house down, so this never logs in. What upsd does not know is unknown, and never "on line power": while its driver has
lost the UPS there are no readings but a fault, and upsd is looked at as often as before, for what the driver finds when
it is back may be a power cut.
"""

import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Protocol

from msgspec import Meta

from picket.config.schema import Port, Secret, Section
from picket_collectors.source import Part, Site, SourceError
from picket_collectors.ups_values import FLAGS, values

KIND = "ups"
RANGES = {
    "battery_percent": (0, 100),
    "runtime_seconds": (0, 2_592_000),
    "load_percent": (0, 300),
    "input_voltage_v": (0, 1000),
    "output_voltage_v": (0, 1000),
    "battery_voltage_v": (0, 1000),
    "temperature_c": (-40, 100),
    **dict.fromkeys(FLAGS, (0, 1)),
}

LOOK_SECONDS = 2.0
ANSWER_SECONDS = 5.0
MAX_LINE_BYTES = 2048
MAX_VARIABLES = 1000

VARIABLE = re.compile(r'VAR \S+ (\S+) "((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")
REASONS = {
    "DATA-STALE": "the driver has lost the UPS, what upsd knows is stale",
    "DRIVER-NOT-CONNECTED": "the UPS's driver does not run",
    "UNKNOWN-UPS": "there is no UPS of that name",
    "ACCESS-DENIED": "upsd lets this device not in",
    "INVALID-USERNAME": "upsd refuses the username",
    "INVALID-PASSWORD": "upsd refuses the password",
}
DRIVER = "driver"  # the part that bears the fault
OF_THE_DRIVER = ("DATA-STALE", "DRIVER-NOT-CONNECTED")


class DriverError(SourceError):
    """upsd is well, and knows nothing of the UPS."""


class Config(Section, frozen=True, kw_only=True, tag="nut", tag_field="kind"):
    """A UPS of a NUT server (upsd); what upsd gives to anybody needs no username."""

    host: str = "127.0.0.1"
    port: Port = 3493
    ups: Annotated[str, Meta(pattern=r"^[^\s\"\\]+$")]
    username: Annotated[str, Meta(pattern=r"^[^\s\"\\]*$")] = ""
    password: Secret = ""
    password_file: str = ""
    interval_seconds: Annotated[float, Meta(ge=2, le=86_400)] = 10


class Line(Protocol):
    """The part of a connection's file that the driver uses; a server that is slow or gone is an OSError."""

    def write(self, data: bytes, /) -> int:
        """Send bytes, perhaps later."""
        ...

    def flush(self) -> None:
        """Send them now."""
        ...

    def readline(self, limit: int = ..., /) -> bytes:
        """Return a line, or what there is of it at the end and at the limit."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Nut:
    """Asks one upsd for one UPS."""

    def __init__(self, config: Config, site: Site, line: Line) -> None:
        """Take over a connection."""
        self._config = config
        self._site = site
        self._line = line
        self._look_at = site.clock()
        self._told = 0
        if config.username:
            self._order(f"USERNAME {config.username}")
        if config.password:
            self._order(f'PASSWORD "{escaped(config.password)}"')

    def receive(self) -> Sequence[Part]:
        """Wait until it is time to look, and look; raises SourceError with upsd's reason."""
        self._site.pause(max(0.0, self._look_at - self._site.clock()))
        self._look_at = self._site.clock() + LOOK_SECONDS
        try:
            variables = dict(self._list())
        except DriverError as error:
            return [Part(DRIVER, KIND, fault=str(error))]
        self._told = len(variables)
        return [Part(DRIVER, KIND), Part("", KIND, values(variables), switches=frozenset(FLAGS))]

    def figures(self) -> Mapping[str, float]:
        """Show how much the UPS tells of itself."""
        return {"variables": self._told}

    def close(self) -> None:
        """Say goodbye, and hang up."""
        with suppress(OSError, ValueError):
            self._send("LOGOUT")
        with suppress(OSError):
            self._line.close()

    def _list(self) -> Iterator[tuple[str, str]]:
        self._send(f"LIST VAR {self._config.ups}")
        begin = self._hear()
        if begin != f"BEGIN LIST VAR {self._config.ups}":
            raise self._error(begin)
        for _ in range(MAX_VARIABLES):
            line = self._hear()
            if line == f"END LIST VAR {self._config.ups}":
                return
            found = VARIABLE.fullmatch(line)
            if not found:
                raise self._error(line)
            yield found[1], ESCAPED.sub(r"\1", found[2])
        raise SourceError(f"{self._what}: more than {MAX_VARIABLES} variables")

    def _order(self, command: str) -> None:
        self._send(command)
        if (answer := self._hear()) != "OK":
            raise self._error(answer)

    def _send(self, command: str) -> None:
        with self._naming_errors():
            self._line.write(command.encode() + b"\n")
            self._line.flush()

    def _hear(self) -> str:
        with self._naming_errors():
            line = self._line.readline(MAX_LINE_BYTES)
        if not line:
            raise SourceError(f"{self._what}: upsd hung up")
        return line.decode("utf-8", "replace").rstrip("\r\n")

    def _error(self, answer: str) -> SourceError:
        word, _, rest = answer.partition(" ")
        if word != "ERR":
            return SourceError(f"{self._what}: no answer of upsd, but {answer[:60]!r}")
        reason = rest.split(" ", 1)[0]
        error = DriverError if reason in OF_THE_DRIVER else SourceError
        return error(f"{self._what}: {REASONS.get(reason, 'upsd refuses')} ({reason[:60]})")

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise SourceError(f"{self._what}: upsd does not answer") from error
        except OSError as error:
            raise SourceError(f"{self._what}: {error.strerror or error}") from error

    @property
    def _what(self) -> str:
        return f"{self._config.ups} at {self._config.host}:{self._config.port}"


def escaped(text: str) -> str:
    """Write text to stand between quotes."""
    return re.sub(r'(["\\])', r"\\\1", text)


def open_stream(config: Config, site: Site) -> Nut:
    """Connect to upsd; raises OSError that names it."""
    try:
        connection = socket.create_connection((config.host, config.port), ANSWER_SECONDS)
    except OSError as error:
        raise SourceError(f"upsd at {config.host}:{config.port}: {error.strerror or error}") from error
    with connection:  # the file keeps it open
        line = connection.makefile("rwb")
    try:
        return Nut(config, site, line)
    except BaseException:
        line.close()
        raise
