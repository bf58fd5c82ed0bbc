"""An MQTT 3.1.1 broker in memory, for machines without mosquitto: `python -m picket_simulator.broker --port 1883`.

Anonymous, and on the loopback only. It forgets everything when it stops, and a client's session when it hangs up.
"""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError

from picket import log

LOG = logging.getLogger("picket_simulator.broker")
HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 2


async def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT; raises BrokerError when the port is taken."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    broker = Broker(
        BrokerConfig(
            listeners={"default": ListenerConfig(bind=f"{HOST}:{port}")},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
    )
    await broker.start()
    LOG.info("broker on %s:%s", HOST, port)
    await stop.wait()
    with suppress(TimeoutError):  # it waits for ever for a client that is just connecting; there is nothing to save
        await asyncio.wait_for(broker.shutdown(), SHUTDOWN_SECONDS)


def main() -> None:
    """Run the broker; exits with 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m picket_simulator.broker", description="An MQTT broker in memory.")
    parser.add_argument("--port", type=int, default=1883)
    log.to_stdout("broker")
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # it reports every hang-up, with a traceback
    logging.getLogger("transitions").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(parser.parse_args().port))
    except BrokerError as error:
        sys.exit(f"picket broker: {error}")


if __name__ == "__main__":
    main()
