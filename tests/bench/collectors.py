"""What the collectors of the demonstration's house take: memory and processor of each process, and of all together."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from picket_base.programs import services
from tests.bench.figures import Figure, progress
from tests.bench.memory import private, rollup
from tests.bench.whole_release import config_of, running_release
from tests.servers.mqtt import Observer

WARM_SECONDS = 60.0  # by then each has opened its sensor, and most have measured more than once
MEASURED_SECONDS = 60.0
SEED_MEGABYTES = 128
SEED = "a container of the seeds, of one sensor"
CORE = "one core"


def run() -> Iterator[Figure]:
    """Measure each collector while the house runs; beside it run simulator and broker, which are not on a device."""
    with running_release() as whole:
        programs = [p.name for p in services(config_of(whole)) if p.name.startswith("collectors.")]
        observer = Observer(whole.mqtt_port)
        progress(f"  {len(programs)} collectors warm up, {WARM_SECONDS:.0f} s")
        observer.wait("picket/demo/heartbeat", seconds=2 * WARM_SECONDS, count=int(WARM_SECONDS / 5))
        pids = {name: whole.pid(name) for name in programs}
        before, began = {name: processor_seconds(pid) for name, pid in pids.items()}, time.monotonic()
        progress(f"  and are measured, {MEASURED_SECONDS:.0f} s")
        observer.wait(
            "picket/demo/heartbeat", seconds=2 * WARM_SECONDS, count=int((WARM_SECONDS + MEASURED_SECONDS) / 5)
        )
        observer.close()
        seconds = time.monotonic() - began
        shares = {name: (processor_seconds(pid) - before[name]) / seconds for name, pid in pids.items()}
        megabytes = {name: private(rollup(pid)) / 1024 for name, pid in pids.items()}
    for name in programs:
        yield memory(name, megabytes[name])
        yield processor(name, shares[name])
    everyone = f"all {len(programs)} collectors"
    yield memory(everyone, sum(megabytes.values()))
    yield processor(everyone, sum(shares.values()))


def memory(case: str, value: float) -> Figure:
    """Return private memory as a figure."""
    return Figure(
        case=case,
        metric="private",
        value=value,
        unit="MB",
        against=f"{SEED_MEGABYTES} MB, {SEED}",
        ratio=value / SEED_MEGABYTES,
    )


def processor(case: str, value: float) -> Figure:
    """Return a share of the processor as a figure."""
    return Figure(case=case, metric="processor", value=100 * value, unit="%", against=CORE, ratio=value)


def processor_seconds(pid: int) -> float:
    """Return how long a process has computed so far, the kernel's work for it included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
