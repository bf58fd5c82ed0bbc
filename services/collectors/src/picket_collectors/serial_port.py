"""Open a serial port for one process alone: the one that is named, or `auto`: the one where the sensor answers.

A port's name is by its adapter (/dev/serial/by-id) where each adapter has a name of its own, else by its socket
(by-path): CH340 adapters have no serial number, so two of them share one name, of which one is left. A tty's number
is the last choice, for it changes with the order of plugging in.
"""

import errno
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from picket_collectors.source import Site, SourceError
from picket_collectors.store import Store

AUTO = "auto"
BY_ID, BY_PATH = ("serial/by-id/*",), ("serial/by-path/*",)
BY_NUMBER = ("ttyUSB*", "ttyACM*")  # no ttyAMA0 or ttyS0: a console may be there, which bytes must not be sent to
READ_SECONDS = 0.5
# Another collector that looks for its own sensor has a port for some seconds; one that found it keeps it.
SEARCH_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.5
HELD = (errno.EAGAIN, errno.EBUSY)  # of a port that another process has: that may pass, what else is wrong will not

log = logging.getLogger("serial")


class SerialPort(Protocol):
    """The part of pyserial's Serial that the drivers use; a port that is gone is an OSError."""

    @property
    def in_waiting(self) -> int:
        """How many bytes have come."""
        ...

    def read(self, size: int = ..., /) -> bytes:
        """Return what came, at most `size` bytes; fewer or none when the port's timeout passed first."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""
        ...

    def fileno(self) -> int:
        """Return the descriptor."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


Recognises = Callable[[SerialPort, Site], bool]


def open_serial_port(path: str, baud: int, site: Site, recognises: Recognises) -> SerialPort:
    """Open "/dev/serial/by-path/…", or with "auto" the port whose sensor is recognised, at 8N1.

    Raises OSError for a port that is absent or another process's, SourceError where no port has the sensor.
    """
    return _find(baud, site, recognises) if path == AUTO else _open(path, baud)


def candidates(devices: Path) -> list[Path]:
    """Return the most stable name of each serial adapter under `devices`, which is /dev."""
    by_id, by_path, by_number = (_links(devices, *patterns) for patterns in (BY_ID, BY_PATH, BY_NUMBER))
    ports = {**by_number, **by_path, **by_id}
    # An adapter without a name in by-id may share one with another: there it is not known whose it is.
    named = by_id if by_id.keys() == ports.keys() else by_path
    return sorted(named.get(port, by_number.get(port, port)) for port in ports)


def _links(devices: Path, *patterns: str) -> dict[Path, Path]:
    """Return the names of each port by what they lead to; the first of several."""
    names: dict[Path, Path] = {}
    for name in (name for pattern in patterns for name in sorted(devices.glob(pattern))):
        if name.exists():
            names.setdefault(name.resolve(), name)
    return names


def _find(baud: int, site: Site, recognises: Recognises) -> SerialPort:
    """Ask at each port that is nobody else's; where the sensor was before comes first."""
    memory = Store(site, "port")
    remembered = memory.load().get("path")
    others = {Path(port).resolve() for port in _ports_of_others(site)}
    names = [str(name) for name in candidates(site.devices) if name.resolve() not in others]
    asked: list[str] = []
    refused: list[str] = []
    busy = sorted(names, key=lambda name: name != remembered)
    until = site.clock() + SEARCH_SECONDS
    while True:
        names, busy = busy, []
        for name in names:
            try:
                port = _open(name, baud)
            except OSError as error:
                if error.errno in HELD:
                    busy.append(name)
                else:
                    refused.append(f"{name} ({os.strerror(error.errno) if error.errno else error})")
                continue
            if _is_its(port, site, recognises):
                log.info("%s is on %s", site.name, name)
                if name != remembered:
                    memory.save({"path": name})
                return port
            asked.append(name)
        if not busy or site.clock() >= until:
            raise SourceError(
                f"found on no serial port; asked in vain: {', '.join(asked) or 'none'}; "
                f"in use: {', '.join(busy) or 'none'}"
                + (f"; not to be opened: {', '.join(refused)}" if refused else "")
            )
        site.pause(LOOK_AGAIN_SECONDS)


def _is_its(port: SerialPort, site: Site, recognises: Recognises) -> bool:
    """Ask who is there; a port where it is not is closed."""
    found = False
    try:
        found = recognises(port, site)
    except OSError:
        pass  # unplugged meanwhile
    finally:
        if not found:
            port.close()
    return found


def _ports_of_others(site: Site) -> list[str]:
    named = (
        collector.get("port") if isinstance(collector, Mapping) else getattr(collector, "port", None)
        for name, collector in site.config.collectors.items()
        if name != site.name
    )
    return [port for port in named if isinstance(port, str) and port != AUTO]


def _open(path: str, baud: int) -> SerialPort:
    # Imported here: the configuration's check imports every source, and needs no port.
    import serial

    port: SerialPort = serial.Serial(path, baud, timeout=READ_SECONDS, write_timeout=READ_SECONDS, exclusive=True)
    return port
