"""Sentences as language models write them from a passage: true ones in other words, and some that were turned round."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """What a passage says, true ways to put it, and false ones: other numbers, negations, opposites, other names."""

    language: str
    passage: str
    true: tuple[str, ...]
    turned: tuple[str, ...]
    renamed: tuple[str, ...] = ()


TOLD = (
    Told(
        "english",
        "The library lends up to 12 books at a time. Loans last 21 days and may be renewed twice. Reference books are not lent. "
        "Members under 16 need the consent of a parent. Meera Patel has been its head since March 2019.",
        (
            "Up to 12 books are lent at a time by the library.",
            "The library lends up to twelve books at a time.",
            "Loans may be renewed twice.",
            "Reference books are not lent.",
            "Loans last 21 days.",
            "Members under 16 need a parent's consent.",
            "Meera Patel has been head since March 2019.",
        ),
        (
            "The library lends up to 14 books at a time.",
            "Loans last 12 days.",
            "Loans may not be renewed twice.",
            "Reference books are lent.",
            "Members under 18 need the consent of a parent.",
            "Members under 16 do not need the consent of a parent.",
            "Meera Patel has been its head since March 2009.",
        ),
        ("Rohan Patel has been its head since March 2019.", "The Oxford library lends up to 12 books at a time."),
    ),
    Told(
        "english",
        "Heating the alloy above 400 degrees increases its strength but reduces its resistance to rust. Cooling it slowly has "
        "no effect on hardness. The coating must be applied before welding, never after it.",
        (
            "Heating the alloy above 400 degrees increases its strength.",
            "Heating the alloy reduces its resistance to rust.",
            "Slow cooling has no effect on hardness.",
            "The coating must be applied before welding.",
        ),
        (
            "Heating the alloy above 400 degrees reduces its strength.",
            "Heating the alloy above 500 degrees increases its strength.",
            "Heating the alloy above 400 degrees does not increase its strength.",
            "Cooling it slowly has an effect on hardness.",
            "The coating must be applied after welding.",
        ),
    ),
    Told(
        "german",
        "Der Antrag muss bis Ende April gestellt werden. Er kostet nichts. Die Förderung beträgt höchstens 2.500 Euro im "
        "Jahr. Vereine ohne Satzung werden nicht gefördert. Die Bearbeitung dauert nicht länger als sechs Wochen.",
        (
            "Bis Ende April muss der Antrag gestellt werden.",
            "Die Förderung beträgt höchstens 2500 Euro im Jahr.",
            "Vereine ohne Satzung werden nicht gefördert.",
            "Die Bearbeitung dauert nicht länger als 6 Wochen.",
        ),
        (
            "Der Antrag muss bis Ende Mai gestellt werden.",
            "Der Antrag muss nicht bis Ende April gestellt werden.",
            "Die Förderung beträgt höchstens 3.500 Euro im Jahr.",
            "Vereine ohne Satzung werden gefördert.",
            "Vereine mit Satzung werden nicht gefördert.",
        ),
        ("Der Hamburger Antrag muss bis Ende April gestellt werden.",),
    ),
    Told(
        "french",
        "Le musée est ouvert tous les jours de 10 h à 18 h. Il n'est pas accessible aux chiens. Les enfants de moins de 12 "
        "ans ne paient rien. La visite guidée coûte 8 euros et dure 90 minutes.",
        (
            "Le musée est ouvert tous les jours de 10 h à 18 h.",
            "La visite guidée dure 90 minutes.",
            "La visite guidée coûte 8 euros.",
        ),
        (
            "Le musée est fermé tous les jours de 10 h à 18 h.",
            "Le musée n'est pas ouvert tous les jours de 10 h à 18 h.",
            "Il est accessible aux chiens.",
            "La visite guidée coûte 9 euros.",
        ),
        ("La visite guidée de Lyon coûte 8 euros.",),
    ),
    Told(
        "spanish",
        "El contrato se puede rescindir con un preaviso de 15 días. La empresa no paga los gastos de envío. "
        "El precio aumenta cada año en enero.",
        (
            "El contrato se puede rescindir con un preaviso de 15 días.",
            "La empresa no paga los gastos de envío.",
            "En enero de cada año aumenta el precio.",
        ),
        (
            "El contrato no se puede rescindir con un preaviso de 15 días.",
            "La empresa paga los gastos de envío.",
            "El precio disminuye cada año en enero.",
            "El contrato se puede rescindir con un preaviso de 30 días.",
        ),
    ),
    Told(
        "italian",
        "La piscina è aperta da maggio a settembre. Non è riscaldata. L'ingresso costa 6 euro per gli adulti. "
        "I bambini non possono entrare senza un adulto.",
        ("La piscina è aperta da maggio a settembre.", "L'ingresso per gli adulti costa 6 euro."),
        (
            "La piscina è chiusa da maggio a settembre.",
            "L'ingresso costa 7 euro per gli adulti.",
            "I bambini possono entrare senza un adulto.",
        ),
    ),
    Told(
        "dutch",
        "De garantie geldt twee jaar na de aankoop. Schade door water wordt niet vergoed. "
        "Voor de reparatie is de bon van de winkel nodig.",
        ("De garantie geldt twee jaar na aankoop.", "Schade door water wordt niet vergoed."),
        ("De garantie geldt 3 jaar na de aankoop.", "Schade door water wordt vergoed."),
    ),
    Told(
        "russian",
        "Музей открыт с 10 до 18 часов. Фотографировать в залах нельзя. Билет стоит 300 рублей и не возвращается.",
        ("Билет стоит 300 рублей.", "Музей открыт с 10 до 18 часов."),
        ("Билет стоит 400 рублей.", "Музей закрыт с 10 до 18 часов.", "Музей не открыт с 10 до 18 часов."),
    ),
    Told(
        "japanese",
        "図書館は午前9時に開きます。本は12冊まで借りられます。",
        ("図書館は午前9時に開きます。",),
        ("図書館は午前8時に開きます。",),
    ),
)  # fmt: skip
