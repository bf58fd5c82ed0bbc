import os
import signal
import threading

import pytest

from picket.loop import Loop


def test_timers_run_in_the_order_of_their_times_and_a_cancelled_one_not_at_all() -> None:
    now, calls = 0.0, []
    loop = Loop(clock=lambda: now)
    loop.at(2, lambda: calls.append("second"))
    loop.at(1, lambda: calls.append("first"))
    loop.at(1.5, lambda: calls.append("never")).cancel()

    now = 3.0
    loop.turn(0)

    assert calls == ["first", "second"]


def test_a_late_repetition_is_not_made_up_for() -> None:
    times, calls = [0.0], []
    loop = Loop(clock=lambda: times[-1])
    loop.every(1, lambda: calls.append(times[-1]))

    for now in (1.0, 10.0, 10.5, 11.0):
        times.append(now)
        loop.turn(0)

    assert calls == [1.0, 10.0, 11.0]


def test_another_thread_wakes_the_loop() -> None:
    loop = Loop()
    loop.on_wake(loop.stop)
    threading.Thread(target=loop.wake).start()

    loop.run()


def test_a_signal_stops_the_loop() -> None:
    loop = Loop()
    before = signal.getsignal(signal.SIGTERM)
    try:
        loop.stop_on_signals()
        loop.at(0, lambda: os.kill(os.getpid(), signal.SIGTERM))
        loop.run()
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_stop_before_the_loop_runs_is_not_forgotten() -> None:
    loop = Loop()

    loop.stop()
    loop.run()


def test_another_threads_failure_ends_the_loop_with_it() -> None:
    loop = Loop()
    loop.at(0, lambda: loop.fail(OSError("the bus burns")))

    with pytest.raises(OSError, match="burns"):
        loop.run()
