"""The one error that says "try again later"; apart from `database`, so that naming it loads no SQL toolkit."""


class DatabaseUnavailable(Exception):
    """PostgreSQL can't answer now; the same request may succeed later."""
