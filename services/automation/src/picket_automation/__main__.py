"""Run the local rules."""

from picket.service import run
from picket_automation.service import Automation

if __name__ == "__main__":
    run("automation", Automation)
