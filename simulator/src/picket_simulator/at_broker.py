"""Appliances at the broker, a connection each: what is due is said for all of them by one thread."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, Self

from picket.config.schema import Mqtt
from picket_simulator.mqtt_client import MqttClient, Will

TICK_SECONDS = 0.2


class Said(NamedTuple):
    """One message: the end of its topic, and whether the broker is to keep it."""

    topic: str
    payload: bytes
    retain: bool = False


class Speaker(Protocol):
    """What an appliance says."""

    @property
    def will(self) -> Said:
        """Return what the broker says when it is gone."""
        ...

    def is_away(self, now: float) -> bool:
        """Tell whether it is cut off."""
        ...

    def introduce(self) -> Sequence[Said]:
        """Return what it says at each connection."""
        ...

    def say(self, now: float, wall: float) -> Sequence[Said]:
        """Return what is due."""
        ...


class Connected:
    """One appliance at the broker."""

    def __init__(self, mqtt: Mqtt, client_id: str, base: str, speaker: Speaker) -> None:
        """Dial nobody yet; its topics begin with `base`."""
        self._base = base
        self._speaker = speaker
        self._is_away = False
        will = Will(f"{base}/{speaker.will.topic}", speaker.will.payload)
        self._client = MqttClient(mqtt, client_id, connected=self._introduce, will=will)

    def start(self) -> None:
        """Switch it on."""
        self._client.start()

    def vanish(self) -> None:
        """Take its power away."""
        self._client.vanish()

    def tick(self, now: float, wall: float) -> None:
        """Say what is due, or nothing while it is away."""
        if self._speaker.is_away(now) != self._is_away:
            self._is_away = not self._is_away
            if self._is_away:
                self.vanish()
            else:
                self.start()
        if not self._is_away:
            self._publish(self._speaker.say(now, wall))

    def _introduce(self) -> None:
        self._publish(self._speaker.introduce())

    def _publish(self, said: Sequence[Said]) -> None:
        for one in said:
            self._client.publish(f"{self._base}/{one.topic}", one.payload, retain=one.retain)


class AtBroker:
    """Several of them: a context manager that is there while it is entered."""

    def __init__(self, mqtt: Mqtt, speakers: Mapping[str, tuple[str, Speaker]]) -> None:
        """Dial nobody yet; `speakers` are by their client's id, each with where its topics begin."""
        self._connected = [Connected(mqtt, client_id, *speaker) for client_id, speaker in speakers.items()]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="at-broker", daemon=True)

    def __enter__(self) -> Self:
        """Switch them on."""
        for one in self._connected:
            one.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take their power away."""
        self._stopping.set()
        self._thread.join()
        for one in self._connected:
            one.vanish()

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            now, wall = time.monotonic(), time.time()
            for one in self._connected:
                one.tick(now, wall)
