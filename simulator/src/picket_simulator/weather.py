"""A weather service as there are on the web: GET /v1/forecast gives a JSON document with the current weather.

{"latitude": 47.37, "longitude": 8.55, "current_units": {"temperature_2m": "°C", ...},
 "current": {"time": "2026-07-01T12:00", "interval": 900, "temperature_2m": 21.3, "relative_humidity_2m": 48, ...}}
"""

import logging
import math
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from picket.config import Config
from picket.messages import utc
from picket_simulator.fault import FOREVER, Fault
from picket_simulator.listener import Listener, Listening

LOG = logging.getLogger(__name__)
SLOW_SECONDS = 20.0
ASKED_SECONDS = 30
DAY_SECONDS = 600.0  # of the simulated weather: somebody who looks on wants to see it change

UNITS = {
    "temperature_2m": "°C",
    "relative_humidity_2m": "%",
    "surface_pressure": "hPa",
    "wind_speed_10m": "km/h",
    "wind_gusts_10m": "km/h",
    "cloud_cover": "%",
}
Reply = tuple[int, Mapping[str, str], bytes]


class _Client(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Listener

    def do_GET(self) -> None:
        """Answer."""
        status, headers, body = self.server.served.answer(self.path, time.monotonic(), time.time_ns())
        with suppress(OSError):  # who has not waited for it
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


class Weather(Listening):
    """The service. `names` are the collectors that ask it."""

    client = _Client

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Have fine weather; nothing listens yet."""
        super().__init__(config.simulator.bind_address, config.simulator.web_port)
        self.names = tuple(collectors)
        self._fault = Fault("500", "garbage", "slow", "429")
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        """Listen; raises OSError."""
        super().__enter__()
        LOG.info("weather on http://%s:%s/v1/forecast", self.host, self.port)
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, also on who is answered slowly."""
        self._stopping.set()
        super().__exit__()

    def fault(self, _name: str, kind: str, seconds: float = FOREVER) -> None:
        """Fail, answer nonsense, be slow, ask to wait, or clear that, for all who ask; raises ValueError."""
        self._fault.begin(kind, time.monotonic(), seconds)

    def answer(self, target: str, now: float, wall_ns: int) -> Reply:
        """Return the status, the headers and the body for a request."""
        if urlsplit(target).path != "/v1/forecast":
            return 404, {}, b'{"error":true,"reason":"Not Found"}'
        match self._fault.at(now):
            case "500":
                return 500, {}, b'{"error":true,"reason":"Internal Server Error"}'
            case "garbage":
                return 200, {}, b"<html><body>We'll be right back.</body></html>"
            case "429":
                return 429, {"Retry-After": str(ASKED_SECONDS)}, b'{"error":true,"reason":"Too many requests"}'
            case "slow":
                self._stopping.wait(SLOW_SECONDS)
        return 200, {}, msgspec.json.encode(document(now, wall_ns))


def document(now: float, wall_ns: int) -> dict[str, Any]:
    """Return the weather of a moment: a day of it takes ten minutes."""
    sun = math.sin(2 * math.pi * now / DAY_SECONDS)
    wind = 9.0 + 5.0 * math.sin(now / 17)
    current = {
        "time": f"{utc(wall_ns):%Y-%m-%dT%H:%M}",
        "interval": 900,
        "temperature_2m": round(14 + 8 * sun, 1),
        "relative_humidity_2m": round(65 - 20 * sun),
        "surface_pressure": round(962 + 4 * math.sin(now / 1900), 1),
        "wind_speed_10m": round(wind, 1),
        "wind_gusts_10m": round(1.8 * wind, 1),
        "cloud_cover": round(50 + 40 * math.sin(now / 230)),
    }
    return {"latitude": 47.37, "longitude": 8.55, "current_units": UNITS, "current": current}


def serves(config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector asks at the simulator's port."""
    with suppress(ValueError):
        return urlsplit(str(collector.get("url"))).port == config.simulator.web_port
    return False
