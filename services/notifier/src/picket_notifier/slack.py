"""Post to a Slack webhook, or to a second one while the first fails; the only module that imports Slack's client."""

import logging
from http.client import HTTPException

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.client import WebhookClient

from picket.backoff import Backoff, retry_after_seconds
from picket.health import HealthBeat
from picket_notifier.answers import AwayError, RefusedError, judge
from picket_notifier.scrub import Scrubber

TIMEOUT_SECONDS = 5  # it runs on the service's loop
MENDABLE = (403, 404, 410)  # revoked, no such hook, the channel is archived: it is the address, and no message
FAULTS = ("slack", "second slack")
BY_THE_SECOND = "\n(by the second webhook: the first one fails)"


class Webhook:
    """One address, and when it is to be tried again."""

    def __init__(self, url: str) -> None:
        """Make the client; nothing is sent yet."""
        # The client's own log would name the address, which is a secret, and its own tries would hold up the loop.
        silent = logging.getLogger("picket_notifier.slack_sdk")
        silent.setLevel(logging.CRITICAL + 1)
        self._client = WebhookClient(url, timeout=TIMEOUT_SECONDS, logger=silent, retry_handlers=[])
        self._backoff = Backoff()
        self.resume_at = 0.0

    def post(self, text: str, now: float) -> None:
        """Post it; raises AwayError, or RefusedError for a text that it will never take."""
        try:
            self._post(text)
        except AwayError as error:
            self.resume_at = now + self._backoff.next_seconds(error.retry_seconds)
            raise
        except RefusedError:
            self._backoff.reset()
            raise
        self._backoff.reset()

    def _post(self, text: str) -> None:
        try:
            reply = self._client.send(text=text)
        except (OSError, HTTPException, ValueError, SlackClientError) as error:
            raise AwayError(f"{type(error).__name__}: {error}") from None
        # An error response's headers are a plain dict: urllib's casing is the server's.
        headers = {name.lower(): value for name, value in reply.headers.items()}
        judge(reply.status_code, reply.body, retry_after_seconds(headers.get("retry-after")), MENDABLE)


class Slack:
    """A channel's webhooks: the first is used whenever it works."""

    def __init__(self, urls: list[str], health: HealthBeat, scrubber: Scrubber) -> None:
        """Know one webhook or two; the fault "slack" stands while the first fails."""
        self._webhooks = [Webhook(url) for url in urls]
        self._health = health
        self._scrubber = scrubber
        self._resume_at = 0.0
        self.refused = 0
        health.figure("slack_refused", lambda: self.refused)

    def ready(self, now: float) -> bool:
        """Tell whether there is a webhook to try."""
        return now >= self._resume_at and any(now >= webhook.resume_at for webhook in self._webhooks)

    def send(self, text: str, now: float) -> bool:
        """Post a text, and tell whether it is dealt with: taken, or refused and left out."""
        for index, webhook in enumerate(self._webhooks):
            if now < webhook.resume_at:
                continue
            try:
                webhook.post(text + (BY_THE_SECOND if index else ""), now)
            except AwayError as error:
                self._fail(index, str(error))
                if error.busy:
                    self._resume_at = webhook.resume_at
                    return False
                continue
            except RefusedError as error:
                self.refused += 1
                self._fail(index, f"refused, and left out: {error}")
            else:
                for subject in FAULTS[index:]:  # the second is not asked while the first works
                    self._health.end(subject)
            return True
        return False

    def _fail(self, index: int, why: str) -> None:
        self._health.begin(FAULTS[index], self._scrubber.text(why))
