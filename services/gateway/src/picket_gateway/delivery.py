"""Pass the journal on to MQTT, byte for byte: the cursor follows what the broker has acknowledged.

A first start reads from the beginning: the journal and the cursors live in one file, so what stands there without
a cursor of ours was never delivered, and an alarm from before the first connection is not to be lost.
"""

import math
import time
from collections.abc import Callable

from picket.bus.journal import Batch, Entry, Query
from picket.errors import WireError
from picket.messages import InputEvent, decode
from picket.service import Runtime
from picket_gateway.progress import Progress
from picket_gateway.states import level
from picket_gateway.vitals import Vitals

EVENTS = ("event.input.", "event.threshold.")
# A question that was with a hub as it died is asked again only when its time is up: an event waits as long.
QUERY = Query(topics=(*EVENTS, "output.result."), consumer="gateway", start="earliest", wait_seconds=2.0)
REFUSED_AGAIN_SECONDS = 5.0
# Events are not retained: after an outage of the broker its other clients get this long to come back and subscribe.
SUBSCRIBERS_RETURN_SECONDS = 2.0
FAULT = "delivery"


class Delivery:
    """Reads while the broker is there; what is not acknowledged at its loss is read again."""

    def __init__(self, runtime: Runtime, publish: Callable[[str, bytes], int], vitals: Vitals) -> None:
        """Be ready, and wait for `resume`; `publish(topic, body)` returns the number `acknowledged` will say, or 0."""
        self._runtime = runtime
        self._publish = publish
        self._vitals = vitals
        self._batch: Batch | None = None
        self._progress = Progress()
        self._sent: dict[int, Entry] = {}
        self._since_ns = 0
        self._patience_seconds = 0.0
        self._reader = runtime.read_journal(QUERY, self._deliver)
        self.pause()

    def resume(self) -> None:
        """Read on from the stored cursor; after an outage not before the broker's other clients are back."""
        self._since_ns = time.time_ns() + int(self._patience_seconds * 1e9)
        self._reader.pause(self._patience_seconds)
        self._patience_seconds = SUBSCRIBERS_RETURN_SECONDS

    def pause(self) -> None:
        """Forget the batch at hand, and do not read."""
        self._batch = None
        self._progress.abandon()
        self._sent.clear()
        self._reader.pause(math.inf)

    def acknowledged(self, mid: int, refusal: str) -> bool:
        """Take in the broker's answer to a publication; False if it is none of the journal's."""
        entry = self._sent.pop(mid, None)
        if entry is None or self._batch is None:
            return False
        if refusal:
            self._send_again(self._batch, entry, refusal)
        else:
            self._note_latency(entry)
            self._pass(entry)
        return True

    def _deliver(self, batch: Batch) -> None:
        self._batch = batch
        for entry in self._progress.begin(entry for entry in batch.entries if destination(entry.topic)):
            self._send(entry)
        self._commit_when_done()

    def _send(self, entry: Entry) -> None:
        # A connection that breaks right now gives no number: the entry stays unacknowledged until `pause`.
        self._sent[self._publish(destination(entry.topic) or "", entry.body)] = entry

    def _pass(self, entry: Entry) -> None:
        cursor = self._progress.acknowledge(entry)
        if self._progress.done:
            self._commit_when_done()
        elif cursor:
            self._reader.progress(cursor)

    def _commit_when_done(self) -> None:
        if self._batch and self._progress.done:
            batch, self._batch = self._batch, None
            self._runtime.health.end(FAULT)
            self._reader.commit(batch.cursor)

    def _send_again(self, batch: Batch, entry: Entry, refusal: str) -> None:
        if FAULT not in self._runtime.health.faults:  # the batch's others are refused in turn, again and again
            self._runtime.health.begin(FAULT, f"the broker refuses {destination(entry.topic)}: {refusal}")

        def again() -> None:
            if batch is self._batch:
                self._send(entry)

        self._runtime.loop.at(self._runtime.loop.now() + REFUSED_AGAIN_SECONDS, again)

    def _note_latency(self, entry: Entry) -> None:
        try:
            message = decode(entry.topic, entry.body)
        except WireError:
            return  # passed on all the same: its readers may know more than we do
        # What waited in the journal for a broker measures the outage and not the way.
        if isinstance(message, InputEvent) and message.type == "new" and message.time_ns >= self._since_ns:
            self._vitals.edge_to_mqtt_ms.add((time.time_ns() - message.time_ns) / 1e6)


def destination(topic: str) -> str | None:
    """Return the MQTT topic below the device for a journalled message; None for one that has none."""
    if any(level(topic, prefix) for prefix in EVENTS):
        return "event"
    name = level(topic, "output.result.")
    return f"output/{name}/result" if name else None
