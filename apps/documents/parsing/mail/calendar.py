"""Invitations (iCalendar, RFC 5545) as tables: what, when, where and who."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from apps.documents.parsing.building import DocumentBuilder, table_row

SHOWN = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
MOST_ENTRIES = 5_000
MOST_PEOPLE = 200
_LINE_END = re.compile(r"\r\n?|\n")
_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(
    r'(?P<name>[\w-]+)(?P<parameters>(?:;[\w-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(?P<value>.*)'
)
_PARAMETER = re.compile(r';(?P<name>[\w-]+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>[^;:]*))')
_ESCAPED = re.compile(r"\\(?P<sign>[\\;,nN])")
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_TIME = re.compile(r"(?P<date>\d{8})(?:T(?P<time>\d{4})(?:\d{2})?(?P<utc>Z)?)?")
_LINKS = ("URL", "CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL")
_NOT_PEOPLE = frozenset({"ROOM", "RESOURCE"})
_DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
_UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year", "HOURLY": "hour"}


@dataclass(frozen=True, slots=True)
class Property:
    """A line of an entry: its value, unescaped where it is text, and its parameters."""

    value: str
    parameters: dict[str, str]

    @property
    def text(self) -> str:
        return _ESCAPED.sub(lambda found: "\n" if found["sign"] in "nN" else found["sign"], self.value).strip()


@dataclass(slots=True)
class Entry:
    """An event, a task or a note, by the names of its properties."""

    properties: dict[str, list[Property]] = field(default_factory=dict)

    def all(self, name: str) -> Sequence[Property]:
        return self.properties.get(name, ())

    def text(self, name: str) -> str:
        return next((one.text for one in self.all(name)), "")


def write_calendar(source: str, builder: DocumentBuilder) -> bool:
    """Hands each entry of the calendar to the builder as a table with its description below; False without any."""
    calendar, entries = read_calendar(source)
    for entry in entries:
        write_entry(entry, calendar, builder)
    return bool(entries)


def write_entry(entry: Entry, calendar: Entry, builder: DocumentBuilder) -> None:
    """Hands an entry to the builder, as a table with its description below."""
    rows = [table_row([label, " ".join(value.split())]) for label, value in _rows(entry, calendar) if value]
    builder.block("\n".join(rows))
    builder.block(entry.text("DESCRIPTION") or entry.text("COMMENT"))


def read_calendar(source: str) -> tuple[Entry, list[Entry]]:
    """The calendar's own properties, and its entries; parts of entries, such as alarms, are left out."""
    calendar, entries = Entry(), list[Entry]()
    open_parts: list[tuple[str, Entry]] = []
    for line in _LINE_END.split(_FOLD.sub("", source)):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            continue
        name, value = found["name"].upper(), found["value"]
        if name == "BEGIN":
            part = value.strip().upper()
            is_entry = part in SHOWN and len(open_parts) <= 1 and len(entries) < MOST_ENTRIES
            open_parts.append((part, calendar if part == "VCALENDAR" else Entry()))
            if is_entry:
                entries.append(open_parts[-1][1])
        elif name == "END":
            open_parts = open_parts[:-1]
        elif open_parts:
            open_parts[-1][1].properties.setdefault(name, []).append(Property(value, _parameters(found["parameters"])))
    return calendar, [entry for entry in entries if entry.properties]


def _parameters(text: str) -> dict[str, str]:
    return {found["name"].upper(): found["quoted"] or found["plain"] or "" for found in _PARAMETER.finditer(text)}


def _rows(entry: Entry, calendar: Entry) -> Iterator[tuple[str, str]]:
    yield "What", entry.text("SUMMARY")
    yield "When", _when(entry)
    yield "Repeats", "; ".join(_repeats(one.value) for one in entry.all("RRULE"))
    yield "Where", "; ".join(filter(None, [*(one.text for one in entry.all("LOCATION")), *_people(entry, rooms=True)]))
    yield "Who", ", ".join([*_people(entry, rooms=False)][:MOST_PEOPLE])
    yield "Link", ", ".join(dict.fromkeys(one.text for name in _LINKS for one in entry.all(name)))
    yield "About", ", ".join(one.text for one in entry.all("CATEGORIES"))
    is_cancelled = calendar.text("METHOD").upper() == "CANCEL"
    yield "Status", "cancelled" if is_cancelled else entry.text("STATUS").lower().replace("-", " ")


def _people(entry: Entry, *, rooms: bool) -> Iterator[str]:
    if not rooms:
        yield from (f"{_person(one)} (organizer)" for one in entry.all("ORGANIZER"))
    for one in entry.all("ATTENDEE"):
        if (one.parameters.get("CUTYPE", "").upper() in _NOT_PEOPLE) is rooms:
            answer = one.parameters.get("PARTSTAT", "").lower().replace("-", " ")
            yield _person(one) + (f" ({answer})" if answer and answer != "needs action" and not rooms else "")


def _person(one: Property) -> str:
    scheme, _, address = one.value.strip().rpartition(":")
    name = one.parameters.get("CN", "").strip()
    shown = address if scheme.lower() in {"mailto", ""} else one.value.strip()
    return f"{name} <{shown}>" if name and name != shown else shown


def _when(entry: Entry) -> str:
    start = next((_moment(one) for one in entry.all("DTSTART")), None)
    end = next((_moment(one) for name in ("DTEND", "DUE") for one in entry.all(name)), None)
    if start is None:
        return f"until {_shown(end)}" if end else ""
    if end is None:
        end = _later(start, entry.text("DURATION"))
    if end is not None and not end.has_time and not start.has_time:
        # The end of whole days is the day after the last.
        end = Moment(end.at - timedelta(days=1), has_time=False, zone=end.zone)
    if end is None or end.at <= start.at:
        return _shown(start)
    if start.has_time and end.has_time and start.zone == end.zone and start.at.date() == end.at.date():
        return f"{_day(start.at)}, {start.at:%H:%M} to {end.at:%H:%M}{_zone(start)}"
    return f"{_shown(start)} to {_shown(end)}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, or a time of it on the clocks of `zone` ("" for wherever the reader is)."""

    at: datetime
    has_time: bool
    zone: str


def _moment(one: Property) -> Moment | None:
    found = _TIME.match(one.value.strip())
    if found is None:
        return None
    try:
        at = datetime.strptime(found["date"] + (found["time"] or "0000"), "%Y%m%d%H%M")
    except ValueError:
        return None
    zone = "UTC" if found["utc"] else one.parameters.get("TZID", "").strip("/ ")
    return Moment(at, has_time=found["time"] is not None, zone=zone)


def _later(start: Moment, duration: str) -> Moment | None:
    found = _DURATION.fullmatch(duration)
    if not duration or found is None:
        return None
    length = timedelta(**{unit: int(amount[:6]) for unit, amount in found.groupdict(default="0").items()})
    try:
        return Moment(start.at + length, start.has_time, start.zone)
    except OverflowError:
        return None


def _shown(moment: Moment) -> str:
    return f"{_day(moment.at)}, {moment.at:%H:%M}{_zone(moment)}" if moment.has_time else _day(moment.at)


def _day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year} ({day:%Y-%m-%d})"


def _zone(moment: Moment) -> str:
    return f" {moment.zone}" if moment.zone else ""


def _repeats(rule: str) -> str:
    parts = dict(part.upper().split("=", 1) for part in rule.split(";") if "=" in part)
    unit = _UNITS.get(parts.get("FREQ", ""))
    if unit is None:
        return rule
    interval = parts.get("INTERVAL", "1")
    days = ", ".join(_weekday(day) for day in parts.get("BYDAY", "").split(",") if day)
    until = _moment(Property(parts.get("UNTIL", ""), {}))
    told = [f"every {unit}" if interval == "1" else f"every {interval} {unit}s", f"on {days}" if days else ""]
    told += [f"{parts['COUNT']} times" if "COUNT" in parts else "", f"until {_day(until.at)}" if until else ""]
    return ", ".join(filter(None, told))


def _weekday(day: str) -> str:
    number, name = day[:-2], _DAYS.get(day[-2:], day)
    return f"{number}. {name}" if number.isdecimal() else f"last {name}" if number == "-1" else name
