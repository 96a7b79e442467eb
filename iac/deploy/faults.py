"""What ends a deploy: one sentence on what happened and one on what to do."""


class Stopped(Exception):
    """The deploy can't go on; nothing that ran before is undone, and the same command may be run again."""


class Declined(Stopped):
    """Somebody said no."""
