"""Decide what Sentry is told: every fault that begins, of whichever service, as an event of its own time."""

import hashlib
from typing import Any

from picket.messages import Fault, Message, utc
from picket_notifier.repeats import Key
from picket_notifier.tracebacks import exceptions

TOPICS = ("fault.",)


def for_sentry(message: Message) -> Fault | None:
    """Return the message if it is one for Sentry: a fault that begins, but for Sentry's own."""
    if not isinstance(message, Fault) or message.state != "begin":
        return None
    return None if (message.service, message.subject) == ("notifier", "sentry") else message


def key(fault: Fault) -> Key:
    """Return what makes two faults one and the same issue: service, subject and the exception's type."""
    raised = exceptions(fault.traceback)
    return (fault.service, fault.subject, *(raised[-1]["type"] for _ in raised[-1:]))


def report(fault: Fault, release: str, environment: str, left_out: int = 0) -> dict[str, Any]:
    """Return the Sentry event that a fault is; `left_out` are those like it that were not sent before it.

    The event's id is made of the message, so that one that is sent twice is one to Sentry.
    """
    identity = f"{fault.device} {fault.service} {fault.subject} {fault.time_ns}"
    event: dict[str, Any] = {
        "event_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "timestamp": utc(fault.time_ns).isoformat(),
        "platform": "python",
        "level": "fatal" if fault.subject == "crash" else "error",
        "logger": f"picket.{fault.service}",
        "server_name": fault.device,
        "release": release,  # which Sentry makes a tag of; one of that name among the tags it would take away
        "environment": environment,
        "logentry": {"formatted": f"{fault.subject}: {fault.text}"},
        "tags": {"service": fault.service, "device": fault.device, "subject": fault.subject},
        "fingerprint": list(key(fault)),
    }
    raised = exceptions(fault.traceback)
    if raised:
        raised[-1]["mechanism"] = {"type": "picket", "handled": fault.subject != "crash"}
        event["exception"] = {"values": raised}
    extra = {"traceback": fault.traceback} if fault.traceback and not raised else {}
    return event | {"extra": extra | ({"left out before": left_out} if left_out else {})}
