"""Run the notifier."""

from picket.service import run
from picket_notifier.service import Notifier

if __name__ == "__main__":
    run("notifier", Notifier)
