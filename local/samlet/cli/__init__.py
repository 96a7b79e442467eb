"""The command `samlet`: one command a module."""
