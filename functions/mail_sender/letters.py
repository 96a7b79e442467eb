"""Dead letters: records that no attempt can turn into a mail, kept byte for byte with the reason."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mail_sender.kafka_event import KafkaRecord
from taskflow.tables import DeadLetter


def bury(session: Session, record: KafkaRecord, reason: str, now: datetime) -> None:
    """Stores the record once, however often it is given."""
    session.execute(
        insert(DeadLetter)
        .values(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            reason=reason,
            at=now,
        )
        .on_conflict_do_nothing()
    )
