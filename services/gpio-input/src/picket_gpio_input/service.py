"""The service: a sampler's thread for each bus, a detector for each input, events and states onto the bus."""

import math
import threading
import time
from collections import defaultdict
from typing import Any

from picket.config import Config
from picket.config.schema import AdcBoard, Input, Supply
from picket.i2c import BUS_APPEARS_SECONDS, Bus, open_bus
from picket.messages import InputEvent, InputState
from picket.own_events import OwnEvents
from picket.service import Runtime
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.filter.episodes import Episodes
from picket_gpio_input.filter.orphans import Orphans
from picket_gpio_input.sampling.adcpi import AdcPi, Channel, SequentialScan
from picket_gpio_input.sampling.mcp3424 import Mcp3424
from picket_gpio_input.sampling.pace import Pace
from picket_gpio_input.sampling.rates import Round, least_per_second
from picket_gpio_input.sampling.sampler import Due, Found, Lost, Sample, Sampler, Scan
from picket_gpio_input.sampling.supply import Scale, SupplyPoint
from picket_gpio_input.sampling.watch import Watch
from picket_gpio_input.traces import TraceRecorder

REOPEN_SECONDS = 1.0
LOOK_SECONDS = 5.0


class Point:
    """One input: its detector, its episodes, and what was last said of it."""

    def __init__(
        self, runtime: Runtime, name: str, traces: TraceRecorder, orphans: Orphans, scale: Scale | None
    ) -> None:
        """Begin with nothing said; `scale` is that of the input's supply."""
        self._orphans = orphans
        self._scale = scale
        self._traces = traces
        self._producer = runtime.producer
        self._name = name
        self._detector = Detector(runtime.config.inputs[name])
        self._episodes = Episodes(name, monotonic_to_utc_ns)
        self._said: tuple[str, str] | None = None
        self.samples = 0

    def take(self, sample: Sample) -> None:
        """Take in a sample and tell the bus what follows from it."""
        self.samples += 1
        volts = sample.volts * self._scale.factor if self._scale else sample.volts
        self._traces.sample(self._name, volts, sample.now)
        findings = self._detector.update(volts, sample.now)
        if findings or self._said != (self._detector.motion, self._detector.zone):
            self._tell(findings, sample.now)

    def lose(self, why: str, now: float) -> None:
        """Take in that no samples come any more."""
        self._tell(self._detector.lose(why, now), now)

    def close(self) -> None:
        """End all that goes on, because the service stops."""
        now = time.monotonic()
        self._tell(self._detector.close("the service stopped", now), now)

    def figures(self) -> dict[str, Any]:
        """Return what the health beat says of the input."""
        volts = self._detector.volts
        return {
            "samples": self.samples,
            "volts": round(volts, 3) if math.isfinite(volts) else None,
            "suppressed": self._detector.suppressed,
        }

    def _tell(self, findings: list[Any], now: float) -> None:
        for finding in findings:
            event = self._episodes.event(finding)
            self._traces.judge(self._name, finding, event.id if event else None)
            if event:
                self._orphans.begun(event)
                self._producer.publish(f"event.input.{self._name}", event)
        said = (self._detector.motion, self._detector.zone)
        if said != self._said:
            self._said = said
            volts = self._detector.volts
            state = InputState(
                time_ns=monotonic_to_utc_ns(now),
                input=self._name,
                motion=self._detector.motion,
                zone=self._detector.zone,
                volts=round(volts, 3) if math.isfinite(volts) else None,
            )
            self._producer.publish(f"input.state.{self._name}", state)


class GpioInput:
    """Samples the inputs of the configuration."""

    def __init__(self, runtime: Runtime) -> None:
        """Start a thread for each bus that has inputs."""
        self._runtime = runtime
        self._orphans = Orphans()
        orphans = self._orphans
        OwnEvents(runtime, "event.input.", InputEvent, orphans.read, orphans.settled, self._end_orphans)
        traces = TraceRecorder(runtime.config, runtime.health, monotonic_to_utc_ns)
        runtime.closing.callback(traces.close)
        self._supplies = {
            name: SupplyPoint(name, supply, runtime.health) for name, supply in runtime.config.supplies.items()
        }
        scales = {name: supply.scale for name, supply in self._supplies.items()}
        self._points = {
            name: Point(runtime, name, traces, self._orphans, scales[source.supply] if source.supply else None)
            for name, source in runtime.config.inputs.items()
        }
        self._sampled: dict[str, Point | SupplyPoint] = {
            **self._points,
            **{f"supply {name}": supply for name, supply in self._supplies.items()},
        }
        self._paces = {name: Pace() for name in self._sampled}
        self._stopping = threading.Event()
        runtime.closing.callback(self._close_points)
        runtime.health.figure(
            "inputs",
            lambda: {name: point.figures() | self._paces[name].figures() for name, point in self._points.items()},
        )
        runtime.health.figure("supplies", lambda: {name: supply.figures() for name, supply in self._supplies.items()})
        boards = runtime.config.adc_boards.values()
        buses = {board.bus for board in boards if sources(runtime.config, board.bus)}
        least = {name: rate for bus in buses for name, rate in expected(runtime.config, bus).items()}
        self._watches = {name: Watch(least[name]) for name in self._points}
        runtime.loop.every(LOOK_SECONDS, self._look)
        for bus_address in buses:
            thread = threading.Thread(target=self._sample, args=(bus_address,), name=bus_address, daemon=True)
            thread.start()
            runtime.closing.callback(thread.join, 2.0)
        runtime.closing.callback(self._stopping.set)

    def _end_orphans(self) -> None:
        """End what a killed process left open."""
        for event in self._orphans.ends(time.time_ns()):
            self._runtime.producer.publish(f"event.input.{event.input}", event)

    def _close_points(self) -> None:
        for point in self._points.values():
            point.close()

    def _look(self) -> None:
        """Say of each input whether it is sampled; one whose chip is lost is that chip's fault, and no other."""
        now = time.monotonic()
        for name, watch in self._watches.items():
            pace = self._paces[name]
            if trouble := watch.look(now, self._points[name].samples, pace.waiting_since, pace.usual_seconds):
                self._runtime.health.begin(f"input {name}", trouble)
            else:
                lost = pace.waiting_since is None
                self._runtime.health.end(f"input {name}", "its chip is lost" if lost else "is sampled again")

    def _sample(self, bus_address: str) -> None:
        """Sample one bus until the service stops; a thread that fails ends the process."""
        try:
            self._sample_bus(bus_address)
        except BaseException as error:
            self._runtime.loop.fail(error)

    def _sample_bus(self, bus_address: str) -> None:
        health = self._runtime.health
        patience_seconds = BUS_APPEARS_SECONDS
        while not self._stopping.is_set():
            try:
                bus = open_bus(bus_address, patience_seconds)
            except OSError as error:
                health.begin(f"bus {bus_address}", f"can't be opened: {error.strerror or error}")
                for name in sources(self._runtime.config, bus_address):
                    self._sampled[name].lose("no I2C bus", time.monotonic())
                patience_seconds = 0.0
                self._stopping.wait(REOPEN_SECONDS)
                continue
            health.end(f"bus {bus_address}")
            for name in sources(self._runtime.config, bus_address):
                self._paces[name].begin(time.monotonic())
            sampler = Sampler(scans(self._runtime.config, bus_address, bus), self._deliver)
            while not self._stopping.is_set():
                sampler.step()
            bus.close()

    def _deliver(self, found: Sample | Lost | Found) -> None:
        match found:
            case Sample(name):
                self._paces[name].add(found.now)
                self._sampled[name].take(found)
            case Lost(address, names, text):
                self._runtime.health.begin(f"adc 0x{address:02x}", f"{text} (inputs {', '.join(names)})")
                for name in names:
                    self._paces[name].pause()
                    self._sampled[name].lose(f"ADC 0x{address:02x} {text}", time.monotonic())
            case Found(address):
                self._runtime.health.end(f"adc 0x{address:02x}")


def sources(config: Config, bus_address: str) -> dict[str, Input | Supply]:
    """Return what is sampled on a bus: inputs by their names, and supplies as "supply main"."""
    everything = {**config.inputs, **{f"supply {name}": supply for name, supply in config.supplies.items()}}
    return {name: source for name, source in everything.items() if config.adc_boards[source.board].bus == bus_address}


def chips(config: Config, bus_address: str) -> list[tuple[AdcBoard, int, list[Channel]]]:
    """Return each chip on a bus that has inputs: board, index (channels 5 to 8 are its second chip), channels."""
    channels: dict[tuple[str, int], list[Channel]] = defaultdict(list)
    for name, source in sources(config, bus_address).items():
        bits, gain = (source.bits, source.gain) if isinstance(source, Input) else (None, 1)
        index, channel = divmod(source.channel - 1, 4)
        board = config.adc_boards[source.board]
        channels[source.board, index].append(Channel(name, channel + 1, bits or board.bits, gain))
    return [
        (config.adc_boards[board], index, sorted(found, key=lambda channel: channel.number))
        for (board, index), found in sorted(channels.items())
    ]


def scans(config: Config, bus_address: str, bus: Bus) -> list[Due]:
    """Return a scan for each chip on a bus that has inputs."""
    return [scan_of(board, index, bus, channels) for board, index, channels in chips(config, bus_address)]


def expected(config: Config, bus_address: str) -> dict[str, float]:
    """Return how often each input on a bus is sampled at the least, per second."""
    found = chips(config, bus_address)
    return least_per_second(Round(channels, board.driver == "abelectronics") for board, _, channels in found)


def scan_of(board: AdcBoard, index: int, bus: Bus, channels: list[Channel]) -> Due:
    """Return a scan of a board's first or second chip, with the board's driver."""
    address = board.addresses[index]
    if board.driver == "abelectronics":
        return SequentialScan(AdcPi(bus, address), channels)
    chip = Mcp3424(bus, address)
    return Scan(chip, [(c.name, chip.conversion(c.number, c.bits, c.gain)) for c in channels])


def monotonic_to_utc_ns(then: float) -> int:
    """Return the UTC of a moment of the monotonic clock, by what both clocks show now."""
    return time.time_ns() - int((time.monotonic() - then) * 1e9)
