"""From an event to a mail: a pure function, the same bytes for the same event and moment.

Titles are people's own words. The door of `tasks` refuses what breaks a line, but an event may be older than that rule,
so the renderer cleans them again; HTML is escaped by the templates.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from taskflow.events import DailyDigestRequested

MAX_TITLE = 200
MAX_SUBJECT = 150
_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
_SEVEN_BIT = SMTP.clone(cte_type="7bit")

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Sender:
    """Who the mails are from, and where they lead to."""

    name: str
    address: str
    web_url: str

    @classmethod
    def read(cls, mail_from: str, web_url: str) -> "Sender":
        """From MAIL_FROM, `Name <address>`, and WEB_URL; ValueError where there is no address in it."""
        name, address = parseaddr(mail_from)
        if address.count("@") != 1 or not address.isascii():
            raise ValueError("MAIL_FROM must be an address, or a name and an <address>")
        return cls(name, address, web_url.rstrip("/"))

    @property
    def domain(self) -> str:
        return self.address.partition("@")[2]


def cleaned(text: str, limit: int) -> str:
    """One line that SMTP, MIME and a reader's eye can take, of at most `limit` characters."""
    kept = "".join(" " if unicodedata.category(letter) in _BREAKING else letter for letter in text)
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def subject_of(event: DailyDigestRequested) -> str:
    """What the inbox shows: the day's load in a few words."""
    undone = event.stats.undone
    if undone == 0:
        return "Your tasks: all done" if event.stats.total else "Your tasks: nothing to do"
    first = cleaned(event.undone_titles[0], 60) if event.undone_titles else ""
    load = f"Your tasks: {undone} to do"
    return cleaned(f"{load}, newest: {first}" if first else load, MAX_SUBJECT)


def render(event: DailyDigestRequested, sender: Sender, now: datetime) -> bytes:
    """The whole message, ready for SMTP's DATA, in text and HTML."""
    titles = [cleaned(title, MAX_TITLE) or "(no title)" for title in event.undone_titles]
    known = {
        "subject": subject_of(event),
        "stats": event.stats,
        "titles": titles,
        "more": max(0, event.stats.undone - len(titles)),
        "web_url": sender.web_url,
    }
    message = EmailMessage(policy=_SEVEN_BIT)
    for name, value in _headers(event, sender, now).items():
        message[name] = value
    message.set_content(_templates.get_template("digest.txt").render(known))
    message.add_alternative(_templates.get_template("digest.html").render(known), subtype="html")
    message.set_boundary(f"=_{event.event_id.hex}")
    return message.as_bytes()


def _headers(event: DailyDigestRequested, sender: Sender, now: datetime) -> dict[str, object]:
    event_id = str(event.event_id)
    return {
        "From": Address(display_name=sender.name, addr_spec=sender.address),
        "To": Address(addr_spec=event.email),
        "Subject": subject_of(event),
        "Date": format_datetime(now),
        # The same for every attempt, so that a server that remembers ids can drop a second copy.
        "Message-ID": f"<{event_id}@{sender.domain}>",
        "Auto-Submitted": "auto-generated",
        # Mailjet's own protection: at most one message per campaign and recipient.
        "X-MJ-CustomID": event_id,
        "X-Mailjet-Campaign": event_id,
        "X-Mailjet-DeduplicateCampaign": "1",
    }
