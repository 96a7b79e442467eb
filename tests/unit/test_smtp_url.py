import pytest

from mail_sender.smtp_url import InvalidSmtpUrl, SmtpServer, parse_smtp_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:1025", SmtpServer("127.0.0.1", 1025)),
        ("smtp://mail", SmtpServer("mail", 25)),
        ("smtps://u:p%40ss@mail", SmtpServer("mail", 465, "tls", "u", "p@ss")),
        ("smtp+starttls://u:p@mail", SmtpServer("mail", 587, "starttls", "u", "p")),
        ("smtp://u:p@mail:25", SmtpServer("mail", 25, "starttls", "u", "p")),  # no password in the clear
        ("smtp://u:p@localhost:1025", SmtpServer("localhost", 1025, "none", "u", "p")),
    ],
)
def test_an_url_names_a_server(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize("url", ["", "mail:25", "http://mail", "smtp://", "smtp://u:secret@:25", "smtp://h:99999"])
def test_another_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidSmtpUrl) as caught:
        parse_smtp_url(url)
    assert "secret" not in str(caught.value)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_smtp_url("smtps://u:secret@mail"))
