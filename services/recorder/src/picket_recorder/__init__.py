"""The journal to InfluxDB."""
