"""Chaos and load-test harness that proves a service stateless."""
