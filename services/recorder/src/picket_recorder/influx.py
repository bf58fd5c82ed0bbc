"""Write lines to InfluxDB and learn what became of them; the only module that imports its client (35 MB)."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from picket.backoff import retry_after_seconds
from picket.config.schema import Recorder
from picket.errors import PicketError

TIMEOUT_SECONDS = 5.0  # it runs on the service's loop
BAD_POINTS = (400, 422)
TOO_LARGE = 413  # whoever says so
MOST_TEXT = 300


class AwayError(PicketError, ConnectionError):
    """InfluxDB did not take the points now: they are to be written again, after `retry_seconds` if it said so."""

    def __init__(self, text: str, retry_seconds: float | None = None) -> None:
        """Say why."""
        super().__init__(text)
        self.retry_seconds = retry_seconds


class Rejected(NamedTuple):
    """A line that InfluxDB will never take, and what it said of it."""

    line: str
    why: str


class Influx:
    """A bucket."""

    def __init__(self, config: Recorder) -> None:
        """Make the client; nothing is sent before the first write."""
        self._config = config
        self._client = InfluxDBClient(config.url, config.token, org=config.org, timeout=int(TIMEOUT_SECONDS * 1000))
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: Sequence[str]) -> list[Rejected]:
        """Write lines, halving what is refused down to the bad ones, which are returned; raises AwayError.

        What was written before an error may be written again: a point has its place by series and time.
        """
        why = self._refusal(lines) if lines else ""
        if not why:
            return []
        if len(lines) == 1:
            return [Rejected(lines[0], why)]
        middle = len(lines) // 2
        return self.write(lines[:middle]) + self.write(lines[middle:])

    def close(self) -> None:
        """Hang up."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _refusal(self, lines: Sequence[str]) -> str:
        try:
            self._writer.write(self._config.bucket, self._config.org, "\n".join(lines))  # times in ns is its default
        except ApiException as error:
            text = self._clean(f"{error.status} {error.message}")
            if error.status == TOO_LARGE or (error.status in BAD_POINTS and is_influxs_own(error.body)):
                return text
            raise AwayError(text, retry_after_seconds(error.retry_after)) from None
        except (HTTPError, ValueError) as error:
            raise AwayError(self._clean(str(error))) from None
        return ""

    def _clean(self, text: str) -> str:
        token = self._config.token
        return (text.replace(token, "***") if token else text)[:MOST_TEXT]


def is_influxs_own(body: str | None) -> bool:
    """Tell InfluxDB's word on a point (a JSON object) from a proxy's or a TLS port's 400, which is no such word."""
    try:
        return isinstance(json.loads(body or ""), dict)
    except ValueError:
        return False
