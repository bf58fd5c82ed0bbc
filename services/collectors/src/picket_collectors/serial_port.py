"""Open a serial port for one process alone."""

from typing import Protocol


class SerialPort(Protocol):
    """The part of pyserial's Serial that the drivers use; a port that is gone is an OSError."""

    def read(self, size: int = ..., /) -> bytes:
        """Return what came, at most `size` bytes; fewer or none when the port's timeout passed first."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


def open_serial_port(path: str, baud: int, timeout_seconds: float) -> SerialPort:
    """Open "/dev/serial/by-path/…" at 8N1; raises OSError when it is absent or another process has it."""
    # Imported here: the configuration's check imports every source, and needs no port.
    import serial

    port: SerialPort = serial.Serial(path, baud, timeout=timeout_seconds, write_timeout=timeout_seconds, exclusive=True)
    return port
