"""One mail, from the claim to its final state. Every step that a crash can part from the next has a fail point."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from mail_sender import claims, letters
from mail_sender.claims import Claim, Lease, Mail, State
from mail_sender.errors import AddressRefused, Deferred, Refused, ServerUnusable, Unanswered
from mail_sender.kafka_event import KafkaRecord
from mail_sender.rendering import Sender, render
from taskflow import traces
from taskflow.clock import Clock
from taskflow.database import transaction
from taskflow.events import DailyDigestRequested, InvalidEvent, parse
from taskflow.failpoints import reach
from taskflow.logs import logger_for
from taskflow.metrics import Metric, emit
from taskflow.outage import DatabaseUnavailable

logger = logger_for("mail_sender")

TIME_FOR_ONE = 25.0  # seconds: no mail is begun with less left
TIME_TO_WAIT = 10.0  # seconds: with less left, a database that is away is not waited for any longer
LEASE_MARGIN = timedelta(seconds=30)
CIRCUIT_OPEN_FOR = timedelta(seconds=30)
_POLL = 0.25


class Transport(Protocol):
    """What the postman needs of a mail server; `transport.SmtpTransport` is the one that there is."""

    def open_envelope(self, sender: str, recipient: str) -> None: ...
    def deliver(self, content: bytes) -> None: ...
    def close(self) -> None: ...


@dataclass
class Circuit:
    """Open while the mail server is unusable, so that not every mail finds that out anew."""

    open_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        return self.open_until is not None and now < self.open_until

    def open(self, now: datetime) -> datetime:
        self.open_until = now + CIRCUIT_OPEN_FOR
        return self.open_until


@dataclass
class Postman:
    """What a mail needs on its way; `remaining` tells the seconds that the function has left."""

    engine: Engine
    transport: Transport
    sender: Sender
    clock: Clock
    remaining: Callable[[], float]
    circuit: Circuit
    pause: Callable[[float], None] = field(default=time.sleep)

    def take_record(self, record: KafkaRecord) -> None:
        """A record of the mapping: sent, or stored for the sweep, or a dead letter; an error means "give it again"."""
        try:
            event = parse(record.value or b"")
            payload = (record.value or b"").decode()
        except (InvalidEvent, UnicodeError) as error:
            return self._bury(record, str(error))
        if not isinstance(event, DailyDigestRequested):
            return None  # the mapping's filter lets none of these through
        message = render(event, self.sender, self.clock())  # an event that can't be rendered is no mail yet
        mail = Mail(event.event_id, payload, sha256(event.email.lower().encode()).digest())
        if self.circuit.is_open(self.clock()) or self.remaining() < TIME_FOR_ONE:
            return self._patiently(lambda session: claims.keep(session, mail, self.clock() + CIRCUIT_OPEN_FOR))
        reach("mail.before_claim")
        taken = self._patiently(lambda session: claims.claim(session, mail, self._lease()))
        return self._go_on(taken, event, message)

    def sweep(self) -> int:
        """Sends what has fallen due in the database; gives the number of mails that were looked at."""
        looked_at = 0
        while self.remaining() >= TIME_FOR_ONE and not self.circuit.is_open(self.clock()):
            taken = self._patiently(lambda session: claims.claim_due(session, self._lease()))
            if taken is None:
                break
            looked_at += 1
            self._deliver_due(taken)
        return looked_at

    def _deliver_due(self, taken: Claim | State) -> None:
        if isinstance(taken, State):
            return self._tell(taken, None)
        try:
            event = parse(taken.payload)
            assert isinstance(event, DailyDigestRequested)
            message = render(event, self.sender, self.clock())
        except Exception as error:
            # It was a mail when it was stored, so a newer version of this code is at fault, and one may yet repair it.
            logger.exception("stored mail can't be rendered", extra={"event_id": str(taken.event_id)})
            return self._defer(taken, type(error).__name__)
        return self._send(taken, event, message)

    def _go_on(self, taken: Claim | State | None, event: DailyDigestRequested, message: bytes) -> None:
        if isinstance(taken, Claim):
            reach("mail.after_claim")
            self._send(taken, event, message)
        elif taken is not None:
            self._tell(taken, str(event.event_id))

    def _send(self, mine: Claim, event: DailyDigestRequested, message: bytes) -> None:
        try:
            if not self._hand_over(mine, event, message):
                return self.transport.close()
        except ServerUnusable as error:
            until = self.circuit.open(self.clock())
            logger.error("mail server unusable", extra={"error": str(error)})
            _count(Metric.MAIL_SERVER_UNUSABLE)
            self._postpone(mine, until, str(error), attempts=mine.attempts - 1)
        except Deferred as error:
            self._defer(mine, str(error))
        except AddressRefused as error:
            self._finish(mine, State.SUPPRESSED, str(error))
        except Refused as error:
            self._finish(mine, State.FAILED, str(error))
        except Unanswered as error:
            self._finish(mine, State.UNKNOWN, str(error))
        else:
            self._finish(mine, State.SENT)
        reach("mail.after_record")
        return None

    def _hand_over(self, mine: Claim, event: DailyDigestRequested, message: bytes) -> bool:
        known = {"network.protocol.name": "smtp", "cloudevents.event_id": str(mine.event_id)}
        with traces.span("send mail", "client", parent=traces.current(), attributes=known):
            self.transport.open_envelope(self.sender.address, event.email)
            reach("mail.after_envelope")
            if not self._begin_dispatch(mine):
                return False
            reach("mail.after_dispatching")
            self.transport.deliver(message)
            reach("mail.after_data")
        return True

    def _begin_dispatch(self, mine: Claim) -> bool:
        try:
            begun = self._once(lambda session: claims.begin_dispatch(session, mine, self.clock()))
        except DatabaseUnavailable:
            # Written or not, nothing was sent: saying so keeps the mail from ending as `unknown`.
            self._postpone(mine, self.clock(), "database unavailable", attempts=mine.attempts - 1)
            return False
        if not begun:
            self._fenced(mine)
        return begun

    def _defer(self, mine: Claim, error: str) -> None:
        if mine.attempts >= claims.MAX_ATTEMPTS:
            return self._finish(mine, State.FAILED, error)
        return self._postpone(mine, self.clock() + claims.back_off(mine.attempts), error, attempts=mine.attempts)

    def _finish(self, mine: Claim, state: State, error: str | None = None) -> None:
        if self._patiently(lambda session: claims.finish(session, mine, state, self.clock(), error)):
            self._tell(state, str(mine.event_id), error)
        else:
            self._fenced(mine)

    def _postpone(self, mine: Claim, until: datetime, error: str, *, attempts: int) -> None:
        if self._patiently(lambda session: claims.postpone(session, mine, until, error, attempts=attempts)):
            logger.warning("mail put off", extra={"event_id": str(mine.event_id), "error": error, "until": str(until)})
            _count(Metric.MAIL_PUT_OFF)
        else:
            self._fenced(mine)

    def _bury(self, record: KafkaRecord, reason: str) -> None:
        self._patiently(lambda session: letters.bury(session, record, reason, self.clock()))
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        logger.error("dead letter", extra={**place, "reason": reason})
        _count(Metric.MAIL_DEAD_LETTER)

    def _fenced(self, mine: Claim) -> None:
        logger.error("claim lost to another sender, nothing was written", extra={"event_id": str(mine.event_id)})
        _count(Metric.MAIL_FENCED)

    def _tell(self, state: State, event_id: str | None, error: str | None = None) -> None:
        level = logger.info if state is State.SENT else logger.error
        level("mail %s", state.value, extra={"event_id": event_id, "error": error})
        _count(Metric[f"MAIL_{state.name}"])

    def _lease(self) -> Lease:
        now = self.clock()
        # Longer than this invocation can live, whatever its time-out is.
        return Lease(now, now + timedelta(seconds=max(0.0, self.remaining())) + LEASE_MARGIN)

    def _once[Result](self, step: Callable[[Session], Result]) -> Result:
        with transaction(self.engine) as session:
            return step(session)

    def _patiently[Result](self, step: Callable[[Session], Result]) -> Result:
        """A step that may be repeated: a short absence of the database costs none of the mapping's attempts."""
        while True:
            try:
                return self._once(step)
            except DatabaseUnavailable:
                if self.remaining() < TIME_TO_WAIT:
                    raise
                logger.warning("waiting for the database")
                self.pause(_POLL)


def _count(metric: Metric) -> None:
    emit("mail_sender", {metric: 1})
