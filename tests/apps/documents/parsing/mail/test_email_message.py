import base64
from email.message import EmailMessage
from urllib.parse import quote

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
    assert document.metadata["attachment_names"] == "größe.txt, Größe der Enten"
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


def test_encodings_that_pass_for_ascii_are_decoded_as_named(parse):
    assert parse(b"Subject: =?ISO-2022-JP?B?GyRCO3FOQRsoQg==?=\n\nwords").title == "資料"


@pytest.mark.parametrize(
    "subject", ["=?x?b?====?=", "=?no-such?q?a?=", "=?utf-8?b?A?=", "\udcff".encode(errors="surrogateescape")]
)
def test_a_damaged_subject_does_no_harm(parse, subject):
    raw = subject if isinstance(subject, bytes) else subject.encode()
    document = parse(b"Subject: " + raw + b"\r\n\r\nwords")
    assert document.text.endswith("words")
    document.title.encode("utf-8")


INVITATION = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;TZID=Europe/Berlin:20240311T090000
DURATION:PT1H30M
SUMMARY;LANGUAGE=en:Pond\\; part 1
DESCRIPTION:We look at the wa
 ter\\, then\\nat the reeds.
LOCATION:Room 4
ORGANIZER;CN="Office, North":mailto:o@example.org
ATTENDEE;CN=Ann;PARTSTAT=ACCEPTED:MAILTO:ann@example.org
ATTENDEE;CUTYPE=ROOM:mailto:r4@example.org
RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20240601T000000Z
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20240401
DTEND;VALUE=DATE:20240404
SUMMARY:Fair
END:VEVENT
END:VCALENDAR
"""
TABLE = """| What | Pond; part 1 |
| When | Monday, 11 March 2024 (2024-03-11), 09:00 to 10:30 Europe/Berlin |
| Repeats | every week, on Monday, until Saturday, 1 June 2024 (2024-06-01) |
| Where | Room 4; r4@example.org |
| Who | Office, North <o@example.org> (organizer), Ann <ann@example.org> (accepted) |

We look at the water, then
at the reeds.

| What | Fair |
| When | Monday, 1 April 2024 (2024-04-01) to Wednesday, 3 April 2024 (2024-04-03) |"""


def test_an_invitation_stands_below_the_words_of_the_message_as_a_table(parse):
    made = message("Bring boots.")
    made.add_alternative("<p>Bring <b>boots</b>.</p>", subtype="html")
    made.add_alternative("<p>not for all programs</p>", subtype="x-amp-html")
    made.add_alternative(INVITATION, subtype="calendar")
    made.add_attachment(INVITATION, subtype="calendar", filename="invite.ics")
    document = parse(made)
    assert document.text.endswith(f"+0100\n\nBring boots.\n\n{TABLE}")
    assert document.metadata["attachment_names"] == "invite.ics"


def test_an_invitation_may_have_a_name(parse):
    made = message("Bring boots.")
    made.add_alternative(INVITATION, subtype="calendar", params={"name": "meeting.ics"})
    document = parse(made)
    assert document.text.endswith(f"+0100\n\nBring boots.\n\n{TABLE}")
    assert "attachment_names" not in document.metadata


def test_a_returned_message_says_why(parse):
    status = (
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; n@example.org\nDiagnostic-Code: smtp; 550\n no such user\n"
    )
    parts = f"--b\n\nNot delivered.\n--b\nContent-Type: message/delivery-status\n\n{status}\n--b--\n"
    document = parse(f"Subject: x\nContent-Type: multipart/report; boundary=b\n\n{parts}".encode())
    assert document.text == (
        "x\n\nNot delivered.\n\nReporting-MTA: dns; mx\n\n"
        "Final-Recipient: rfc822; n@example.org\nDiagnostic-Code: smtp; 550 no such user"
    )


def test_a_calendar_is_read_entry_by_entry(parse_bytes, outline):
    first, second = TABLE.split("\n\n| What | Fair")
    document = parse_bytes(DocumentType.CALENDAR, INVITATION.encode())
    assert outline(document) == [(("Pond; part 1",), first), (("Fair",), f"| What | Fair{second}")]
    assert not document.title
    named = INVITATION.replace("BEGIN:VEVENT", "X-WR-CALNAME:Ponds\nBEGIN:VEVENT", 1)
    assert parse_bytes(DocumentType.CALENDAR, named.encode()).title == "Ponds"


def test_rich_text_without_words_gives_way_to_plain_words(parse):
    made = message("plain words")
    made.add_alternative("<title>x</title><style>p {}</style><p>&nbsp;<img src=x></p>", subtype="html")
    assert parse(made).text.endswith("\n\nplain words")


def test_lines_that_were_broken_for_sending_are_joined(parse):
    head = b"Subject: x\r\nContent-Type: text/plain; format=flowed; delsp=yes\r\n\r\n"
    text = parse(head + b"The har \r\nbour is closed. \r\nNow.\r\n> quo \r\n> ted\r\n-- \r\nAnn \r\n").text
    assert text == "x\n\nThe harbour is closed. Now.\n> quoted\n-- \nAnn"


@pytest.mark.parametrize(
    "subject",
    [
        b"=?gb2312?B?" + base64.b64encode("會议通知".encode("gbk")) + b"?=",
        b"=?us-ascii?B?" + base64.b64encode("會议通知".encode("gbk")) + b"?=",
        b"=?iso-8859-1?B?" + base64.b64encode("會议通知".encode()) + b"?=",
        "會议通知".encode("gbk"),
    ],
)
def test_wrong_and_missing_charsets_are_made_good_by_what_the_rest_of_the_message_says(parse, subject):
    head = b"Subject: " + subject + b'\r\nTo: "\xcd\xf5=?gbk?B?zuU=?=" <w@example.org>\r\n'
    document = parse(head + b"Content-Type: text/plain; charset=gb2312\r\n\r\n\xc4\xfa\xba\xc3")
    assert document.title == "會议通知"
    assert document.metadata["to"] == '"王五" <w@example.org>'
    assert document.text.endswith("您好")


@pytest.mark.parametrize(
    "header",
    [
        'attachment; filename="報价.pdf"'.encode("gbk"),
        b"attachment; filename*=gb2312''" + quote("報价.pdf".encode("gbk")).encode(),
        b"attachment; filename*0*=utf-8''%E5%A0%B1; filename*1*=%E4%BB%B7.pdf",
        b'attachment; filename="=?utf-8?B?5aCx5Lu3LnBkZg==?="',
    ],
)
def test_attachments_have_their_names_in_every_form(parse, header):
    text = b"Content-Type: text/plain; charset=gbk\n\nwords\n--B\n"
    parts = b"--B\n" + text + b"Content-Disposition: " + header + b"\n\nx\n--B--\n"
    document = parse(b"Subject: x\nContent-Type: multipart/mixed; boundary=B\n\n" + parts)
    assert document.metadata["attachment_names"] == "報价.pdf"


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
