"""Fixtures of the cold chain's commands."""

from tests.support.mqtt_broker import house

__all__ = ["house"]
