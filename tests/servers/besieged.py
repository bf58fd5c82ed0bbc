"""The services that must lose nothing, among real servers, each of which can be killed at its work."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.servers import arrivals
from tests.servers.influxdb import InfluxDB
from tests.servers.load import Load
from tests.servers.mosquitto import ON_DISK, Mosquitto
from tests.servers.receiver import Receiver
from tests.servers.release import Release
from tests.servers.waiting import wait_for
from tests.servers.witness import Witness

CONSUMERS = {"gateway", "recorder", "notifier-alarms", "notifier-notices", "notifier-sentry"}
JOURNALLED = ("picket/test/event", "picket/test/output/+/result")
MOST_MESSAGES_BETWEEN = 200

log = logging.getLogger("besieged")


class Victim(NamedTuple):
    """A process or server: how it is killed and started again, and a number that grows while it works."""

    kill: Callable[[], object]
    start: Callable[[], object]
    work: Callable[[], int]


class Besieged:
    """Hub, gateway, recorder and notifier with their broker, database and receiver, under load."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Write the configuration; nothing runs yet."""
        self.influxdb = InfluxDB(folder / "influxdb")
        self.receiver = Receiver()
        self.release = Release(folder, recorder={"url": self.influxdb.url}, notifier={"cooldown_seconds": 5})
        self.release.environment |= {
            "INFLUX_TOKEN": self.influxdb.token,
            "SLACK_WEBHOOK_URL": self.receiver.slack_url,
            "SENTRY_DSN": self.receiver.sentry_dsn,
        }
        self.broker = Mosquitto(folder, self.release.mqtt_port, *ON_DISK)
        self.witness = Witness(self.broker.port, *JOURNALLED)
        self.load = Load(self.release, seed)
        self.victims = {
            "hub": self._service("hub", lambda: self.load.accepted),
            "gateway": self._service("gateway", lambda: len(self.witness.heard)),
            "recorder": self._service("recorder", lambda: self.influxdb.taken),
            "notifier": self._service("notifier", lambda: len(self.receiver.events)),
            "mosquitto": Victim(self._kill_broker, self.broker.start, lambda: self.witness.fresh),
            "influxd": Victim(self.influxdb.kill_store, self.influxdb.start_store, lambda: self.influxdb.taken),
            "database's front": Victim(
                self.influxdb.stop_front, self.influxdb.start_front, lambda: self.influxdb.taken
            ),
            "receiver": Victim(self.receiver.stop, self.receiver.start, lambda: len(self.receiver.events)),
        }
        self._before = dict.fromkeys(self.victims, 0)
        self._kills: Counter[str] = Counter()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        """Start all, and the load when every consumer has its cursor."""
        with ExitStack() as closing:
            closing.enter_context(self.influxdb)
            closing.enter_context(self.receiver)
            closing.callback(self.broker.stop)
            closing.callback(self.release.close)
            closing.callback(self.witness.close)
            self.broker.start()
            self.witness.start()
            wait_for("the witness's session on disk", lambda: self.witness.subscribed and self.broker.database.exists())
            self.release.start_hub()
            for service in ("gateway", "recorder", "notifier"):
                self.release.start(f"picket_{service}")
            wait_for("every consumer's cursor", lambda: self.release.consumers() >= CONSUMERS)
            closing.callback(self.load.stop)
            self.load.start()
            self._closing = closing.pop_all()
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def plan(self, kills: int, seed: int) -> Iterator[tuple[str, int]]:
        """Yield so many victims, and how many messages are to come before each is killed.

        Each has its share, and the hub three: the moment between its commit and its acknowledgement is short.
        """
        chance = random.Random(seed)
        shares = ["hub", "hub", *self.victims]
        names = [shares[number % len(shares)] for number in range(kills)]
        chance.shuffle(names)
        for name in names:
            yield name, chance.randrange(MOST_MESSAGES_BETWEEN)

    def kill(self, name: str, messages: int) -> None:
        """Kill a victim when it works (again) and so many more messages have come, and start it at once."""
        victim = self.victims[name]
        wait_for(f"{name} to work", lambda: victim.work() > self._before[name], 180)
        after = self.load.accepted + messages
        wait_for(f"{messages} messages before {name} is killed", lambda: self.load.accepted >= after, 180)
        victim.kill()
        victim.start()
        self._before[name] = victim.work()
        self._kills[name] += 1
        log.info("%d: %s killed, %d messages accepted", self._kills.total(), name, self.load.accepted)

    def amiss(self) -> dict[str, str]:
        """Say what is not where it should be, once and in order, of all that was published."""
        published = self.load.published
        journal = arrivals.by_topic((entry.topic, entry.body) for entry in self.release.journal())
        places: dict[str, tuple[arrivals.Lists, arrivals.Lists]] = {
            "journal": (published, {topic: journal.get(topic, []) for topic in published}),
            "MQTT": (arrivals.wanted_on_mqtt(published), arrivals.found_on_mqtt(self.witness)),
            "InfluxDB": (arrivals.wanted_in_influxdb(published), arrivals.found_in_influxdb(self.influxdb)),
            "Sentry": (arrivals.wanted_at_sentry(published), arrivals.found_at_sentry(self.receiver)),
        }
        return {
            f"{place}, {topic}": text
            for place, (wanted, found) in places.items()
            for topic, text in arrivals.differences(wanted, found).items()
        }

    def arrived(self) -> bool:
        """Tell whether all is where it should be; while MQTT lacks some, the hub is not asked for its whole journal."""
        wanted = sum(map(len, arrivals.wanted_on_mqtt(self.load.published).values()))
        return len(self.witness.heard) >= wanted and not self.amiss()

    @property
    def most_slack_messages(self) -> int:
        """Say how many are within bounds in an hour; one whose sender or receiver is killed may be sent again."""
        allowed = self.release.config.notifier
        return allowed.alarms_per_hour + allowed.notices_per_hour + self._kills["notifier"] + self._kills["receiver"]

    def figures(self) -> dict[str, Any]:
        """Return what it took: repeats are what QoS 1 and a delivery that is tried again may cost."""
        heard = self.witness.heard
        events = {event["event_id"] for event in self.receiver.events}
        return {
            "seconds": round(time.monotonic() - self._began),
            "messages": self.load.accepted,
            "kills": dict(self._kills),
            "on MQTT": len(heard),
            "repeated on MQTT": len(heard) - len({(topic, payload) for topic, payload, _ in heard}),
            "called repeated by the broker": sum(one.again for one in heard),
            "writes to InfluxDB": self.influxdb.taken,
            "at Sentry": len(self.receiver.events),
            "repeated at Sentry": len(self.receiver.events) - len(events),
            "at Slack": len(self.receiver.texts),
        }

    def _service(self, name: str, work: Callable[[], int]) -> Victim:
        module = f"picket_{name}"

        def kill() -> None:
            assert self.release.processes[module].poll() is None, f"{name} crashed: {self.release.log(module)[-2000:]}"
            self.release.kill(module)

        return Victim(kill, lambda: self.release.start(module), work)

    def _kill_broker(self) -> None:
        """Kill mosquitto while the witness is there.

        What waits for one who is away is acknowledged before it is saved, and dies with the broker: that is its own
        affair. To one who is there it has been sent before it is acknowledged.
        """
        self.broker.kill()
        wait_for("the witness to notice", lambda: not self.witness.subscribed)
