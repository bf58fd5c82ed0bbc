"""Post events to Sentry, each until Sentry says that it has it; the only module that imports Sentry's SDK.

The SDK is not initialised: its transport drops what it can't send, and says nothing. Its DSN and envelope are used.
"""

import gzip
from collections.abc import Mapping
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.utils import Dsn

from picket.backoff import retry_after_seconds
from picket.messages import Fault
from picket_notifier.answers import AwayError, judge
from picket_notifier.reports import report

TIMEOUT_SECONDS = 5.0  # it runs on the service's loop
CLIENT = "picket-notifier"
MENDABLE = (401, 403, 404)  # the project or its key: it is the address that is wrong, and no event


class Sentry:
    """A project."""

    def __init__(self, dsn: str, release: str, environment: str) -> None:
        """Read the DSN; raises ValueError for one that is none."""
        auth = Dsn(dsn).to_auth(CLIENT)
        self._release = release
        self._environment = environment
        self._url = auth.get_api_url()
        self._headers = {
            "X-Sentry-Auth": auth.to_header(),
            "Content-Type": "application/x-sentry-envelope",
            "Content-Encoding": "gzip",
            "User-Agent": CLIENT,
        }

    def send(self, fault: Fault, left_out: int) -> None:
        """Post a fault as an event; raises AwayError or RefusedError."""
        event = report(fault, self._release, self._environment, left_out)
        envelope = Envelope({"event_id": event["event_id"]}, [Item(PayloadRef(json=event), type="event")])
        request = Request(self._url, gzip.compress(envelope.serialize()), self._headers)
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
                status, headers, text = reply.status, reply.headers, ""
        except HTTPError as error:
            with error:
                status, headers, text = error.code, error.headers, error.read(200).decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise AwayError(f"{type(error).__name__}: {error}") from None
        judge(status, text, retry_seconds(headers), MENDABLE)


def retry_seconds(headers: Mapping[str, str]) -> float | None:
    """Return how long Sentry wants no events: X-Sentry-Rate-Limits ("60:error;transaction:key, 2700::org") goes first.

    A limit without categories is for everything.
    """
    waits = []
    for limit in headers.get("X-Sentry-Rate-Limits", "").split(","):
        number, _, rest = limit.strip().partition(":")
        categories = rest.split(":")[0].split(";")
        wait = retry_after_seconds(number)
        if wait is not None and ("error" in categories or categories == [""]):
            waits.append(wait)
    return max(waits) if waits else retry_after_seconds(headers.get("Retry-After"))
