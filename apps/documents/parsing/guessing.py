"""Guesses the encoding of a text by how much like a language it looks when it is read in each.

A reading is judged by its letters beyond ASCII: how many of them a language uses, and whether they stand where that
language puts them. General detectors, which look for noise, take short Western texts for Central European ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

# In the order of preference where several readings look alike.
_ENCODING_NAMES = (
    "cp1252 cp1251 cp932 gb18030 big5 cp949 euc_jp koi8_r cp866 cp1250 cp1253 cp1254 cp1255 cp1256 cp874 iso8859_2"
    " iso8859_15 mac_roman cp850 cp437 iso8859_5 iso8859_7 mac_cyrillic cp1257"
)
ENCODINGS = tuple(_ENCODING_NAMES.split())
SAMPLE_LETTERS = 2_000
SAMPLE_BYTES = 256 * 1024
CONVINCING = 0.72
COMMON, USUAL, LESS_COMMON, RARE, WRONG = 1.0, 0.9, 0.6, 0.2, 0.0
CAPITAL_FACTOR = 0.88
# Signs of every language; they tell nothing, unless they stand inside a word.
SIGNS = frozenset(
    " «»„“”‚‘’–—…•·°§€£©®™±×÷¿¡№′″†‡‰‹›¶´¨¸²³½¼¾µªº、。，：；？！（）「」『』【】《》〈〉・～￥＆％＋－＝／　"
    "①②③④⑤⑥⑦⑧⑨⑩㈱℡○●□■◎△▲▽▼☆★→←↑↓※〒"
)
LATIN_LETTERS = (
    "äöüß",
    "éèêëàâçùûîïôœæ",
    "áéíóúñüàèìòùï",
    "ãõáâàêéíóôúç",
    "åäöæøéü",
    "ðþáéíóúýæö",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "ąćęłńóśźż",
    "áéíóöőúüű",
    "ăâîşţșț",
    "čćđšž",
    "çğıöşüİâî",
    "āčēģīķļņšūžąęėįųū",
)
# Each alphabet's commonest letters, then the others.
ALPHABETS = (
    ("оеаинтсрвлкм", "дпуяыьгзбчйхжшюцщэфъёіїєґўљњћђџј"),
    ("αοιετσνηυρπκ", "βγδζθλμξςφχψωάέήίόύώϊϋΐΰ"),
    ("יוהלארמתשב", "גדזחטכךםןנסעפףצץק"),
    ("اليمونترب", "ةهعدسفقكحشجىأخصطزغضثذءئظؤإآ"),
    ("าน่รอก้มเงวยสทดลคตปแใ", "ขจชซญณถธนบผพฟภศษหฬฮะำิีืึุูๆไโ็์ั"),
)
HANGUL = ("가", "힣")
KANA = ("ぁ", "ヿ")
# The commoner half of each standard: the first byte of its characters (JIS X 0208, GB 2312, Big5, KS X 1001).
LEVEL_ONE = {"euc_jp": (0xB0, 0xCF), "gb2312": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "euc_kr": (0xB0, 0xC8)}


@dataclass(frozen=True, slots=True)
class _Letter:
    """A character beyond ASCII, and whether ASCII letters stand directly before or after it, or both."""

    character: str
    touches: int


def likeness(text: str) -> float:
    """How much like a language the text looks, from 0 to 1; 1 for one without characters beyond ASCII.

    One whose only characters beyond ASCII are signs, such as dashes, is just CONVINCING.
    """
    letters = list(islice(_letters(text), SAMPLE_LETTERS))
    told = [letter for letter in letters if letter.character not in SIGNS or letter.touches > 1]
    if not told:
        return CONVINCING if letters else 1.0
    return max(sum(map(weigh, told)) / len(told) for weigh in _LANGUAGES)


def guess_encoding(data: bytes) -> str:
    """The encoding in which the data looks most like a language, or "" where it looks like none in any."""
    sample = data[:SAMPLE_BYTES]
    ratings = {encoding: _rating(sample, encoding, is_cut=len(data) > len(sample)) for encoding in ENCODINGS}
    best = max(ENCODINGS, key=ratings.__getitem__)
    return best if ratings[best] >= CONVINCING else ""


def _rating(sample: bytes, encoding: str, *, is_cut: bool) -> float:
    try:
        return likeness(sample.decode(encoding))
    except UnicodeDecodeError as error:
        # The last character may have been cut through.
        is_last = is_cut and error.start >= len(sample) - 4
        return likeness(sample[: error.start].decode(encoding)) if is_last else -1.0


def _letters(text: str) -> Iterator[_Letter]:
    for at, character in enumerate(text):
        if not character.isascii():
            neighbours = (text[at - 1 : at], text[at + 1 : at + 2])
            yield _Letter(character, sum(_is_ascii_letter(neighbour) for neighbour in neighbours))


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _latin(names: str) -> Callable[[_Letter], float]:
    known = frozenset(names)

    def weigh(letter: _Letter) -> float:
        if letter.character in known:
            return COMMON
        is_capital = letter.character.lower() in known and letter.character != letter.character.lower()
        return CAPITAL_FACTOR if is_capital else WRONG

    return weigh


def _alphabet(letters: tuple[str, str]) -> Callable[[_Letter], float]:
    common, others = map(frozenset, letters)

    def weigh(letter: _Letter) -> float:
        lower = letter.character.lower()
        weight = COMMON if lower in common else LESS_COMMON if lower in others else WRONG
        return _standing_apart(letter, weight if letter.character == lower else weight * CAPITAL_FACTOR)

    return weigh


def _east_asian(standard: str, *, with_kana: bool = False) -> Callable[[_Letter], float]:
    low, high = LEVEL_ONE[standard]

    def weigh(letter: _Letter) -> float:
        if with_kana and KANA[0] <= letter.character <= KANA[1]:
            return _standing_apart(letter, COMMON)
        try:
            code = letter.character.encode(standard)
        except UnicodeEncodeError:
            return WRONG
        is_common = len(code) > 1 and low <= code[0] <= high
        if is_common and HANGUL[0] <= letter.character <= HANGUL[1]:
            return _standing_apart(letter, COMMON)
        return _standing_apart(letter, USUAL if is_common else RARE if letter.character.isalpha() else WRONG)

    return weigh


def _standing_apart(letter: _Letter, weight: float) -> float:
    """The weight of a letter that other scripts' words don't mix with."""
    return WRONG if letter.touches else weight


_LANGUAGES = (
    *map(_latin, LATIN_LETTERS),
    *map(_alphabet, ALPHABETS),
    _east_asian("euc_jp", with_kana=True),
    *map(_east_asian, ("gb2312", "big5", "euc_kr")),
)
