"""What gpio-input costs at its full size: four boards, 32 inputs, every chip at its full rate.

The process talks to the simulator through a socket, whose system calls are most of what it does; a real bus waits in
the kernel instead. So the same work without a bus is measured beside it.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from picket.config.schema import AnalogPir
from picket.messages import Health
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.sampling.mcp3424 import Mcp3424
from picket_gpio_input.sampling.sampler import Found, Lost, Sample, Sampler, Scan
from tests.bench.figures import Figure, progress
from tests.bench.sampling import NoBus, conversions
from tests.servers.release import Release
from tests.servers.waiting import wait_for

BOARDS, CHIPS, INPUTS = 4, 8, 32
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
    detectors = {f"i{n}": Detector(AnalogPir(channel=1), warm=True) for n in range(INPUTS)}
    count = 0

    def deliver(found: Sample | Lost | Found) -> None:
        nonlocal count
        count += 1
        if isinstance(found, Sample):
            detectors[found.name].update(found.volts, found.now)

    drivers = [Mcp3424(NoBus(), 0x68 + n) for n in range(CHIPS)]  # type: ignore[arg-type]
    scans = [
        Scan(driver, [(f"i{4 * n + i}", conversion) for i, (_, conversion) in enumerate(conversions(driver))])
        for n, driver in enumerate(drivers)
    ]
    now = iter(range(1_000_000_000))
    sampler = Sampler(scans, deliver, lambda: next(now) * 1e-3, lambda _seconds: None)
    for _ in range(1000):
        sampler.step()
    count, began = 0, time.process_time()
    for _ in range(50_000):
        sampler.step()
    seconds = (time.process_time() - began) / count
    share = seconds * INPUTS * FULL_RATE
    return Figure(case=f"{CASE}, sampler and filter without a bus", metric="cpu_share", value=share, unit="of a core")


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
