"""Values of all kinds that masking knows, made from a seed with right check digits, each in a sentence as people write them."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.gateway_mask_ids import (
    aadhaar_number,
    belgian_number,
    brazilian_number,
    chinese_number,
    digits,
    dutch_number,
    french_number,
    german_insurance_number,
    german_tax_number,
    grouped,
    italian_number,
    japanese_number,
    korean_number,
    luhn_digit,
    nhs_number,
    nino,
    polish_number,
    some,
    spanish_number,
    ssn,
    swedish_number,
)

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
    body = digits(dice, length - 1, first)
    number = body + luhn_digit(body)
    how = dice.choice(["plain", " ", "-"])
    if how == "plain":
        return number
    return grouped(number, *{16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[length], by=how)


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
        body += some(
            dice, part[1], {"n": DIGITS, "a": string.ascii_uppercase, "c": string.ascii_uppercase + DIGITS}[part[0]]
        )
    number = "".join(str(int(one, 36)) for one in f"{body}{country}00")
    whole = f"{country}{98 - int(number) % 97:02}{body}"
    return whole if dice.random() < 0.4 else grouped(whole, *[4] * (len(whole) // 4))


def _shape_parts(shape: str) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    for letter in shape:
        if letter.isalpha():
            parts.append((letter, 0))
        else:
            parts[-1] = (parts[-1][0], parts[-1][1] * 10 + int(letter))
    return parts


def _phone(dice: random.Random) -> str:
    n = lambda count: digits(dice, count, dice.choice("23456789"))  # noqa: E731 - short for what follows
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
    return dice.choice([digits(dice, 8, "5"), f"{digits(dice, 3, '4')} {digits(dice, 4, '7')}"])


def _shaped_secret(dice: random.Random) -> str:
    s = lambda count, among=LETTERS + DIGITS: some(dice, count, among)  # noqa: E731 - short for what follows
    jwt = base64.urlsafe_b64encode(f'{{"sub":"{s(12)}","iat":{digits(dice, 10, "1")}}}'.encode()).decode().rstrip("=")
    return dice.choice([
        f"rag_{s(12, '0123456789abcdef')}.{s(43, URL_SAFE)}",
        f"AKIA{s(16, string.ascii_uppercase + '234567')}",
        f"ghp_{s(36)}",
        f"github_pat_{s(22)}_{s(59)}",
        f"xoxb-{digits(dice, 12)}-{digits(dice, 12)}-{s(24)}",
        f"sk_live_{s(24)}",
        f"glpat-{s(20)}",
        f"AIza{s(35, URL_SAFE)}",
        f"npm_{s(36)}",
        f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{jwt}.{s(43, URL_SAFE)}",
    ])  # fmt: skip


def _pem(dice: random.Random) -> str:
    lines = "\n".join(some(dice, 64, LETTERS + DIGITS + "+/") for _ in range(6))
    kind = dice.choice(["RSA ", "EC ", "", "OPENSSH "])
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def _password(dice: random.Random) -> str:
    body = [
        dice.choice(string.ascii_lowercase),
        dice.choice(string.ascii_uppercase),
        dice.choice(DIGITS),
        dice.choice("!#+*%"),
    ]
    body += list(some(dice, dice.randrange(6, 12), LETTERS + DIGITS))
    dice.shuffle(body)
    return "k" + "".join(body) + dice.choice(LETTERS)


def _token(dice: random.Random) -> str:
    return some(dice, 32, LETTERS + DIGITS)


MAKERS: tuple[tuple[str, Callable[[random.Random], str], tuple[str, ...]], ...] = (
    ("email", _email, ("Please write to {} before Friday.", "Contact: {}", "Die Adresse lautet {}, nicht die alte.", "<{}> asked for a copy of the minutes.")),  # noqa: E501 - a table
    ("phone", _phone, ("You can reach her under {} in the mornings.", "Rückfragen an Herrn Kühn, {}.", "The office moved; its number is {} now.", "Call {} and ask for the harbour master.")),  # noqa: E501 - a table
    ("card", _card, ("The deposit was charged to {} on the 3rd.", "Karte {}, gültig bis Mai.", "She read the number {} to the clerk.")),  # noqa: E501 - a table
    ("iban", _iban, ("Please transfer the rent to {} by the 5th.", "IBAN: {}", "Konto {} bei der Sparkasse.")),
    ("secret", _shaped_secret, ("The service uses {} for its calls.", "token = {}", "Somebody pasted {} into the ticket.")),
    ("phone", _phone, ("Tel. {}", "Mobile: {}", "Notruf für Gäste: {} (rund um die Uhr)")),
    ("email", _email, ("Cc {} on all replies.", "From: {}\nSubject: berth 12", "({})")),
    ("phone", _behind_word, ("Phone: {}", "Fax {} for orders.", "Telefon {}")),
    ("national_id", ssn, ("Her social security number is {}.", "SSN {} was on the form.", "The claimant ({}) was born in Ohio.")),
    ("national_id", nino, ("National insurance: {}.", "His number {} was missing.")),
    ("national_id", nhs_number, ("NHS number {} was quoted twice.", "The patient's NHS no. is {}.")),
    ("national_id", german_tax_number, ("Steuer-ID: {}", "Die Identifikationsnummer {} steht im Bescheid.")),
    ("national_id", german_insurance_number, ("Versicherungsnummer {} bitte angeben.", "RV-Nummer: {}")),
    ("national_id", french_number, ("Son numéro de sécurité sociale est le {}.", "NIR {}")),
    ("national_id", spanish_number, ("con DNI {} y domicilio en Vigo", "Documento: {}.")),
    ("national_id", italian_number, ("Codice fiscale {}.", "nato a Genova, C.F. {}")),
    ("national_id", dutch_number, ("Haar BSN is {}.", "Burgerservicenummer: {}")),
    ("national_id", polish_number, ("PESEL {}", "numer {} w rejestrze")),
    ("national_id", swedish_number, ("Personnummer {}", "född 1968, {}, bosatt i Lund")),
    ("national_id", belgian_number, ("Rijksregisternummer {}", "numéro national {}.")),
    ("national_id", brazilian_number, ("portador do CPF {}", "CPF: {}.")),
    ("national_id", aadhaar_number, ("Aadhaar {} was verified.", "Her number is {}.")),
    ("national_id", chinese_number, ("身份证号{}。", "ID number {} was copied.")),
    ("national_id", japanese_number, ("個人番号: {}", "My Number {} was handed in.")),
    ("national_id", korean_number, ("주민등록번호 {}", "The number {} was blacked out.")),
    ("secret", _pem, ("The key was committed:\n{}\nand then revoked.", "{}")),
    ("secret", _password, ("password: {}", "The password is {}", "Passwort={}", "login anna, pwd = {}")),
    ("secret", _token, ("Authorization: Bearer {}", "api_key: {}", "curl -H 'X-Api-Key: {}'", "access token {} expires soon")),
    ("card", _card, ("card no. {}", "Visa {}", "Kreditkarte: {}")),
    ("iban", _iban, ("to our account {} (reference 4711)", "Bankverbindung {}", "rekening {}")),
)  # fmt: skip
