"""Whether the guard is well."""

from typing import Any

from picket.messages import Health
from picket_notifier.vitals import STALE_SECONDS, Vitals


def health(service: str, faults: dict[str, str] | None = None, **figures: Any) -> Health:
    return Health(time_ns=0, service=service, state="ok", uptime_seconds=1, faults=faults or {}, figures=figures)


def inputs(**samples: int) -> Health:
    return health("gpio-input", inputs={name: {"samples": count} for name, count in samples.items()})


def well(now: float = 0.0, samples: int = 100) -> Vitals:
    """Return those of a guard that was well at `now`."""
    vitals = Vitals(["hall", "yard"])
    vitals.hear(inputs(hall=samples - 50, yard=samples - 50), now - 5)
    vitals.hear(inputs(hall=samples, yard=samples), now)
    vitals.hear(health("hub"), now)
    vitals.answered(now)
    return vitals


def test_a_guard_that_samples_and_commits_is_well() -> None:
    assert well().ailment(STALE_SECONDS - 1) == ""


def test_nothing_is_well_before_it_was_seen() -> None:
    assert Vitals(["hall"]).ailment(0) == "not sampled: hall"
    assert Vitals([]).ailment(0) == "the hub is silent"


def test_one_beat_is_no_advance() -> None:
    vitals = Vitals(["hall"])
    vitals.hear(inputs(hall=5), 0)

    assert vitals.ailment(1) == "not sampled: hall"


def test_a_service_that_beats_and_does_not_sample_is_not_well() -> None:
    vitals = well()
    for now in range(5, 60, 5):
        vitals.hear(inputs(hall=100, yard=100 + now), now)
        vitals.hear(health("hub"), now)
        vitals.answered(now)

    assert vitals.ailment(60) == "not sampled: hall"


def test_a_service_that_started_anew_counts_anew() -> None:
    vitals = well()
    vitals.hear(inputs(hall=3, yard=4), 30)
    vitals.hear(health("hub"), 30)
    vitals.answered(30)

    assert vitals.ailment(31) == ""


def test_a_hub_that_does_not_commit_is_not_well() -> None:
    silent, stuck, full = well(), well(), well()
    for now in range(5, 60, 5):
        for vitals in (silent, stuck, full):
            vitals.hear(inputs(hall=now, yard=now), now)
        stuck.hear(health("hub"), now)
        full.hear(health("hub", {"journal": "can't be written: disk full"}), now)
        full.answered(now)

    told = [vitals.ailment(56) for vitals in (silent, stuck, full)]
    assert told == ["the hub is silent", "the journal is silent", "the journal can't be written: disk full"]


def test_without_inputs_the_hub_is_all_that_counts() -> None:
    vitals = Vitals([])
    vitals.hear(health("hub"), 0)
    vitals.answered(0)

    assert vitals.ailment(1) == ""
