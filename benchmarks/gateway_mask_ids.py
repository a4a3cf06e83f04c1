"""National numbers made from a seed, with right check digits, and what else is made of digits."""

from __future__ import annotations

import random
import string
from datetime import date, timedelta

DIGITS = string.digits


def digits(dice: random.Random, number: int, first: str = "") -> str:
    return first + "".join(dice.choice(DIGITS) for _ in range(number - len(first)))


def some(dice: random.Random, number: int, among: str) -> str:
    return "".join(dice.choice(among) for _ in range(number))


def day_of_birth(dice: random.Random) -> date:
    return date(1941, 1, 2) + timedelta(days=dice.randrange(23_000))


def luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        worth = int(digit) * (2 if place % 2 == 0 else 1)
        total += worth - 9 if worth > 9 else worth
    return str(-total % 10)


def grouped(text: str, *sizes: int, by: str = " ") -> str:
    parts, past = [], 0
    for size in sizes:
        parts.append(text[past : past + size])
        past += size
    return by.join([*parts, *([text[past:]] if text[past:] else [])])


def ssn(dice: random.Random) -> str:
    return f"{dice.choice([dice.randrange(1, 666), dice.randrange(667, 900)]):03}-{dice.randrange(1, 100):02}-{dice.randrange(1, 10_000):04}"  # noqa: E501 - a table


def nino(dice: random.Random) -> str:
    number = digits(dice, 6)
    return f"{dice.choice(['AB', 'CE', 'HJ', 'PR', 'TW'])} {grouped(number, 2, 2, 2)} {dice.choice('ABCD')}"


def nhs_number(dice: random.Random) -> str:
    while True:
        body = digits(dice, 9, "4")
        check = -sum(int(digit) * (10 - place) for place, digit in enumerate(body)) % 11
        if check < 10:
            return grouped(f"{body}{check}", 3, 3, 4)


def german_tax_number(dice: random.Random) -> str:
    while True:
        ten = dice.sample(DIGITS, 9)
        ten.insert(dice.randrange(10), dice.choice(ten))
        if ten[0] != "0":
            break
    product = 10
    for digit in ten:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    number = "".join(ten) + str((11 - product) % 10)
    return number if dice.random() < 0.5 else grouped(number, 2, 3, 3, 3)


def german_insurance_number(dice: random.Random) -> str:
    day, letter = day_of_birth(dice), dice.choice(string.ascii_uppercase)
    head = f"{digits(dice, 2, '1')}{day:%d%m%y}"
    serial = digits(dice, 2)
    counted = f"{head}{ord(letter) - 64:02}{serial}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    check = sum(sum(divmod(int(d) * w, 10)) for d, w in zip(counted, weights, strict=True)) % 10
    return f"{head[:2]} {head[2:]} {letter} {serial}{check}"


def french_number(dice: random.Random) -> str:
    body = f"{dice.choice('12')}{day_of_birth(dice):%y%m}{dice.randrange(1, 96):02}{digits(dice, 6)}"
    number = f"{body}{97 - int(body) % 97:02}"
    return number if dice.random() < 0.4 else grouped(number, 1, 2, 2, 2, 3, 3, 2)


def spanish_number(dice: random.Random) -> str:
    number = digits(dice, 8)
    letter = "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]
    if dice.random() < 0.5:
        return f"{number}{letter}"
    own = f"{dice.choice('012')}{number[1:]}"
    return f"{'XYZ'[int(own[0])]}{own[1:]}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(own) % 23]}"


def italian_number(dice: random.Random) -> str:
    consonants, day = "BCDFGLMNPRSTVZ", day_of_birth(dice)
    body = f"{some(dice, 6, consonants)}{day:%y}{'ABCDEHLMPRST'[day.month - 1]}{day.day:02}{dice.choice('ABCDEFGH')}{digits(dice, 3)}"  # noqa: E501 - a table
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


def dutch_number(dice: random.Random) -> str:
    while True:
        body = digits(dice, 8, dice.choice("123456789"))
        rest = sum(int(digit) * (9 - place) for place, digit in enumerate(body)) % 11
        if rest < 10:
            return f"{body}{rest}"


def polish_number(dice: random.Random) -> str:
    body = f"{day_of_birth(dice):%y%m%d}{digits(dice, 4)}"
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return f"{body}{-sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 10}"


def swedish_number(dice: random.Random) -> str:
    day = day_of_birth(dice)
    body = f"{day:%y%m%d}{digits(dice, 3)}"
    return f"{dice.choice(['', f'{day:%Y}'[:2]])}{body[:6]}-{body[6:]}{luhn_digit(body)}"


def belgian_number(dice: random.Random) -> str:
    body = f"{day_of_birth(dice):%y%m%d}{digits(dice, 3)}"
    number = f"{body}{97 - int(body) % 97:02}"
    return f"{number[:2]}.{number[2:4]}.{number[4:6]}-{number[6:9]}.{number[9:]}"


def brazilian_number(dice: random.Random) -> str:
    number = digits(dice, 9, "3")
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


def aadhaar_number(dice: random.Random) -> str:
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
    body, check = digits(dice, 11, dice.choice("23456789")), 0
    for place, digit in enumerate(reversed(body), start=1):
        check = int(_TIMES[check][int(places[place % 8][int(digit)])])
    inverse = next(one for one in range(10) if _TIMES[check][one] == "0")
    return grouped(f"{body}{inverse}", 4, 4, 4)


def chinese_number(dice: random.Random) -> str:
    body = f"{dice.choice(['110105', '310104', '440305'])}{day_of_birth(dice):%Y%m%d}{digits(dice, 3)}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return f"{body}{'10X98765432'[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]}"


def japanese_number(dice: random.Random) -> str:
    body = digits(dice, 11)
    rest = sum(int(d) * w for d, w in zip(body, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return f"{body}{0 if rest <= 1 else 11 - rest}"


def korean_number(dice: random.Random) -> str:
    body = f"{day_of_birth(dice):%y%m%d}{dice.choice('12')}{digits(dice, 5)}"
    check = (11 - sum(int(d) * w for d, w in zip(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True)) % 11) % 10
    return f"{body[:6]}-{body[6:]}{check}"
