"""Where each module of the command line adds its commands."""

import argparse
from typing import Protocol


class Commands(Protocol):
    """Where commands are added."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,  # noqa: A002
        parents: list[argparse.ArgumentParser] = ...,
    ) -> argparse.ArgumentParser:
        """Add one."""
