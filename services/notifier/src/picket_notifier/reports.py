"""Decide what Sentry is told: every fault that begins, of whichever service, as an event of its own time."""

import hashlib
from typing import Any

from picket.messages import Fault, Message, utc

TOPICS = ("fault.",)


def report(message: Message, release: str) -> dict[str, Any] | None:
    """Return the Sentry event that a message is; None for a fault's end, and for Sentry's own failing.

    The event's id is made of the message, so that one that is sent twice is one to Sentry.
    """
    if not isinstance(message, Fault) or message.state != "begin":
        return None
    if (message.service, message.subject) == ("notifier", "sentry"):
        return None
    identity = f"{message.device} {message.service} {message.subject} {message.time_ns}"
    return {
        "event_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "timestamp": utc(message.time_ns).isoformat(),
        "platform": "python",
        "level": "error",
        "logger": f"picket.{message.service}",
        "server_name": message.device,
        "release": release,  # which Sentry makes a tag of; one of that name among the tags it would take away
        "logentry": {"formatted": f"{message.subject}: {message.text}"},
        "tags": {"service": message.service, "device": message.device, "subject": message.subject},
        "fingerprint": [message.service, message.subject],
        "extra": {"traceback": message.traceback} if message.traceback else {},
    }
