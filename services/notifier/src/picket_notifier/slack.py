"""Post to a Slack webhook; the only module that imports Slack's client."""

import logging
from http.client import HTTPException

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.client import WebhookClient

from picket.backoff import retry_after_seconds
from picket_notifier import alerts
from picket_notifier.alerts import Alert, Alerts
from picket_notifier.delivery import AwayError, RefusedError, judge

TIMEOUT_SECONDS = 5  # it runs on the service's loop


class Slack:
    """A channel's webhook, and what its people were told."""

    name = "slack"
    topics: tuple[str, ...] = alerts.TOPICS

    def __init__(self, url: str, cooldown_seconds: float) -> None:
        """Make the client; nothing is sent yet."""
        # The client's own log would name the address, which is a secret, and its own tries would hold up the loop.
        silent = logging.getLogger("picket_notifier.slack_sdk")
        silent.setLevel(logging.CRITICAL + 1)
        self._client = WebhookClient(url, timeout=TIMEOUT_SECONDS, logger=silent, retry_handlers=[])
        self._alerts = Alerts(cooldown_seconds)
        self.draft = self._alerts.decide
        self.due = self._alerts.due

    @property
    def held(self) -> int:
        """Count the messages that wait for the end of a cool-down."""
        return self._alerts.held

    def send(self, alert: Alert, now: float) -> None:
        """Post an alert; raises AwayError, or RefusedError, after which it counts as said."""
        try:
            reply = self._client.send(text=alert.text)
        except (OSError, HTTPException, ValueError, SlackClientError) as error:
            raise AwayError(f"{type(error).__name__}: {error}") from None
        # An error response's headers are a plain dict: urllib's casing is the server's.
        headers = {name.lower(): value for name, value in reply.headers.items()}
        retry = retry_after_seconds(headers.get("retry-after"))
        try:
            judge(reply.status_code, reply.body, retry)
        except RefusedError:
            self._alerts.said(alert.subject, now)
            raise
        self._alerts.said(alert.subject, now)
