"""How many pollers a mapping has: batches that are put together and tried for the first time at the same time."""


def pollers_wanted(
    pollers: int,
    *,
    lag: int,
    batch_size: int,
    partitions: int,
    throttled: bool,
    least: int = 1,
    most: int | None = None,
) -> int:
    """Return the number for the next while: one at first, at most one a partition.

    Twice as many while more waits than they take in one go, half as many where the function was too busy, and one less
    when nothing waits. `least` and `most` are the template's.
    """
    if throttled:
        wanted = pollers // 2
    elif lag > batch_size * pollers:
        wanted = pollers * 2
    else:
        wanted = pollers - 1 if lag == 0 else pollers
    ceiling = max(1, min(partitions, most or partitions))
    return min(max(wanted, least, 1), ceiling)
