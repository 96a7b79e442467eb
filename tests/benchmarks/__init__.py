"""Measurements of the whole system, for `make bench`. Nothing here is a test: no figure can fail a build."""
