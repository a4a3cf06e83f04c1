from __future__ import annotations

import pytest

from ragsite.core.environment import environment_read
from ragsite.core.errors import ConfigurationError
from ragsite.core.mail_servers import MailServer, mail_server_read


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("", MailServer()),
        ("smtp://localhost", MailServer("localhost", 25)),
        ("smtp://mail.example.org:2525", MailServer("mail.example.org", 2525)),
        ("smtp://ann%40a.org:p%3Aw%2F@mail?starttls", MailServer("mail", 587, "ann@a.org", "p:w/", starttls=True)),
        ("smtps://ann:pw@mail", MailServer("mail", 465, "ann", "pw", tls=True)),
        ("smtp://[::1]:25", MailServer("::1", 25)),
    ],
)
def test_a_mail_server_is_read_from_its_address(address: str, read: MailServer) -> None:
    assert mail_server_read(address) == read


@pytest.mark.parametrize(
    "address",
    ["mail.example.org", "http://mail", "smtps://mail?starttls", "smtp://u:hunter2@", "smtp://u:hunter2@mail/path"],
)
def test_what_is_no_such_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValueError, match="must be smtp://") as raised:
        mail_server_read(address)
    assert "hunter2" not in str(raised.value)


def test_a_password_is_not_shown_with_the_server() -> None:
    assert "hunter2" not in repr(mail_server_read("smtp://u:hunter2@mail"))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"ALERT_WEBHOOK_URL": "https://a.org/x"}, "RAGSITE_ALERT_WEBHOOK_SECRET must be given"),
        ({"ALERT_WEBHOOK_URL": "https://u:p@a.org/x", "ALERT_WEBHOOK_SECRET": "s" * 32}, "without a login"),
        ({"ALERT_WEBHOOK_SECRET": "short"}, "fewer than 32 characters"),
        ({"ALERT_EMAILS": "ann@a.org"}, "RAGSITE_ALERT_SENDER and RAGSITE_MAIL_SERVER must be given"),
        ({"ALERT_EMAILS": "ann"}, "'ann' is no e-mail address"),
        ({"ALERT_SENDER": "a@a.org,b@b.org"}, "must be one address"),
    ],
)
def test_settings_of_alerts_that_could_not_work_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], complaint: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"RAGSITE_{name}", value)
    with pytest.raises(ConfigurationError, match=complaint):
        environment_read()


def test_settings_of_alerts_that_belong_together_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_ALERT_EMAILS", "ann@a.org, bob@b.org")
    monkeypatch.setenv("RAGSITE_ALERT_SENDER", "rag@a.org")
    monkeypatch.setenv("RAGSITE_MAIL_SERVER", "smtps://mail.a.org")
    found = environment_read()
    assert found.alert_emails == ("ann@a.org", "bob@b.org")
    assert found.mail_server == MailServer("mail.a.org", 465, tls=True)
