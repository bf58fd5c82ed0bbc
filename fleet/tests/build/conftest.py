"""A fleet to push to."""

from fleet.tests.pushing import engine, house

__all__ = ["engine", "house"]
