"""What the running release takes: memory of each process, and the time to import each service."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from picket_base.programs import services
from tests.bench.figures import Figure, progress
from tests.bench.whole_release import config_of, running_release
from tests.servers.mqtt import Observer
from tests.servers.whole import Whole

BEATS = 3  # of the gateway, 5 s each: by then every service has done what it does regularly
IMPORTS = 5
PI_MEGABYTES = 512
PI = "all memory of a 512 MB Pi"


def run() -> Iterator[Figure]:
    """Measure the release's own processes; simulator, broker, console and supervisord are not on a device."""
    with running_release() as whole:
        programs = services(config_of(whole))
        progress(f"  {BEATS} heartbeats")
        observer = Observer(whole.mqtt_port)
        observer.wait("picket/demo/heartbeat", seconds=30, count=BEATS)
        observer.close()
        yield from memory(whole, [program.name for program in programs])
    progress("  imports")
    yield from imports(sorted({program.command[2] for program in programs}))


def memory(whole: Whole, names: list[str]) -> Iterator[Figure]:
    """Yield resident and private memory of each process, and of all together."""
    kilobytes = {name: rollup(whole.pid(name)) for name in names}
    for name, fields in kilobytes.items():
        yield Figure(case=name, metric="resident", value=fields["Rss"] / 1024, unit="MB")
        yield Figure(case=name, metric="private", value=private(fields) / 1024, unit="MB")
    case = f"all {len(names)} services"
    sums = {
        "private": sum(private(fields) for fields in kilobytes.values()),
        "proportional": sum(fields["Pss"] for fields in kilobytes.values()),
        "resident": sum(fields["Rss"] for fields in kilobytes.values()),
    }
    for metric, total in sums.items():
        value = total / 1024
        yield Figure(case=case, metric=metric, value=value, unit="MB", against=PI, ratio=value / PI_MEGABYTES)


def rollup(pid: int) -> dict[str, int]:
    """Return the kernel's sums over a process's mappings, in kB."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name.rstrip(":"): int(count) for name, count, _ in (row.split() for row in rows)}


def private(fields: dict[str, int]) -> int:
    """Return what would be free if the process were not there."""
    return fields["Private_Clean"] + fields["Private_Dirty"]


def imports(packages: list[str]) -> Iterator[Figure]:
    """Yield how long importing a service takes, the interpreter's own start not counted."""
    for package in packages:
        walls = [(wall(f"import {package}.__main__"), wall("pass")) for _ in range(IMPORTS)]
        seconds = statistics.median(whole - bare for whole, bare in walls)
        bare = statistics.median(bare for _, bare in walls)
        yield Figure(
            case=f"{package}, median of {IMPORTS}",
            metric="import_time",
            value=seconds * 1e3,
            unit="ms",
            against="start of a bare interpreter",
            ratio=seconds / bare,
        )


def wall(statement: str) -> float:
    """Return how long a Python process takes for a statement."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - begin
