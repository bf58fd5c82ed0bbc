"""Run the output guard."""

from picket.service import run
from picket_relay.service import Relay

if __name__ == "__main__":
    run("relay", Relay)
