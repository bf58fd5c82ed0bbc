"""Run the gateway."""

from picket.service import run
from picket_gateway.service import Gateway

if __name__ == "__main__":
    run("gateway", Gateway)
