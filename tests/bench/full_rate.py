"""What gpio-input costs at its full size: four boards, 32 inputs, every chip at its full rate.

The process talks to the simulator through a socket, whose system calls are most of what it does; a real bus waits in
the kernel instead. So the same work without a bus is measured beside it.
"""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from picket.config.schema import AnalogPir
from picket.messages import Health
from picket_gpio_input.filter.detector import Detector
from tests.bench.figures import Figure, progress
from tests.bench.sampling import seconds_without_a_bus
from tests.servers.release import Release
from tests.servers.waiting import wait_for

BOARDS, INPUTS = 4, 32
FULL_RATE = 57.9
SETTLE_SECONDS, SECONDS = 4.0, 10.0
CASE = f"{INPUTS} inputs on {BOARDS} boards"

CONFIG = "adc_boards:\n" + "".join(
    f"  b{board}: {{bus: BUS, addresses: [{0x68 + 2 * board}, {0x69 + 2 * board}]}}\n" for board in range(BOARDS)
)
CONFIG += "inputs:\n" + "".join(
    f"  i{n}: {{kind: analog_pir, board: b{n // 8}, channel: {n % 8 + 1}}}\n" for n in range(INPUTS)
)


def run() -> Iterator[Figure]:
    """Measure the process, and the work without a bus."""
    progress("  full rate")
    yield from of_the_process()
    yield without_a_bus()


def of_the_process() -> Iterator[Figure]:
    """Measure the running service on the simulator's bus."""
    with tempfile.TemporaryDirectory() as folder, Release(Path(folder), CONFIG) as release:
        release.start_hub()
        release.start("picket_simulator")
        process = release.start("picket_gpio_input")
        time.sleep(SETTLE_SECONDS)
        before, began = cpu_seconds(process.pid), time.monotonic()
        time.sleep(SECONDS)
        share = (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        with release.hearing("health.gpio-input") as heard:
            beat = msgspec.json.decode(wait_for("a beat", heard)[-1][1], type=Health)
    rates = [figures["per_second"] for figures in beat.figures["inputs"].values()]
    case = f"{CASE}, through the simulator's socket"
    yield Figure(case=case, metric="cpu_share", value=share, unit="of a core")
    yield Figure(case=case, metric="samples_per_second_per_channel", value=sum(rates) / len(rates), unit="1/s")


def without_a_bus() -> Figure:
    """Measure sampler, driver and detectors where the bus costs nothing, and scale to the full rate."""
    detectors: defaultdict[str, Detector] = defaultdict(lambda: Detector(AnalogPir(channel=1), warm=True))
    seconds = seconds_without_a_bus(lambda sample: detectors[sample.name].update(sample.volts, sample.now))
    share = seconds * INPUTS * FULL_RATE
    return Figure(case=f"{CASE}, sampler and filter without a bus", metric="cpu_share", value=share, unit="of a core")


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
