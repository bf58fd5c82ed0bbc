"""Run the simulator until SIGTERM or Ctrl-C: `python -m picket_simulator`."""

import signal
import sys

from picket import log
from picket.config import load
from picket.errors import ConfigError
from picket_simulator.server import Server

if __name__ == "__main__":
    signals = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        config = load()
        log.set_up("simulator", config)
        with Server(config):
            signal.sigwait(signals)
    except (ConfigError, OSError) as error:
        sys.exit(f"picket simulator: {error}")
