"""Fixtures for every test: `databases`, the PostgreSQL of this run."""

from servicekit.testing import databases as databases
