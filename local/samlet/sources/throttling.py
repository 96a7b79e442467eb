"""Throttling of routes: a bucket of tokens each, refilled at the route's rate."""

from samlet.model import Throttle


class TokenBucket:
    """Holds up to `burst` requests, and gains `rate` a second; it starts full."""

    def __init__(self, throttle: Throttle, now: float) -> None:
        self._throttle = throttle
        self._tokens = float(throttle.burst)
        self._filled = now

    def take(self, now: float) -> bool:
        """Take one token if there is one; `now` is seconds of any clock that does not go back."""
        gained = max(0.0, now - self._filled) * self._throttle.rate
        self._tokens = min(float(self._throttle.burst), self._tokens + gained)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
