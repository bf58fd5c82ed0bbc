"""From I2C to volts: the ADCs, and how all channels of a bus are sampled at the chips' limit."""
