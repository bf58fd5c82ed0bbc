"""Run the hub."""

from picket.service import run
from picket_hub.hub import Hub

if __name__ == "__main__":
    run("hub", Hub)
