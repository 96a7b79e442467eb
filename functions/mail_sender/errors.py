"""What can go wrong with a mail, as far as it matters for what is done next.

MailError
├── ServerUnusable       no mail at all can be sent now: wait, and use up no attempt of this one
├── Deferred             this mail not now (4yz, or the connection broke before the final dot): back off
├── Refused              this mail never (5yz)
│   └── AddressRefused   nor any other to this address (550 and its kin at RCPT)
└── Unanswered           the final dot is out and no answer came: the mail may or may not have been taken
"""


class MailError(Exception):
    """Why a mail is not known to be sent; the text may be stored and logged, so it holds no address."""


class ServerUnusable(MailError):
    """The server can't be reached, its TLS or our password is wrong, or it refuses our sender."""


class Deferred(MailError):
    """A later attempt may succeed."""


class Refused(MailError):
    """No later attempt can succeed."""


class AddressRefused(Refused):
    """The address does not exist, or takes no mail."""


class Unanswered(MailError):
    """The one ambiguous case of RFC 1047: both sides hold the message."""
