"""How near the service is to the floor of the hardware; see docs/speed.md."""
