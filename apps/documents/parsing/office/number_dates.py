"""Dates and times by a number format; a day with its month comes by ISO 8601."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from apps.documents.parsing.office.number_tokens import Token

DAY_SECONDS = 86_400
MICROSECONDS = 6
_UNITS = {"h": 3_600, "m": 60, "s": 1}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NOON = 12
_SHORT, _LETTER = 3, 5


def dates_by(tokens: Sequence[Token]) -> Callable[[float, datetime], str]:
    """What shows moments, given as days after a first one, as these tokens say."""
    codes = [token.text for token in tokens if token.kind == "date"]
    clock = [code for code in codes if code[0] in _UNITS]
    places = min(max((len(code.partition(".")[2]) for code in codes), default=0), MICROSECONDS)
    has_half = any(token.kind == "half" for token in tokens)
    is_whole_date = {"M", "d"} <= {code[0] for code in codes}

    def shown(number: float, first_day: datetime) -> str:
        seconds = round(number * DAY_SECONDS, places)
        moment = first_day + timedelta(seconds=seconds)
        if not is_whole_date:
            return "".join(_shown(token, moment, seconds, has_half=has_half) for token in tokens)
        date = moment.date().isoformat()
        return f"{date} {':'.join(_part(code, moment).zfill(2) for code in clock)}" if clock else date

    return shown


def _shown(token: Token, moment: datetime, seconds: float, *, has_half: bool) -> str:
    match token.kind:
        case "elapsed":
            return f"{int(seconds // _UNITS[token.text[0]]):0{len(token.text)}}"
        case "half":
            half = "AM" if moment.hour < NOON else "PM"
            return half if len(token.text) == len("AM/PM") else half[0]
        case "date" if has_half and token.text[0] == "h":
            return f"{moment.hour % NOON or NOON:0{min(len(token.text), 2)}}"
        case "date":
            return _part(token.text, moment)
        case _:
            return token.text


def _part(code: str, moment: datetime) -> str:
    return _PARTS[code[0]](code, moment) if code[0] in _PARTS else ""


def _year(code: str, moment: datetime) -> str:
    return f"{moment.year:04}" if len(code) > len("yy") or code[0] == "e" else f"{moment.year % 100:02}"


def _month(code: str, moment: datetime) -> str:
    return _named(code, moment.month, _MONTHS[moment.month - 1])


def _day(code: str, moment: datetime) -> str:
    return _named(code, moment.day, _DAYS[moment.weekday()])


def _named(code: str, number: int, name: str) -> str:
    if len(code) < _SHORT:
        return f"{number:0{len(code)}}"
    return {_SHORT: name[:3], _LETTER: name[0] if code[0] == "M" else name}.get(len(code), name)


def _second(code: str, moment: datetime) -> str:
    whole, point, places = code.partition(".")
    return f"{moment.second:0{min(len(whole), 2)}}{point}{f'{moment.microsecond:06}'[: len(places)]}"


_PARTS: Mapping[str, Callable[[str, datetime], str]] = {
    "y": _year,
    "e": _year,
    "M": _month,
    "d": _day,
    "h": lambda code, moment: f"{moment.hour:0{min(len(code), 2)}}",
    "m": lambda code, moment: f"{moment.minute:0{min(len(code), 2)}}",
    "s": _second,
}
