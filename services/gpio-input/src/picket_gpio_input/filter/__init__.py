"""From volts to verdicts: zones, swings, motion, and the life of an episode. Pure: time is an argument."""
