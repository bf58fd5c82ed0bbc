"""Run a service: configuration, bus, health and loop are set up, the service adds its own, and all of it is closed."""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import zmq

from picket import log as logging_setup
from picket.bus import Endpoints
from picket.bus.journal import Batch, JournalReader, Query
from picket.bus.producer import Producer
from picket.bus.redial import redial
from picket.bus.requests import Requester, Responder
from picket.bus.subscriber import Subscriber
from picket.config import Config, Loaded, load_with_origins
from picket.errors import ConfigError, WireError
from picket.health import BEAT_SECONDS, HealthBeat
from picket.last_words import LastWords
from picket.loop import Loop
from picket.messages import Message, decode

Client = TypeVar("Client", Producer, JournalReader, Requester, Responder)

TICK_SECONDS = 0.2
FIRST_BEAT_SECONDS = 0.5  # a beat is live only: the way to the hub must stand
FLUSH_SECONDS = 1.0


class Runtime:
    """What a service is handed: its configuration, its loop, and its ways onto the bus."""

    def __init__(self, name: str, loaded: Loaded) -> None:
        """Open the service's way onto the bus; `closing` holds what is to be undone at the end, last in first out."""
        self.name = name
        self.loaded = loaded
        self.config: Config = loaded.config
        self.closing = ExitStack()
        self.loop = Loop()
        self.context: zmq.Context[Any] = zmq.Context()
        self.closing.callback(self.context.term)
        self.endpoints = Endpoints.of(self.config)
        self.producer = Producer(self.context, self.endpoints, name, self.config.device, wake=self.loop.wake)
        self._attach(self.producer)
        self.loop.on_wake(self.producer.tick)
        self.closing.callback(self.producer.flush, FLUSH_SECONDS)
        self.health = HealthBeat(name, self.producer)
        self.loop.at(self.loop.now() + FIRST_BEAT_SECONDS, self.health.beat)
        self.loop.every(BEAT_SECONDS, self.health.beat)

    def subscribe(self, prefixes: Iterable[str], deliver: Callable[[str, bytes], None]) -> None:
        """Have `deliver(topic, body)` called for live messages."""
        self._listen(Subscriber(self.context, self.endpoints, prefixes, deliver))

    def hear(self, prefixes: Iterable[str], deliver: Callable[[str, Message], None]) -> None:
        """Have `deliver(topic, message)` called for live messages; what can't be read is said once, and counted."""
        unreadable = 0

        def read(topic: str, body: bytes) -> None:
            nonlocal unreadable
            try:
                message = decode(topic, body)
            except WireError as error:
                unreadable += 1
                if unreadable == 1:
                    logging.getLogger(self.name).warning("unreadable, the next ones are only counted: %s", error)
            else:
                deliver(topic, message)

        self.health.figure("unreadable", lambda: unreadable)
        self.subscribe(prefixes, read)

    def read_journal(self, query: Query, deliver: Callable[[Batch], None]) -> JournalReader:
        """Have `deliver(batch)` called for journalled messages; it commits each batch when it is dealt with."""
        return self._attach(JournalReader(self.context, self.endpoints, query, deliver))

    def requester(self) -> Requester:
        """Return a way to ask other services."""
        return self._attach(Requester(self.context, self.endpoints))

    def serve(self, prefix: str, serve: Callable[[str, bytes, float], bytes | None]) -> Responder:
        """Answer requests for the topics that begin with `prefix`."""
        return self._attach(Responder(self.context, self.endpoints, prefix, serve))

    def _attach(self, client: Client) -> Client:
        self._listen(client)
        self.loop.at(0, client.tick)
        self.loop.every(TICK_SECONDS, client.tick)
        return client

    def _listen(self, client: Client | Subscriber) -> None:
        self.loop.on_readable(client.socket, client.receive)
        self.closing.callback(client.close)
        redial(self.loop, client.socket)


def run(name: str, build: Callable[[Runtime], object], *, collectors: bool | str = False) -> None:
    """Run the service that `build` makes of a Runtime until SIGTERM; a crash is told on the bus and exits 1."""
    loaded = load_or_exit(name, collectors=collectors)
    logging_setup.set_up(name, loaded.config)
    log = logging.getLogger(name)
    log.info("starts with configuration %s", loaded.digest())
    runtime = Runtime(name, loaded)
    runtime.loop.stop_on_signals()
    threading.excepthook = lambda death: _end(runtime.loop, death)
    with runtime.closing:
        last_words = _last_words(runtime)
        try:
            build(runtime)
            runtime.loop.run()
            log.info("stops")
        except Exception as error:
            log.exception("crashed")
            last_words.say(name, "crash", f"{type(error).__name__}: {error}", traceback.format_exc())
            sys.exit(1)


def _last_words(runtime: Runtime) -> LastWords:
    words = LastWords(runtime.producer, Path(runtime.config.data_dir) / "last-words" / f"{runtime.name}.json")
    words.repeat(runtime.loop)
    runtime.closing.callback(words.keep)  # after what the service itself undoes, which must not wait for it
    return words


def load_or_exit(name: str, *, collectors: bool | str = False) -> Loaded:
    """Return the configuration, or say on stderr what is wrong with it and exit 2."""
    try:
        return load_with_origins(collectors=collectors)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        if collectors:
            _tell_of_configuration(name, str(error))
        sys.exit(2)


def _tell_of_configuration(name: str, text: str) -> None:
    """Tell the bus what is wrong with the collectors' part: the other services run without it."""
    with suppress(ConfigError):
        runtime = Runtime(name, load_with_origins())
        with runtime.closing:
            _last_words(runtime).say(name, "configuration", text, "")


def _end(loop: Loop, death: threading.ExceptHookArgs) -> None:
    """End the service with the thread that died: half a service is none, and a crash is told."""
    if death.exc_value is not None and death.exc_type is not SystemExit:
        loop.fail(death.exc_value)
