"""The service: commands in, pins driven, one result each; deadlines on the loop; failsafe at the end."""

import time

from msgspec import structs

from picket.errors import WireError
from picket.latency import Percentiles
from picket.loop import Timer
from picket.messages import OutputCommand, OutputResult, OutputState, decode, encode, utc
from picket.service import Runtime
from picket_relay.expanders import expanders
from picket_relay.guard import age_seconds
from picket_relay.ledger import Ledger, boot_id
from picket_relay.ownership import ChipLock
from picket_relay.switchgear import Shown, Switchgear
from picket_relay.updates_lock import UpdatesLock
from picket_relay.watched import Watched, failsafe_chips

TEND_SECONDS = 1.0


class Relay:
    """Serves `output.command.`, and is the only one that writes the expanders."""

    def __init__(self, runtime: Runtime) -> None:
        """Bring every output to its default state, then serve."""
        config = runtime.config
        self._loop = runtime.loop
        self._health = runtime.health
        self._producer = runtime.producer
        self._hub_lost_seconds = config.relay.hub_lost_seconds
        self._hub_heard = self._loop.now()
        self._hub_lost = False
        self._timer: Timer | None = None
        self._told: dict[str, Shown] = {}
        self._latencies_ms = Percentiles()
        runtime.health.figure("command_to_pin_ms", self._latencies_ms.summary)
        lock = ChipLock(config.data_dir)
        while not lock.acquire(2.0):
            runtime.health.begin("expanders", f"owned by {lock.holder()}")
        runtime.health.end("expanders")
        runtime.closing.callback(lock.release)
        self._watched = Watched(runtime, failsafe_chips(config))
        self._updates_lock = UpdatesLock(config.relay.updates_lock_file)
        runtime.closing.callback(self._updates_lock.release)
        runtime.health.figure("updates_lock", self._updates_lock.state)
        expander_of = expanders(config, runtime.health)
        for expander in dict.fromkeys(expander_of.values()):
            runtime.closing.callback(expander.close)
        ledger = Ledger(config.data_dir, boot_id())
        self._switchgear = Switchgear(config, expander_of, ledger, runtime.health, self._loop.now)
        runtime.health.figure("outputs", self._tallies)
        runtime.closing.callback(self._stop)
        self._switchgear.start()
        self._after()
        responder = runtime.serve("output.command.", self._serve)
        runtime.health.figure("commands_expired", lambda: responder.expired)
        runtime.subscribe([f"health.{runtime.name}"], self._hear)
        self._loop.every(TEND_SECONDS, self._tend)

    def _serve(self, topic: str, body: bytes, _received: float) -> bytes | None:
        try:
            command = decode(topic, body)
        except WireError:
            return None  # the asker is at fault, and is told by its own clock
        if not isinstance(command, OutputCommand):
            return None
        self._hub_answers()
        answer = self._switchgear.command(command, age_seconds(command))
        latency_ms = None if answer.repeated else round((time.time_ns() - command.time_ns) / 1e6, 3)
        if answer.accepted and latency_ms is not None:
            self._latencies_ms.add(latency_ms)
        result = OutputResult(
            time_ns=time.time_ns(),
            id=command.id,
            output=command.output,
            accepted=answer.accepted,
            reason=answer.reason,
            state=answer.state,
            latency_ms=latency_ms,
            origin=command.origin,
        )
        self._after()
        self._producer.publish(f"output.result.{command.output}", result)
        return encode(result)

    def _end_due(self) -> None:
        self._switchgear.end_due()
        self._switchgear.retry()
        self._after()

    def _tend(self) -> None:
        self._switchgear.tend()
        silent_seconds = self._loop.now() - self._hub_heard
        if silent_seconds > self._hub_lost_seconds and not self._hub_lost:
            self._hub_lost = True
            self._health.begin("hub", f"not heard for {silent_seconds:.0f} s: all outputs go to their failsafe state")
            self._switchgear.fail_safe("the hub is lost")
        self._after()

    def _hear(self, _topic: str, _body: bytes) -> None:
        """Hear our own beat: it went to the hub and came back."""
        self._hub_answers()
        self._after()

    def _hub_answers(self) -> None:
        self._hub_heard = self._loop.now()
        if self._hub_lost:
            self._hub_lost = False
            self._health.end("hub", "is heard again")
            self._switchgear.rest("the hub is back")

    def _stop(self) -> None:
        if self._switchgear.stop():
            self._watched.close()  # else the watcher goes on trying
        self._tell_news()

    def _after(self) -> None:
        """Say what has changed, and see to it that the next deadline is kept."""
        self._tell_news()
        if self._timer:
            self._timer.cancel()
        due = self._switchgear.due()
        self._timer = None if due is None else self._loop.at(due, self._end_due)
        now, switches = self._loop.now(), self._switchgear.guard.switches.items()
        pulses = ((name, s.position.deadline - now) for name, s in switches if s.position.deadline is not None)
        self._updates_lock.keep(pulses)

    def _tell_news(self) -> None:
        now, now_ns = self._loop.now(), time.time_ns()
        tallies = self._switchgear.tallies()
        for name, shown in self._switchgear.shown().items():
            if self._told.get(name) == shown:
                continue
            self._told[name] = shown
            state = OutputState(
                time_ns=now_ns,
                output=name,
                state=shown.state,
                until=None if shown.deadline is None else utc(now_ns + int((shown.deadline - now) * 1e9)),
                why=shown.why,
                switches=tallies[name].switches,
                on_seconds=tallies[name].on_seconds,
            )
            self._producer.publish(f"output.state.{name}", state)

    def _tallies(self) -> dict[str, dict[str, float]]:
        return {name: structs.asdict(tally) for name, tally in self._switchgear.tallies().items()}
