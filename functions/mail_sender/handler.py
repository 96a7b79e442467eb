"""The door of `mail_sender`: records of the Kafka mapping, or the minute's tick that sends what was put off."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from sqlalchemy import Engine

from mail_sender.kafka_event import handle_batch, is_kafka_event
from mail_sender.postman import Circuit, Postman
from mail_sender.rendering import Sender
from mail_sender.smtp_url import SmtpServer, parse_smtp_url
from mail_sender.transport import SmtpTransport
from taskflow import traces
from taskflow.clock import utc_now
from taskflow.database import engine_for
from taskflow.settings import DatabaseSettings, Environment

DATABASE_TIMEOUT = 6.0
_circuit = Circuit()


@cache
def _engine() -> Engine:
    return engine_for(DatabaseSettings.read(Environment(), timeout=DATABASE_TIMEOUT))


@cache
def _mail() -> tuple[SmtpServer, Sender]:
    environment = Environment()
    sender = Sender.read(environment.text("MAIL_FROM"), environment.text("WEB_URL"))
    return parse_smtp_url(environment.text("SMTP_URL")), sender


@traces.traced("mail_sender")
def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Sends the mails of a batch, or those that have fallen due in the database."""

    def remaining() -> float:
        return context.get_remaining_time_in_millis() / 1000

    server, sender = _mail()
    transport = SmtpTransport(server, remaining=remaining)
    postman = Postman(_engine(), transport, sender, utc_now, remaining, _circuit)
    try:
        if is_kafka_event(event):
            return handle_batch(event, postman.take_record)
        if event.get("source") == "aws.events":
            return {"swept": postman.sweep()}
        raise ValueError("mail_sender is woken by a Kafka mapping or by an EventBridge rule, and this event is neither")
    finally:
        transport.quit()
