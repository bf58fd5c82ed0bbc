"""What the fleet server knows, in one SQLite file; the server, the receive hook and the command line all open it."""
