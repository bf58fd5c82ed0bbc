"""What is to be where of what was published, what is there, and how the two differ.

Of each place there are two views of one shape, lists by topic or kind: `wanted` from messages, `found` from the server.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from picket.messages import Fault, InputEvent, Message, OutputResult, Reading, decode, utc
from tests.servers.influxdb import InfluxDB
from tests.servers.receiver import Receiver
from tests.servers.witness import Witness

Messages = Mapping[str, list[Message]]
Lists = Mapping[str, list[Any]]

MICROSECOND = 1000  # nanoseconds; below that a point's time tells messages of one moment apart


def by_topic(entries: Iterable[tuple[str, bytes]]) -> dict[str, list[Message]]:
    """Return messages as they were published: in their order, without what the producer stamps on them."""
    found: dict[str, list[Message]] = {}
    for topic, body in entries:
        found.setdefault(topic, []).append(replace(decode(topic, body), device="", seq=0))
    return found


def differences(wanted: Lists, found: Lists) -> dict[str, str]:
    """Say for each topic what is lost, too many, or in another order; nothing of one that is as wanted."""
    said = {}
    for topic in sorted(wanted.keys() | found.keys()):
        right, there = wanted.get(topic, []), found.get(topic, [])
        if right != there:
            before, after = Counter(map(repr, right)), Counter(map(repr, there))
            lost, more = before - after, after - before
            said[topic] = f"{lost.total()} lost: {list(lost)[:3]}, {more.total()} too many: {list(more)[:3]}"
            if not lost and not more:
                said[topic] = "in another order"
    return said


def wanted_on_mqtt(published: Messages) -> Lists:
    """Return the events and results, which are the journal's part of MQTT."""
    return {topic: list(messages) for topic, messages in published.items() if topic.startswith(("event.", "output."))}


def found_on_mqtt(witness: Witness) -> Lists:
    """Return the first of each event and result, in order: QoS 1 allows a broker and a sender to repeat."""
    entries: dict[tuple[str, bytes], None] = {}
    for topic, payload, _ in list(witness.heard):
        if topic.endswith("/event"):
            entries[f"event.input.{decode_event(payload).input}", payload] = None
        else:
            entries[f"output.result.{topic.split('/')[-2]}", payload] = None
    return by_topic(entries)


def decode_event(payload: bytes) -> InputEvent:
    """Read an event of MQTT."""
    event = decode("event.input.", payload)
    assert isinstance(event, InputEvent)
    return event


def wanted_in_influxdb(published: Messages) -> Lists:
    """Return time and key of what is to be a point, by measurement."""
    wanted: dict[str, list[Any]] = {"input": [], "command": [], "load": [], "fault": []}
    for message in (message for messages in published.values() for message in messages):
        moment = message.time_ns // MICROSECOND
        match message:
            case InputEvent():
                wanted["input"].append((moment, message.id, message.type))
            case OutputResult():
                wanted["command"].append((moment, message.id))
            case Reading():
                wanted["load"].append((moment, message.source, message.values["n"]))
            case Fault():
                wanted["fault"].append((moment, message.service, message.subject, message.state))
    return {measurement: sorted(points) for measurement, points in wanted.items()}


def found_in_influxdb(database: InfluxDB) -> Lists:
    """Return time and key of every point of the load."""
    statements = {
        "input": 'SELECT "id", "type" FROM "input"',
        "command": 'SELECT "id" FROM "command"',
        "load": 'SELECT "source", "n" FROM "load"',
        "fault": 'SELECT "service", "subject", "state" FROM "fault" WHERE "service" =~ /^load_/',
    }
    return {
        measurement: sorted((row.pop("time") // MICROSECOND, *row.values()) for row in database.query(statement))
        for measurement, statement in statements.items()
    }


def wanted_at_sentry(published: Messages) -> Lists:
    """Return subject and time of every fault that began."""
    wanted: dict[str, list[Any]] = {}
    for message in (message for messages in published.values() for message in messages):
        if isinstance(message, Fault) and message.state == "begin":
            wanted.setdefault(message.service, []).append((message.subject, utc(message.time_ns).isoformat()))
    return wanted


def found_at_sentry(receiver: Receiver) -> Lists:
    """Return subject and time of the load's faults, in order; what was sent twice has one id, and is one to Sentry."""
    found: dict[str, list[Any]] = {}
    for event in {event["event_id"]: event for event in list(receiver.events)}.values():
        tags = event["tags"]
        if tags["service"].startswith("load_"):
            found.setdefault(tags["service"], []).append((tags["subject"], event["timestamp"]))
    return found
