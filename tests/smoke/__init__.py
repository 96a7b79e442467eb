"""Is the system whole? Register, keep a list, get a digest, read the mail: `make smoke URL=…`, wherever it runs.

Only the standard library, so that it runs wherever there is a Python.
"""
