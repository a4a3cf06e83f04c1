from email.message import EmailMessage

import pytest

from apps.documents.parsing.types import DocumentType


@pytest.fixture
def parse(parse_bytes):
    def parse_message(message):
        return parse_bytes(DocumentType.EML, message if isinstance(message, bytes) else message.as_bytes())

    return parse_message


def message(text="See you at the pond."):
    made = EmailMessage()
    made["Subject"] = "Größe der Enten"
    made["From"] = "Jürgen <j@example.org>"
    made["To"] = "Ann <ann@example.org>"
    made["Date"] = "Wed, 15 Jan 2025 21:43:52 +0100"
    made["Message-ID"] = "<1@example.org>"
    made.set_content(text)
    return made


def test_headers_and_text_stand_under_the_subject(parse, outline):
    document = parse(message())
    assert outline(document) == [
        (
            ("Größe der Enten",),
            "Größe der Enten\n\nFrom: Jürgen <j@example.org>\nTo: Ann <ann@example.org>\n"
            "Date: Wed, 15 Jan 2025 21:43:52 +0100\n\nSee you at the pond.",
        )
    ]
    assert document.title == "Größe der Enten"
    assert document.metadata["message_id"] == "<1@example.org>"


def test_of_two_versions_of_the_text_the_richer_one_is_read(parse):
    made = message("plain words")
    made.add_alternative("<p>rich words</p><table><tr><td>a<td>b</table>", subtype="html")
    text = parse(made).text
    assert "rich words\n\n| a | b |" in text
    assert "plain words" not in text


def test_an_empty_richer_version_gives_way_to_the_plain_one(parse):
    made = message("plain words")
    made.add_alternative(" ", subtype="html")
    assert "plain words" in parse(made).text


def test_attachments_are_counted_and_named_but_not_read(parse):
    made = message()
    made.add_attachment("secret of the attachment", filename="größe.txt")
    made.add_attachment(message("words of a forwarded mail"))
    document = parse(made)
    assert document.metadata["attachments_not_read"] == "2"
    assert document.metadata["attachment_names"] == "größe.txt, message/rfc822"
    assert "secret" not in document.text
    assert "forwarded" not in document.text


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("cp1252", "cp1252"),
        ("koi8-r", "koi8-r"),
        ("us-ascii", "utf-8"),
        ("no-such-name", "utf-8"),
        ("iso-2022-jp",) * 2,
    ],
)
def test_the_text_is_decoded_whatever_the_message_declares(parse, declared, actual):
    words = {"koi8-r": "Однажды в студёную", "iso-2022-jp": "名前と住所"}.get(actual, "größere Gänse")
    head = f"Subject: x\r\nContent-Type: text/plain; charset={declared}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    assert words in parse(head.encode() + words.encode(actual)).text


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?Gr=C3=B6=C3=9Fe?=",
        "=?iso-8859-1?B?R3L232U=?=",
        "Größe",
        "=?utf-8?q?Gr=C3=B6?=\r\n =?utf-8?q?=C3=9Fe?=",
    ],
)
def test_subjects_are_decoded_in_every_form(parse, subject):
    assert parse(f"Subject: {subject}\r\n\r\nwords".encode()).title == "Größe"


@pytest.mark.parametrize(
    "subject", ["=?x?b?====?=", "=?no-such?q?a?=", "=?utf-8?b?A?=", "\udcff".encode(errors="surrogateescape")]
)
def test_a_damaged_subject_does_no_harm(parse, subject):
    raw = subject if isinstance(subject, bytes) else subject.encode()
    document = parse(b"Subject: " + raw + b"\r\n\r\nwords")
    assert document.text.endswith("words")
    document.title.encode("utf-8")


def nested(depth):
    head = "".join(f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n' for at in range(depth))
    return f"Subject: x\n{head}Content-Type: text/plain\n\nwords".encode()


@pytest.mark.parametrize("depth", [60, 900])
def test_parts_inside_parts_inside_parts_are_refused(refused, depth):
    assert refused(DocumentType.EML, nested(depth)).error_code == "too_deep"


def test_a_message_of_too_many_parts_is_refused(refused):
    assert refused(DocumentType.EML, nested(1_100)).error_code == "too_large"


def test_a_message_without_any_text_is_refused(refused):
    assert refused(DocumentType.EML, b"X-Mailer: none\n\n").error_code == "empty_text"
