"""upsd, the server of Network UPS Tools, and the UPSes that the configuration's `nut` collectors ask it for.

> LIST VAR demo      < BEGIN LIST VAR demo, VAR demo <name> "<value>" ..., END LIST VAR demo
> GET VAR demo <v>   < VAR demo <v> "<value>"
> LIST UPS           < BEGIN LIST UPS, UPS demo "<description>", END LIST UPS
> USERNAME, PASSWORD, LOGIN < OK      > LOGOUT < OK Goodbye      what can't be < ERR <REASON>
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from socketserver import StreamRequestHandler
from typing import Any, Self

from picket.config import Config
from picket_simulator.fault import FOREVER, Fault
from picket_simulator.listener import Listener, Listening

LOG = logging.getLogger(__name__)

FULL_SECONDS = 1800.0  # on a full battery
CHARGING_SECONDS = 7200.0  # from nothing to full
LOW_PERCENT = 20.0


class Ups:
    """A UPS that drains and charges; time is an argument."""

    def __init__(self) -> None:
        """Be on line power with a full battery."""
        self._charge = 100.0
        self._at = 0.0
        self._fault = Fault("power_cut", "low_battery", "stale", "silent")

    def fault(self, kind: str, now: float, seconds: float = FOREVER) -> None:
        """Cut the power, drain the battery all at once, lose the UPS, be silent, or clear that; raises ValueError."""
        self._pass(now)
        self._fault.begin(kind, now, seconds)
        if kind == "low_battery":
            self._charge = min(self._charge, LOW_PERCENT - 5)

    def fault_at(self, now: float) -> str:
        """Name the fault of this moment; "clear" is none."""
        return self._fault.at(now)

    def variables(self, now: float) -> dict[str, str]:
        """Return what its driver would tell."""
        self._pass(now)
        on_battery = self._on_battery(now)
        words = ["OB", "DISCHRG"] if on_battery else ["OL", "CHRG"] if self._charge < 100 else ["OL"]
        if self._charge <= LOW_PERCENT:
            words.append("LB")
        return {
            "battery.charge": f"{self._charge:.0f}",
            "battery.charge.low": f"{LOW_PERCENT:.0f}",
            "battery.runtime": f"{FULL_SECONDS * self._charge / 100:.0f}",
            "battery.voltage": f"{24 + 3.3 * self._charge / 100:.1f}",
            "device.mfr": "Picket",
            "device.model": "Simulated UPS",
            "input.voltage": "0.0" if on_battery else "231.0",
            "output.voltage": "230.0",
            "ups.load": "23",
            "ups.status": " ".join(words),
            "ups.temperature": "27.5",
        }

    def _on_battery(self, now: float) -> bool:
        return self.fault_at(now) in ("power_cut", "low_battery")

    def _pass(self, now: float) -> None:
        """Drain or charge for as long as went by."""
        seconds = now - self._at if self._at else 0.0
        self._at = now
        change = -100 * seconds / FULL_SECONDS if self._on_battery(now) else 100 * seconds / CHARGING_SECONDS
        self._charge = min(max(self._charge + change, 0.0), 100.0)


class _Client(StreamRequestHandler):
    server: Listener

    def handle(self) -> None:
        with suppress(OSError):
            for line in self.rfile:
                answer = self.server.served.answer(line.decode(errors="replace").strip(), time.monotonic())
                self.wfile.write("".join(f"{one}\n" for one in answer).encode())
                if answer == ["OK Goodbye"]:
                    return


class Upsd(Listening):
    """The server. `names` are the collectors that ask it, `upses` whom by that."""

    client = _Client

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Switch the UPSes on; one is one, however many collectors ask for it."""
        super().__init__(config.simulator.bind_address, config.simulator.ups_port)
        self.names = tuple(collectors)
        self._upses = {str(collector.get("ups")): Ups() for collector in collectors.values()}
        self.upses = {name: self._upses[str(collector.get("ups"))] for name, collector in collectors.items()}

    def __enter__(self) -> Self:
        """Listen; raises OSError."""
        super().__enter__()
        LOG.info("upsd on %s:%s with %s", self.host, self.port, ", ".join(self._upses))
        return self

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let the UPS of a collector misbehave; raises ValueError."""
        self.upses[name].fault(kind, time.monotonic(), seconds)

    def answer(self, line: str, now: float) -> list[str]:
        """Return the lines that answer one; none where a UPS is silent."""
        match line.split(maxsplit=3):
            case ["LIST", "UPS"]:
                return ["BEGIN LIST UPS", *(f'UPS {name} "simulated"' for name in self._upses), "END LIST UPS"]
            case ["LIST", "VAR", name] if name in self._upses:
                return list(self._about(name, None, now))
            case ["GET", "VAR", name, variable] if name in self._upses:
                return list(self._about(name, variable, now))
            case ["LIST", "VAR", _] | ["GET", "VAR", _, _]:
                return ["ERR UNKNOWN-UPS"]
            case ["USERNAME" | "PASSWORD" | "LOGIN", _]:
                return ["OK"]
            case ["LOGOUT"]:
                return ["OK Goodbye"]
        return ["ERR UNKNOWN-COMMAND"]

    def _about(self, name: str, variable: str | None, now: float) -> Iterator[str]:
        ups = self._upses[name]
        variables = {key: f'VAR {name} {key} "{value}"' for key, value in ups.variables(now).items()}
        match ups.fault_at(now):
            case "silent":
                return
            case "stale":
                yield "ERR DATA-STALE"
            case _ if variable is None:
                yield from (f"BEGIN LIST VAR {name}", *variables.values(), f"END LIST VAR {name}")
            case _:
                yield variables.get(variable, "ERR VAR-NOT-SUPPORTED")


def serves(config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector asks at the simulator's port."""
    return str(collector.get("port")) == str(config.simulator.ups_port)
