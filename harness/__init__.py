"""Chaos and load-test harness that proves a service stateless."""

__version__ = "0.1.0"
