"""Values of all kinds that masking knows, made from a seed with right check digits, each in a sentence as people write them."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

LETTERS, DIGITS = string.ascii_letters, string.digits
URL_SAFE = LETTERS + DIGITS + "-_"


@dataclass(frozen=True, slots=True)
class Planted:
    """A value of a kind, and a sentence in which it stands at `start`."""

    kind: str
    value: str
    sentence: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.value)


def planted(number: int, *, seed: int = 19) -> list[Planted]:
    """So many values, the kinds and their shapes in turn."""
    dice = random.Random(seed)
    return [_planted(dice, *MAKERS[place % len(MAKERS)]) for place in range(number)]


def _planted(dice: random.Random, kind: str, make: Callable[[random.Random], str], said: Sequence[str]) -> Planted:
    value, sentence = make(dice), dice.choice(said)
    before, _, after = sentence.partition("{}")
    return Planted(kind, value, f"{before}{value}{after}", len(before))


def _digits(dice: random.Random, number: int, first: str = "") -> str:
    return first + "".join(dice.choice(DIGITS) for _ in range(number - len(first)))


def _some(dice: random.Random, number: int, among: str) -> str:
    return "".join(dice.choice(among) for _ in range(number))


def _day(dice: random.Random) -> date:
    return date(1941, 1, 2) + timedelta(days=dice.randrange(23_000))


def _luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        worth = int(digit) * (2 if place % 2 == 0 else 1)
        total += worth - 9 if worth > 9 else worth
    return str(-total % 10)


def _grouped(text: str, *sizes: int, by: str = " ") -> str:
    parts, past = [], 0
    for size in sizes:
        parts.append(text[past : past + size])
        past += size
    return by.join([*parts, *([text[past:]] if text[past:] else [])])


def _email(dice: random.Random) -> str:
    first = dice.choice(["anna", "j.smith", "Marta.Nowak", "o'brien", "li_wei", "support+case42", "r2d2", "m-ueller"])
    domain = dice.choice(
        ["example.org", "mail.example.co.uk", "firma-nord.de", "uni.example.edu", "bücher.example", "x1.example.museum"]
    )
    return f"{first}{dice.randrange(1, 999)}@{domain}"


def _card(dice: random.Random) -> str:
    first, length = dice.choice(
        [
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("36", 14),
            ("3530", 16),
            ("62", 16),
        ]
    )
    body = _digits(dice, length - 1, first)
    number = body + _luhn_digit(body)
    how = dice.choice(["plain", " ", "-"])
    if how == "plain":
        return number
    return _grouped(number, *{16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[length], by=how)


IBANS = {
    "DE": "n18",
    "GB": "a4n14",
    "FR": "n10c11n2",
    "ES": "n20",
    "NL": "a4n10",
    "IT": "a1n10c12",
    "CH": "n5c12",
    "PL": "n24",
    "NO": "n11",
    "BE": "n12",
}


def _iban(dice: random.Random) -> str:
    country, shape = dice.choice(list(IBANS.items()))
    body = ""
    for part in _shape_parts(shape):
        body += _some(
            dice, part[1], {"n": DIGITS, "a": string.ascii_uppercase, "c": string.ascii_uppercase + DIGITS}[part[0]]
        )
    number = "".join(str(int(one, 36)) for one in f"{body}{country}00")
    whole = f"{country}{98 - int(number) % 97:02}{body}"
    return whole if dice.random() < 0.4 else _grouped(whole, *[4] * (len(whole) // 4))


def _shape_parts(shape: str) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    for letter in shape:
        if letter.isalpha():
            parts.append((letter, 0))
        else:
            parts[-1] = (parts[-1][0], parts[-1][1] * 10 + int(letter))
    return parts


def _phone(dice: random.Random) -> str:
    n = lambda count: _digits(dice, count, dice.choice("23456789"))  # noqa: E731 - short for what follows
    return dice.choice([
        lambda: f"+49 {dice.choice(['30', '40', '89', '221'])} {n(7)}",
        lambda: f"+49 (0){dice.choice(['171', '160', '152'])} {n(7)}",
        lambda: f"0{dice.choice(['30', '40', '89'])}/{n(7)}",
        lambda: f"0{dice.choice(['171', '162', '151'])} {n(7)}",
        lambda: f"(0{dice.choice(['221', '711'])}) {n(6)}-{n(2)}",
        lambda: f"({n(3)}) {n(3)}-{n(4)}",
        lambda: f"{n(3)}-{n(3)}-{n(4)}",
        lambda: f"+1 {n(3)} {n(3)} {n(4)}",
        lambda: f"+1-{n(3)}-{n(3)}-{n(4)}",
        lambda: f"+44 20 {n(4)} {n(4)}",
        lambda: f"07{n(3)} {n(6)}",
        lambda: f"020 {n(4)} {n(4)}",
        lambda: f"06 {n(2)} {n(2)} {n(2)} {n(2)}",
        lambda: f"+33 6 {n(2)} {n(2)} {n(2)} {n(2)}",
        lambda: f"+34 6{n(2)} {n(3)} {n(3)}",
        lambda: f"+39 02 {n(8)}",
        lambda: f"+31 6 {n(8)}",
        lambda: f"+48 {n(3)} {n(3)} {n(3)}",
        lambda: f"+91 9{n(4)} {n(5)}",
        lambda: f"+81 3-{n(4)}-{n(4)}",
        lambda: f"+55 11 9{n(4)}-{n(4)}",
        lambda: f"+86 138 {n(4)} {n(4)}",
        lambda: f"0041 44 {n(3)} {n(2)} {n(2)}",
        lambda: f"+{dice.choice(['4930', '4420', '3161', '4670'])}{n(7)}",
    ])()  # fmt: skip


def _behind_word(dice: random.Random) -> str:
    return dice.choice([_digits(dice, 8, "5"), f"{_digits(dice, 3, '4')} {_digits(dice, 4, '7')}"])


def _ssn(dice: random.Random) -> str:
    return f"{dice.choice([dice.randrange(1, 666), dice.randrange(667, 900)]):03}-{dice.randrange(1, 100):02}-{dice.randrange(1, 10_000):04}"  # noqa: E501 - a table


def _nino(dice: random.Random) -> str:
    number = _digits(dice, 6)
    return f"{dice.choice(['AB', 'CE', 'HJ', 'PR', 'TW'])} {_grouped(number, 2, 2, 2)} {dice.choice('ABCD')}"


def _nhs(dice: random.Random) -> str:
    while True:
        body = _digits(dice, 9, "4")
        check = -sum(int(digit) * (10 - place) for place, digit in enumerate(body)) % 11
        if check < 10:
            return _grouped(f"{body}{check}", 3, 3, 4)


def _german_tax(dice: random.Random) -> str:
    while True:
        ten = dice.sample(DIGITS, 9)
        ten.insert(dice.randrange(10), dice.choice(ten))
        if ten[0] != "0":
            break
    product = 10
    for digit in ten:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    number = "".join(ten) + str((11 - product) % 10)
    return number if dice.random() < 0.5 else _grouped(number, 2, 3, 3, 3)


def _german_insurance(dice: random.Random) -> str:
    day, letter = _day(dice), dice.choice(string.ascii_uppercase)
    head = f"{_digits(dice, 2, '1')}{day:%d%m%y}"
    serial = _digits(dice, 2)
    digits = f"{head}{ord(letter) - 64:02}{serial}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    check = sum(sum(divmod(int(d) * w, 10)) for d, w in zip(digits, weights, strict=True)) % 10
    return f"{head[:2]} {head[2:]} {letter} {serial}{check}"


def _french(dice: random.Random) -> str:
    body = f"{dice.choice('12')}{_day(dice):%y%m}{dice.randrange(1, 96):02}{_digits(dice, 6)}"
    number = f"{body}{97 - int(body) % 97:02}"
    return number if dice.random() < 0.4 else _grouped(number, 1, 2, 2, 2, 3, 3, 2)


def _spanish(dice: random.Random) -> str:
    number = _digits(dice, 8)
    letter = "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]
    if dice.random() < 0.5:
        return f"{number}{letter}"
    own = f"{dice.choice('012')}{number[1:]}"
    return f"{'XYZ'[int(own[0])]}{own[1:]}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(own) % 23]}"


def _italian(dice: random.Random) -> str:
    consonants, day = "BCDFGLMNPRSTVZ", _day(dice)
    body = f"{_some(dice, 6, consonants)}{day:%y}{'ABCDEHLMPRST'[day.month - 1]}{day.day:02}{dice.choice('ABCDEFGH')}{_digits(dice, 3)}"  # noqa: E501 - a table
    odd = dict(
        zip(
            DIGITS + string.ascii_uppercase,
            (
                1,
                0,
                5,
                7,
                9,
                13,
                15,
                17,
                19,
                21,
                1,
                0,
                5,
                7,
                9,
                13,
                15,
                17,
                19,
                21,
                2,
                4,
                18,
                20,
                11,
                3,
                6,
                8,
                12,
                14,
                16,
                10,
                22,
                25,
                24,
                23,
            ),
            strict=True,
        )
    )
    total = sum(odd[one] for one in body[::2]) + sum(int(one) if one.isdigit() else ord(one) - 65 for one in body[1::2])
    return f"{body}{chr(65 + total % 26)}"


def _dutch(dice: random.Random) -> str:
    while True:
        body = _digits(dice, 8, dice.choice("123456789"))
        rest = sum(int(digit) * (9 - place) for place, digit in enumerate(body)) % 11
        if rest < 10:
            return f"{body}{rest}"


def _polish(dice: random.Random) -> str:
    body = f"{_day(dice):%y%m%d}{_digits(dice, 4)}"
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return f"{body}{-sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 10}"


def _swedish(dice: random.Random) -> str:
    day = _day(dice)
    body = f"{day:%y%m%d}{_digits(dice, 3)}"
    return f"{dice.choice(['', f'{day:%Y}'[:2]])}{body[:6]}-{body[6:]}{_luhn_digit(body)}"


def _belgian(dice: random.Random) -> str:
    body = f"{_day(dice):%y%m%d}{_digits(dice, 3)}"
    number = f"{body}{97 - int(body) % 97:02}"
    return f"{number[:2]}.{number[2:4]}.{number[4:6]}-{number[6:9]}.{number[9:]}"


def _brazilian(dice: random.Random) -> str:
    number = _digits(dice, 9, "3")
    for length in (10, 11):
        number += str(sum(int(d) * (length - place) for place, d in enumerate(number)) * 10 % 11 % 10)
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


_TIMES = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)


def _aadhaar(dice: random.Random) -> str:
    places = (
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    )
    body, check = _digits(dice, 11, dice.choice("23456789")), 0
    for place, digit in enumerate(reversed(body), start=1):
        check = int(_TIMES[check][int(places[place % 8][int(digit)])])
    inverse = next(one for one in range(10) if _TIMES[check][one] == "0")
    return _grouped(f"{body}{inverse}", 4, 4, 4)


def _chinese(dice: random.Random) -> str:
    body = f"{dice.choice(['110105', '310104', '440305'])}{_day(dice):%Y%m%d}{_digits(dice, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return f"{body}{'10X98765432'[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]}"


def _japanese(dice: random.Random) -> str:
    body = _digits(dice, 11)
    rest = sum(int(d) * w for d, w in zip(body, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return f"{body}{0 if rest <= 1 else 11 - rest}"


def _korean(dice: random.Random) -> str:
    body = f"{_day(dice):%y%m%d}{dice.choice('12')}{_digits(dice, 5)}"
    check = (11 - sum(int(d) * w for d, w in zip(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True)) % 11) % 10
    return f"{body[:6]}-{body[6:]}{check}"


def _shaped_secret(dice: random.Random) -> str:
    s = lambda count, among=LETTERS + DIGITS: _some(dice, count, among)  # noqa: E731 - short for what follows
    jwt = base64.urlsafe_b64encode(f'{{"sub":"{s(12)}","iat":{_digits(dice, 10, "1")}}}'.encode()).decode().rstrip("=")
    return dice.choice([
        f"rag_{s(12, '0123456789abcdef')}.{s(43, URL_SAFE)}",
        f"AKIA{s(16, string.ascii_uppercase + '234567')}",
        f"ghp_{s(36)}",
        f"github_pat_{s(22)}_{s(59)}",
        f"xoxb-{_digits(dice, 12)}-{_digits(dice, 12)}-{s(24)}",
        f"sk_live_{s(24)}",
        f"glpat-{s(20)}",
        f"AIza{s(35, URL_SAFE)}",
        f"npm_{s(36)}",
        f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{jwt}.{s(43, URL_SAFE)}",
    ])  # fmt: skip


def _pem(dice: random.Random) -> str:
    lines = "\n".join(_some(dice, 64, LETTERS + DIGITS + "+/") for _ in range(6))
    kind = dice.choice(["RSA ", "EC ", "", "OPENSSH "])
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _password(dice: random.Random) -> str:
    body = [
        dice.choice(string.ascii_lowercase),
        dice.choice(string.ascii_uppercase),
        dice.choice(DIGITS),
        dice.choice("!#+*%"),
    ]
    body += list(_some(dice, dice.randrange(6, 12), LETTERS + DIGITS))
    dice.shuffle(body)
    return "k" + "".join(body) + dice.choice(LETTERS)


def _token(dice: random.Random) -> str:
    return _some(dice, 32, LETTERS + DIGITS)


MAKERS: tuple[tuple[str, Callable[[random.Random], str], tuple[str, ...]], ...] = (
    ("email", _email, ("Please write to {} before Friday.", "Contact: {}", "Die Adresse lautet {}, nicht die alte.", "<{}> asked for a copy of the minutes.")),  # noqa: E501 - a table
    ("phone", _phone, ("You can reach her under {} in the mornings.", "Rückfragen an Herrn Kühn, {}.", "The office moved; its number is {} now.", "Call {} and ask for the harbour master.")),  # noqa: E501 - a table
    ("card", _card, ("The deposit was charged to {} on the 3rd.", "Karte {}, gültig bis Mai.", "She read the number {} to the clerk.")),  # noqa: E501 - a table
    ("iban", _iban, ("Please transfer the rent to {} by the 5th.", "IBAN: {}", "Konto {} bei der Sparkasse.")),
    ("secret", _shaped_secret, ("The service uses {} for its calls.", "token = {}", "Somebody pasted {} into the ticket.")),
    ("phone", _phone, ("Tel. {}", "Mobile: {}", "Notruf für Gäste: {} (rund um die Uhr)")),
    ("email", _email, ("Cc {} on all replies.", "From: {}\nSubject: berth 12", "({})")),
    ("phone", _behind_word, ("Phone: {}", "Fax {} for orders.", "Telefon {}")),
    ("national_id", _ssn, ("Her social security number is {}.", "SSN {} was on the form.", "The claimant ({}) was born in Ohio.")),  # noqa: E501 - a table
    ("national_id", _nino, ("National insurance: {}.", "His number {} was missing.")),
    ("national_id", _nhs, ("NHS number {} was quoted twice.", "The patient's NHS no. is {}.")),
    ("national_id", _german_tax, ("Steuer-ID: {}", "Die Identifikationsnummer {} steht im Bescheid.")),
    ("national_id", _german_insurance, ("Versicherungsnummer {} bitte angeben.", "RV-Nummer: {}")),
    ("national_id", _french, ("Son numéro de sécurité sociale est le {}.", "NIR {}")),
    ("national_id", _spanish, ("con DNI {} y domicilio en Vigo", "Documento: {}.")),
    ("national_id", _italian, ("Codice fiscale {}.", "nato a Genova, C.F. {}")),
    ("national_id", _dutch, ("Haar BSN is {}.", "Burgerservicenummer: {}")),
    ("national_id", _polish, ("PESEL {}", "numer {} w rejestrze")),
    ("national_id", _swedish, ("Personnummer {}", "född 1968, {}, bosatt i Lund")),
    ("national_id", _belgian, ("Rijksregisternummer {}", "numéro national {}.")),
    ("national_id", _brazilian, ("portador do CPF {}", "CPF: {}.")),
    ("national_id", _aadhaar, ("Aadhaar {} was verified.", "Her number is {}.")),
    ("national_id", _chinese, ("身份证号{}。", "ID number {} was copied.")),
    ("national_id", _japanese, ("個人番号: {}", "My Number {} was handed in.")),
    ("national_id", _korean, ("주민등록번호 {}", "The number {} was blacked out.")),
    ("secret", _pem, ("The key was committed:\n{}\nand then revoked.", "{}")),
    ("secret", _password, ("password: {}", "The password is {}", "Passwort={}", "login anna, pwd = {}")),
    ("secret", _token, ("Authorization: Bearer {}", "api_key: {}", "curl -H 'X-Api-Key: {}'", "access token {} expires soon")),
    ("card", _card, ("card no. {}", "Visa {}", "Kreditkarte: {}")),
    ("iban", _iban, ("to our account {} (reference 4711)", "Bankverbindung {}", "rekening {}")),
)  # fmt: skip
