"""What people see and do, whichever way they come: by the command line, or by the page."""
