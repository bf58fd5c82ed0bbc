"""Write lines to InfluxDB and learn what became of them; the only module that imports its client (35 MB)."""

import json
import re
from collections.abc import Mapping, Sequence

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from picket.backoff import retry_after_seconds
from picket.config.schema import Recorder
from picket.errors import PicketError
from picket_recorder.points import Point
from picket_recorder.rejected import Rejected

TIMEOUT_SECONDS = 20.0  # a database on a card takes its time for a thousand points
BAD_POINTS = (400, 422)
TOO_LARGE = 413  # whoever says so
MOST_TEXT = 300
DROPPED = re.compile(r"dropped=(\d+)")


class AwayError(PicketError, ConnectionError):
    """InfluxDB did not take the points now: they are to be written again, after `retry_seconds` if it said so."""

    def __init__(self, text: str, retry_seconds: float | None = None) -> None:
        """Say why."""
        super().__init__(text)
        self.retry_seconds = retry_seconds


class Influx:
    """A bucket."""

    def __init__(self, config: Recorder) -> None:
        """Make the client; nothing is sent before the first write."""
        self._config = config
        timeout_ms = int(TIMEOUT_SECONDS * 1000)
        # Of a thousand readings gzip leaves a twentieth.
        self._client = InfluxDBClient(config.url, config.token, org=config.org, timeout=timeout_ms, enable_gzip=True)
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        """Write points, halving what is refused down to the bad ones, which are returned; raises AwayError.

        What was written before an error may be written again: a point has its place by series and time.
        One bad point of n costs 2 log2(n) more writes. Sorted, the lines of one series are together, and InfluxDB says
        how many it dropped: many bad ones are a few runs, each found at once.
        """
        return self._halve(sorted(points, key=lambda point: point.line)) if points else []

    def close(self) -> None:
        """Hang up."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _halve(self, points: Sequence[Point]) -> list[Rejected]:
        why = self._refusal([point.line for point in points])
        if not why:
            return []
        counted = DROPPED.search(why)
        if len(points) == 1 or (counted and int(counted[1]) == len(points)):
            return [Rejected(entry, why[:MOST_TEXT], line) for line, entry in points]
        middle = len(points) // 2
        return self._halve(points[:middle]) + self._halve(points[middle:])

    def _refusal(self, lines: Sequence[str]) -> str:
        """Write lines; return "" or what is wrong with them. Raises AwayError if nothing is, or it can't be told."""
        try:
            self._writer.write(self._config.bucket, self._config.org, "\n".join(lines))  # times in ns is its default
        except ApiException as error:
            text = self._clean(f"{error.status} {error.message}" if error.status else str(error.reason))
            if error.status == TOO_LARGE and len(lines) > 1:
                return text
            if error.status in BAD_POINTS and is_databases_own(error.headers, error.body):
                return text
            raise AwayError(text[:MOST_TEXT], retry_after_seconds(error.retry_after)) from None
        except (HTTPError, ValueError) as error:
            raise AwayError(self._clean(str(error))[:MOST_TEXT]) from None
        return ""

    def _clean(self, text: str) -> str:
        token = self._config.token
        for secret in (token, repr(token)[1:-1]) if token else ():  # errors quote
            text = text.replace(secret, "***")
        return " ".join(text.split())


def is_databases_own(headers: Mapping[str, str] | None, body: str | None) -> bool:
    """Tell a database's word on a point from the 400 of a proxy or a TLS port, which is no such word.

    InfluxDB answers with a JSON object, VictoriaMetrics with text and a header that says which InfluxDB it stands for.
    """
    if headers and "X-Influxdb-Version" in headers:
        return True
    try:
        answer = json.loads(body or "")
    except ValueError:
        return False
    return isinstance(answer, dict) and ("code" in answer or "error" in answer)
