"""The real services that Samlet runs beside the functions, or finds where the user already has them."""

from samlet.services.external import ExternalKafka, ExternalMail, ExternalPostgres
from samlet.services.kafka import Kafka
from samlet.services.mail import MailSink
from samlet.services.mailpit import Mailpit
from samlet.services.moto import Moto
from samlet.services.postgres import Postgres, reset

__all__ = [
    "ExternalKafka",
    "ExternalMail",
    "ExternalPostgres",
    "Kafka",
    "MailSink",
    "Mailpit",
    "Moto",
    "Postgres",
    "reset",
]
