"""Guesses the encoding of a text by how much like a language it looks when it is read in each.

A reading is judged by its characters beyond ASCII: how many of its letters a language uses, whether they stand where that
language puts them, and whether its signs stand where people write signs. General detectors, which look for noise, take short
Western texts for Central European ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from apps.documents.parsing.sign_places import PLACES, stands_well

# In the order of preference where several readings look alike.
_ENCODING_NAMES = (
    "cp1252 cp1251 cp932 gb18030 big5 cp949 euc_jp koi8_r cp866 cp1250 cp1253 cp1254 cp1255 cp1256 cp874 iso8859_2"
    " iso8859_15 mac_roman cp850 cp437 iso8859_5 iso8859_7 mac_cyrillic cp1257"
)
ENCODINGS = tuple(_ENCODING_NAMES.split())
SAMPLE_LETTERS = 2_000
SAMPLE_BYTES = 256 * 1024
CONVINCING = 0.72
COMMON, USUAL, LESS_COMMON, SELDOM, RARE, WRONG = 1.0, 0.9, 0.8, 0.55, 0.2, 0.0
TELLS_NOTHING = -1.0
_WORD_OR_SIGN = re.compile(r"[^\W\d_]+|(?P<sign>[^\x00-\x7f])")
# How much a word's letters tell by its capitals: at its beginning, throughout, or somewhere.
TITLE_FACTOR, CAPITALS_FACTOR, MIXED_FACTOR = 0.97, 0.88, 0.4
# A letter that is a word by itself tells less, unless it is a word of a language or an abbreviation.
ALONE_FACTOR = 0.7
SINGLE_LETTER_WORDS = frozenset("àáèéíóòôåäöøæÀÁÈÉÍÓÅÄÖØÆ")
# Signs of every language. Where they stand badly they tell nothing, unless they touch a letter.
SIGNS = frozenset(
    " «»„“”‚‘’–—…•·°§€£©®™±×÷¿¡№′″†‡‰‹›¶´¨¸²³½¼¾µªº、。，：；？！（）「」『』【】《》〈〉・～￥＆％＋－＝／　"
    "،؛؟ـ①②③④⑤⑥⑦⑧⑨⑩㈱℡○●□■◎△▲▽▼☆★→←↑↓※〒"
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
# Each alphabet's commonest letters, those that most words have one of, and the others.
ALPHABETS = (
    ("оеаинтсрвлкм", "дпуяыьгзб", "чйхжшюцщэфъёіїєґўљњћђџј"),
    ("αοιετσνηυρπκ", "λμςγδθβάέήίόύώ", "ξζφχψϊϋΐΰ"),
    ("יוהלארמתשב", "דנחעקפכטםגןצ", "זסףץך"),
    ("اليمونترب", "ةهعدسفقكحش", "جىأخصطزغضثذءئظؤإآپچژگًٌٍَُِّْ"),
    ("าน่รอก้มเงวยสทดลคตปแใ", "ขจชบผพถหะำิีืึุูโไ็์ั", "ซญณธภศษฬฮๆฟ"),
)
HANGUL = ("가", "힣")
KANA = ("ぁ", "ヿ")
# The commoner half of each standard: the first byte of its characters (JIS X 0208, GB 2312, Big5, KS X 1001).
LEVEL_ONE = {"euc_jp": (0xB0, 0xCF), "gb2312": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "euc_kr": (0xB0, 0xC8)}


@dataclass(frozen=True, slots=True)
class _Letter:
    """A letter or mark beyond ASCII, whether ASCII letters stand directly before or after it, and what its word makes of it.

    `weight` is what it tells where that is known: a sign's by its place.
    """

    character: str
    touches: int = 0
    factor: float = 1.0
    weight: float | None = None


def likeness(text: str) -> float:
    """How much like a language the text looks, from 0 to 1; 1 for one without characters beyond ASCII.

    One whose only characters beyond ASCII are signs that tell nothing is just CONVINCING.
    """
    letters = list(islice(_letters(text), SAMPLE_LETTERS))
    if not letters:
        return 1.0
    told = [letter for letter in letters if letter.weight != TELLS_NOTHING]
    if not told:
        return CONVINCING
    signs = sum(letter.weight for letter in told if letter.weight is not None)
    others = [letter for letter in told if letter.weight is None]
    return max(signs + sum(letter.factor * weigh(letter) for letter in others) for weigh in _LANGUAGES) / len(told)


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
    """The characters beyond ASCII in their order, letters with what their words say of them."""
    for found in _WORD_OR_SIGN.finditer(text):
        word = found[0]
        if word.isascii():
            continue
        if found.lastgroup == "sign":
            yield _sign(text, found.start())
            continue
        factor = _factor(word)
        last = len(word) - 1
        for at, character in enumerate(word):
            if character in SIGNS:
                yield _sign(text, found.start() + at)
            elif not character.isascii():
                touches = (at > 0 and word[at - 1].isascii()) + (at < last and word[at + 1].isascii())
                yield _Letter(character, touches, factor)


def _sign(text: str, at: int) -> _Letter:
    """A character that is no letter. Marks of scripts, such as vowels, are weighed as letters are."""
    character = text[at]
    neighbours = (text[at - 1 : at], text[at + 1 : at + 2])
    touches = sum(neighbour.isascii() and neighbour.isalpha() for neighbour in neighbours)
    if character not in SIGNS:
        return _Letter(character, touches)
    if stands_well(text, at):
        return _Letter(character, weight=COMMON)
    is_wrong = touches > 1 or (character in PLACES and any(map(str.isalpha, neighbours)))
    return _Letter(character, weight=WRONG if is_wrong else TELLS_NOTHING)


def _factor(word: str) -> float:
    """How usual the word is for what it is made of."""
    if len(word) == 1:
        return 1.0 if word in SINGLE_LETTER_WORDS or word.lower() == word.upper() else ALONE_FACTOR
    if word.isupper():
        return CAPITALS_FACTOR
    if word[1:] == word[1:].lower():
        return 1.0 if word[0] == word[0].lower() else TITLE_FACTOR
    return MIXED_FACTOR


def _latin(names: str) -> Callable[[_Letter], float]:
    known = frozenset(names)

    def weigh(letter: _Letter) -> float:
        return COMMON if letter.character in known or letter.character.lower() in known else WRONG

    return weigh


def _alphabet(tiers: tuple[str, str, str]) -> Callable[[_Letter], float]:
    weights = {
        letter: weight
        for letters, weight in zip(tiers, (COMMON, LESS_COMMON, SELDOM), strict=True)
        for letter in letters
    }

    def weigh(letter: _Letter) -> float:
        return _standing_apart(letter, weights.get(letter.character.lower(), WRONG))

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
