"""The release's own MQTT broker: mosquitto, with users and access from Picket's configuration."""
