"""Picket's library: messages, bus, configuration, I2C access, logging, health."""
