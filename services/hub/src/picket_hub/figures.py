"""The hub's figures in its health beat: what is in the journal, how late it is, what it dropped, what it wrote."""

from pathlib import Path

from picket.health import BEAT_SECONDS
from picket.latency import Percentiles
from picket.service import Runtime
from picket_hub.folder import disk_bytes
from picket_hub.jobs import Committed
from picket_hub.journal import Journal
from picket_hub.wear import Wear, written_bytes


class Figures:
    """Counts, and tells the fault of a day that writes too much."""

    def __init__(self, runtime: Runtime, journal: Journal, file: Path) -> None:
        """Add the figures to the beat."""
        self._runtime = runtime
        self._budget_megabytes = runtime.config.hub.write_budget_megabytes_per_day
        self._wear = Wear(self._budget_megabytes * 1e6)
        self._messages = 0
        self._edge_to_journal = Percentiles()
        self.rubbish = 0
        figure = runtime.health.figure
        figure("journal_messages", lambda: self._messages)
        figure("journal_bytes", lambda: disk_bytes(file))
        figure("journal_lags", journal.lags)
        figure("journal_dropped", lambda: journal.dropped.messages)
        figure("journal_unread_dropped", lambda: journal.dropped.unread)
        figure("journal_damaged", lambda: len(journal.damaged))
        figure("edge_to_journal_ms", self._edge_to_journal.summary)
        figure("rubbish_frames", lambda: self.rubbish)
        figure("written_bytes", written_bytes)
        figure("written_bytes_per_day", lambda: self._wear.per_day and round(self._wear.per_day))
        runtime.loop.every(BEAT_SECONDS, self._weigh)

    def note(self, committed: Committed) -> None:
        """Count what was committed, and how long after the edge an input's event was."""
        self._messages += len(committed.messages)
        for message in committed.messages:
            if message.topic.startswith("event.input.") and b'"type":"new"' in message.body:
                self._edge_to_journal.add((committed.at_ns - message.time_ns) / 1e6)

    def _weigh(self) -> None:
        written = written_bytes()
        if written is None:
            return
        self._wear.note(self._runtime.loop.now(), written)
        if self._wear.over:
            budget = f"more than hub.write_budget_megabytes_per_day ({self._budget_megabytes:g})"
            self._runtime.health.begin("write budget", f"{budget} were written within a day")
        else:
            self._runtime.health.end("write budget", "within the budget again")
