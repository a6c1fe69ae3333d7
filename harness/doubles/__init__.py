"""Doubles: programs of their own that play a part of the outside world beside the service under test."""
