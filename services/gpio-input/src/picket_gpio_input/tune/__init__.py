"""`picket tune`: settings proposed from labelled recordings."""
