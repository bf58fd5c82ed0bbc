"""The fault table of the outputs: real processes under supervisord, and the chip's own history as the only witness.

Each row asserts that no output was on for longer than its deadline and a second, that interlocked outputs were never
on together at any register write, and that no command was executed twice; then that all works again.

Rows run in parallel, some releases at a time, each of them for row after row.
"""

import itertools
import os
import queue
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event

import pytest

from tests.servers.guarded import PROGRAMS, Command, Guarded, state_of
from tests.servers.stepping_relay import STEPS
from tests.servers.waiting import wait_for
from tests.servers.whole import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RELEASES = 5  # at a time
GRACE_SECONDS = 1.0  # and for how long the machine had no processor for somebody
WITNESS_SECONDS = 0.3  # a process that stands still is left so until an output that it kept on would be seen
SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
VICTIMS = ("relay", "relay-watcher", "hub", "gateway", "supervisord")
INTERLOCKED = {"opening", "closing"}

Row = Callable[[Guarded], None]


def assert_invariants(guarded: Guarded, since: float, *, late_until: float = 0.0, repairs: int = 0) -> None:
    """Look at what the chip saw since then; nothing could be written before `late_until`."""
    for at, on in guarded.states():
        assert at < since or not on >= INTERLOCKED, f"both on at {at}"
    spans = [span for span in guarded.spans() if span.end > since]
    for span in spans:
        asked = [c for c in guarded.commands if c.output == span.output and c.at <= span.begin]
        deadline = span.begin + asked[-1].seconds
        latest = max(deadline, late_until) + GRACE_SECONDS + guarded.starved_seconds()
        assert span.end <= latest, f"{span.output} was on for {span.end - span.begin:.2f} s: {asked[-1]}"
    for output in ("opening", "closing", "horn"):
        times = sum(span.output == output for span in spans)
        asked = [c for c in guarded.commands if c.output == output and c.at >= since and may_have_acted(guarded, c)]
        assert times <= len(asked) + repairs, f"{output} was on {times} times: {asked}"


def may_have_acted(guarded: Guarded, command: Command) -> bool:
    """Tell whether nothing says that a command was refused when it first came."""
    results = guarded.results(command)
    return not results or any(result["accepted"] or "duplicate" in result["reason"] for result in results)


def strike(victim: str, done: str, step: str) -> Row:
    """Kill or stop a process while the guard stands at a step of a pulse."""

    def row(guarded: Guarded) -> None:
        since = guarded.at_rest()
        numbers = {program: guarded.running(program) for program in (*PROGRAMS, "supervisord")}
        guarded.stop_at_file.write_text(step)
        numbers["relay"], pulse = pulse_until(step, guarded)
        struck_at = time.monotonic()
        os.kill(numbers[victim], SIGNALS[done])
        if victim != "relay":
            os.kill(numbers["relay"], signal.SIGCONT)
        guarded.pulse("closing", 0.3)
        guarded.send(pulse)
        pass_time(struck_at + pulse.seconds + GRACE_SECONDS + WITNESS_SECONDS)
        if done == "stopped":
            with suppress(ProcessLookupError):
                os.kill(numbers[victim], signal.SIGCONT)
        elif victim == "supervisord":
            guarded.end_orphans([numbers[program] for program in PROGRAMS])
            guarded.start_supervised()
        guarded.works()
        guarded.send(pulse)
        guarded.works()
        assert_invariants(guarded, since)

    return row


def brown_out(guarded: Guarded) -> None:
    """Let the chip lose its registers while an output is on."""
    since, pulse = guarded.at_rest(), on(guarded, "opening", 5.0)
    guarded.fault("brownout")
    wait_for("the repair", lambda: guarded.on_now() == {"opening"}, 5)
    wait_for("the end", lambda: not guarded.on_now())
    guarded.works()
    assert_invariants(guarded, since, repairs=1)
    assert guarded.spans()[-1].end > pulse.at


def nack(guarded: Guarded) -> None:
    """Let the chip answer nothing for 5 s while a pulse ends."""
    since = guarded.at_rest()
    on(guarded, "opening", 2.0)
    guarded.fault("nack", 5.0)
    until = time.monotonic() + 5.0
    guarded.pulse("closing", 0.3)
    wait_for("the end", lambda: not guarded.on_now())
    guarded.works()
    assert_invariants(guarded, since, late_until=until)


def power_cut(boot: str) -> Row:
    """Let every process die at once while an output is on; the latch survives, and the pulse's time passes or not."""

    def row(guarded: Guarded) -> None:
        since = guarded.at_rest()
        pulse = on(guarded, "opening", 5.0)
        guarded.cut_power()
        cut_at, still_on = time.monotonic(), guarded.on_now()
        if boot == "another":
            for name in ("relay-ledger.json", "relay-failsafe.json"):
                file = guarded.data / name
                file.write_text(file.read_text().replace(boot_id(), "00000000-1111-2222-3333-444444444444"))
        guarded.start_supervised()
        wait_for("the end", lambda: not guarded.on_now())
        guarded.works()
        guarded.send(pulse)
        guarded.works()
        assert still_on == {"opening"}
        back_at = next(at for at, _ in guarded.states() if at > cut_at)  # the guard, at its first write
        assert_invariants(guarded, since, late_until=back_at)

    return row


def ledger(broken: bytes | None) -> Row:
    """Break the ledger while an output is on, then let the guard die; None cuts it in half."""

    def row(guarded: Guarded) -> None:
        since = guarded.at_rest()
        on(guarded, "opening", 3.0)
        file = guarded.data / "relay-ledger.json"
        whole = file.read_bytes()
        guard = guarded.running("relay")
        os.kill(guard, signal.SIGSTOP)  # it must not mend the file before it dies
        file.write_bytes(whole[: len(whole) // 2] if broken is None else broken)
        os.kill(guard, signal.SIGKILL)
        wait_for("the end", lambda: not guarded.on_now())
        guarded.works()
        assert_invariants(guarded, since)

    return row


def full_disk(guarded: Guarded) -> None:
    """Leave the ledger no room: what is on can be turned off, nothing can be turned on, until there is room again."""
    since = guarded.at_rest()
    on(guarded, "opening", 9.0)
    ballast = guarded.data / "ballast"
    fill(ballast)
    refused = guarded.pulse("horn", 0.05)
    for _ in range(60):  # the ledger's last block still takes some lines
        if not appears(guarded, refused):
            break
        fill(ballast)  # the hub has thrown its own ballast off
        refused = guarded.pulse("horn", 0.05)
    guarded.observer.publish("picket/test/output/opening/set", "OFF")
    wait_for("the end", lambda: not guarded.on_now())
    ended = time.monotonic()
    ballast.unlink()
    result = wait_for("the result, kept until the journal took it", lambda: guarded.results(refused))[0]
    guarded.works()
    assert (result["accepted"], bool(result["reason"])) == (False, True)
    assert not [span for span in guarded.spans() if span.output == "horn" and refused.at < span.begin < ended]
    assert_invariants(guarded, since)


def fill(ballast: Path) -> None:
    """Leave the disk no block that is free."""
    with suppress(OSError), ballast.open("ab", 0) as file:
        while True:
            file.write(b"x" * 4096)


def appears(guarded: Guarded, command: Command) -> bool:
    """Tell whether a short pulse has come and gone within three seconds."""
    while time.monotonic() < command.at + 3:
        began = any(span.output == command.output and span.begin > command.at for span in guarded.spans())
        if began and command.output not in guarded.on_now():
            return True
        Event().wait(0.02)
    return False


def clock(step: str) -> Row:
    """Move the wall clock of every process while an output is on."""

    def row(guarded: Guarded) -> None:
        since = guarded.at_rest()
        pulse = on(guarded, "opening", 3.0)
        (guarded.folder / "clock").write_text(step)
        guarded.send(pulse)
        wait_for("the end", lambda: not guarded.on_now())
        guarded.works()
        guarded.send(pulse)
        guarded.works()
        assert_invariants(guarded, since)
        span = next(span for span in guarded.spans() if span.output == "opening" and span.end > since)
        assert abs(span.end - span.begin - pulse.seconds) < 1

    return row


def hub_lost(guarded: Guarded) -> None:
    """Stop the hub for longer than the guard believes in it: it turns off what may be on for longer."""
    since = guarded.at_rest()
    on(guarded, "horn", 60.0)
    hub = guarded.running("hub")
    os.kill(hub, signal.SIGSTOP)
    stopped = time.monotonic()
    lost_seconds = guarded.config.relay.hub_lost_seconds
    wait_for("the failsafe state", lambda: not guarded.on_now())
    took = time.monotonic() - stopped
    os.kill(hub, signal.SIGCONT)
    guarded.works()
    assert lost_seconds - 3 < took < lost_seconds + 5
    assert_invariants(guarded, since)


def on(guarded: Guarded, output: str, seconds: float) -> Command:
    """Pulse an output and wait until it is on."""
    pulse = guarded.pulse(output, seconds)
    wait_for(f"{output} on", lambda: output in guarded.on_now())
    return pulse


def pulse_until(step: str, guarded: Guarded) -> tuple[int, Command]:
    """Pulse an output until the guard stands at a step, another one where it is refused; return guard and pulse."""
    deadline, pulse = time.monotonic() + 60, guarded.pulse("opening", 0.6)
    while state_of(guard := guarded.pid("relay")) != "T":
        assert time.monotonic() < deadline, f"{step}: {guard} {guarded.results(pulse)}\n{guarded.tail()}"
        if any(not result["accepted"] for result in guarded.results(pulse)):
            pulse = guarded.pulse("opening", 0.6)
        Event().wait(0.005)
    return guard, pulse


def pass_time(until: float) -> None:
    """Wait until a moment (monotonic) is over: the moment itself is what the row is about."""
    wait_for("a moment", lambda: time.monotonic() > until)


def boot_id() -> str:
    """Return which boot of the kernel this is."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


# Rows that share releases, and rows that need one with something of its own.
SHARED: dict[str, Row] = {
    **{
        f"{victim} {done} {step}".replace(" ", "-"): strike(victim, done, step)
        for victim, done, step in itertools.product(VICTIMS, SIGNALS, STEPS)
    },
    "brown-out": brown_out,
    "nack-while-a-pulse-ends": nack,
    "power-cut": power_cut("another"),
    "all-processes-killed-same-boot": power_cut("same"),
    "ledger-cut-in-half": ledger(None),
    "ledger-empty": ledger(b""),
    "ledger-garbage": ledger(b"\xff\x00{]"),
}
OWN: dict[str, Row] = {
    "clock-an-hour-on": clock("+3600"),
    "clock-an-hour-back": clock("-3600"),
    "full-disk": full_disk,
    "hub-lost": hub_lost,
}
ROWS = SHARED | OWN


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, "Future[None]"]]:
    """Start every row that was chosen; a row's outcome is in its future."""
    here = [item for item in request.session.items if item.path == request.path]
    chosen = [item.callspec.params["row"] for item in here if isinstance(item, pytest.Function)]
    free: queue.SimpleQueue[Guarded] = queue.SimpleQueue()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(RELEASES))

        above, numbers = tmp_path_factory.mktemp("faults"), itertools.count(1)

        def folder() -> Path:
            made = above / str(next(numbers))
            made.mkdir()
            return made

        def shared(row: Row) -> None:
            try:
                guarded = free.get_nowait()
            except queue.Empty:
                guarded = started(Guarded(folder()))
            try:
                row(guarded)
            except BaseException:
                guarded.close()  # what a row left broken is not the next one's to suffer
                raise
            free.put(guarded)

        def own(name: str) -> None:
            with ExitStack() as mounted, with_its_own(name, folder(), mounted) as guarded:
                ROWS[name](started(guarded))

        futures = {name: pool.submit(own, name) for name in chosen if name in OWN}
        futures |= {name: pool.submit(shared, SHARED[name]) for name in chosen if name in SHARED}
        yield futures
        for future in futures.values():
            future.cancel()
    while not free.empty():
        free.get().close()


def started(guarded: Guarded) -> Guarded:
    """Start a release, or end what of it came up."""
    try:
        guarded.start_all()
    except BaseException:
        guarded.close()
        raise
    return guarded


def with_its_own(name: str, folder: Path, mounted: ExitStack) -> Guarded:
    """Return the release that a row needs."""
    if name.startswith("clock"):
        return Guarded(
            folder, CLOCK_FILE=str(folder / "clock"), PYTHONPATH=f"{ROOT}:{ROOT / 'tests/servers/shifted_clock'}"
        )
    if name == "full-disk":
        disk = folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=True, capture_output=True)
        mounted.callback(lambda: subprocess.run(["umount", "-l", disk], check=True))
        return Guarded(folder, data_dir=disk)
    return Guarded(folder)


@pytest.mark.parametrize("row", ROWS)
def test_no_fault_leaves_an_output_on(outcomes: dict[str, "Future[None]"], row: str) -> None:
    if row == "full-disk" and os.geteuid() != 0:
        pytest.skip("a small file system can't be mounted here: needs root")

    outcomes[row].result()
