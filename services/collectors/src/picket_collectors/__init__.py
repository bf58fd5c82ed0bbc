"""Every other sensor: one file a source (in `sources/`), one process each."""
