"""Sentences of scripts that write none of their ends: Thai and Lao put spaces between phrases and sentences alike. Pure."""

from __future__ import annotations

import re

PHRASE_GAP = (
    r"(?P<gap>(?<=[\u0e01-\u0e5b\u0e81-\u0edf.])[ \u00a0]*(?:\n|[ \u00a0])[ \u00a0]*"
    r"(?=[\u0e01-\u0e2e\u0e40-\u0e44\u0e81-\u0eae\u0ec0-\u0ec4]))"
)
LEAST_BEFORE = 12
"""Letters of a sentence: the first part of a name has fewer."""
LEAST_AFTER = 8
"""Characters up to the next space: the last part of a name has fewer."""
WRAPPED = 70
"""Characters: a line that is longer may be cut anywhere."""

_LETTER = re.compile(r"[\u0e01-\u0e4e\u0e81-\u0ecd]")
_GOES_ON = re.compile(
    "(?:และ|หรือ|แต่|ที่|ซึ่ง|อัน|โดย|เพื่อ|เพราะ|เนื่อง|จึง|ว่า|กับ|ใน|ของ|จาก|ถึง|ตั้งแต่|เวลา|ระหว่าง|เช่น|ได้แก่|คือ|เป็น|รวม|พร้อม|"
    "ทั้ง|ณ|น\\.|เมื่อ|หาก|ถ้า|ส่วน|จนถึง|จะ|ไม่ว่า|ตาม|ต่อ|ไป|มา|ได้|ให้|ฯ|ๆ|ແລະ|ຫຼື|ແຕ່|ທີ່|ເຊິ່ງ|ໂດຍ|ເພື່ອ|ໃນ|ຂອງ|ຈາກ|ເວລາ|ຄື)"
)
_LEADS_ON = re.compile("(?:และ|หรือ|แต่|ที่|ซึ่ง|โดย|เพื่อ|เพราะ|ว่า|กับ|ใน|ของ|จาก|ถึง|เช่น|ได้แก่|คือ|เป็น|ແລະ|ຫຼື|ທີ່|ຂອງ|ໃນ)$")
_SHORTENED = re.compile(r"(?:^|[^\u0e01-\u0e5b])(?:พ\.ศ|ค\.ศ|ดร|นพ|ร\.ศ|ถ|จ|อ|ต|บจก|หจก|ม|โทร)\.$")


def ends_at_gap(text: str, begin: int, gap: re.Match[str], end: int) -> bool:
    """Whether a sentence that begins at `begin` ends at a space or a line's end between Thai or Lao letters."""
    before, after = text[max(begin, gap.start() - WRAPPED) : gap.start()], gap.end()
    if _GOES_ON.match(text, after, end) or _LEADS_ON.search(before[-12:]) or _SHORTENED.search(before[-12:]):
        return False
    if "\n" in gap[0]:
        return len(before.rpartition("\n")[2]) < WRAPPED
    phrase = text[after : after + LEAST_AFTER]
    return (
        len(_LETTER.findall(before)) >= LEAST_BEFORE
        and len(phrase) == len(phrase.split()[0])
        and after + LEAST_AFTER <= end
    )
