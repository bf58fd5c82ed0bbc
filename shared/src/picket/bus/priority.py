"""What goes first where there is no room: readings, then states and results, then events, faults and alarms."""

from picket.messages import STATES

PRIORITIES = ("readings", "states", "events")


def priority(topic: str) -> int:
    """Return the index into PRIORITIES of what a topic carries; the least goes first."""
    if topic.startswith("reading."):
        return 0
    return 1 if topic.startswith((*STATES, "output.result.")) and topic != "alarm.state" else 2
