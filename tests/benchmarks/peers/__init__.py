"""What else runs the same handlers on a laptop, and how it is installed and started to be compared with."""
