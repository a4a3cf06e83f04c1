"""Which language a text is in: by its script, and in the Latin alphabet by its stop words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

TELLING = 20_000
"""Characters of a text that are looked at to tell its language."""

ENOUGH = 3
"""Different stop words of a language that a text must have before it is taken for that language."""

# What has meaning somewhere ("will", "man", "not" as a noun) is left out: its idf makes it light enough.
STOP_WORDS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": "a an and are as at be been but by did do does for from had has have he her his how i if in into is it its "
        "no not of on or our she so such s t ll re ve than that the their them then there these they this those to "
        "was we were what when where which who whom whose why will with would you your",
        "german": "aber als am an auch auf aus bei bin bis da das dass dem den der des die dies diese dieser dieses doch du "
        "durch ein eine einem einen einer eines er es für gegen hat haben ich ihr ihre im in ist kann kein keine "
        "mit nach nicht noch nur ob oder ohne sein seine sich sie sind so über um und uns unter vom von vor war "
        "waren warum was welche welcher welches wenn wer werden wie wir wird wo zu zum zur zwischen",
        "french": "à au aux avec c ce ces cet cette ceux comme d dans de des du elle elles en est et était être eux il ils j je "
        "l la le les leur leurs lui m mais me même mes n ne nos notre nous on ont ou où par pas pour qu quand que "
        "quel quelle quelles quels qui s sa sans se ses si son sont sur t ta te tes un une vos votre vous y",
        "spanish": "a al como con cual cuando de del desde donde el ella ellos en entre es esta este esto está están fue ha "
        "han hay la las le les lo los me mi muy más ni no nos o para pero por porque que quien qué se sea ser si "
        "sin sobre son su sus sí también un una unas uno unos y ya cómo cuál cuándo dónde quién",
        "italian": "a ad agli ai al alla alle allo anche c che chi ci come con cui d da dai dal dalla dalle degli dei del dell "
        "della delle dello di dove e ed essere gli ha hanno i il in io l la le lo loro ma mi ne nei nel nell nella "
        "nelle nello non o per perché più quale quali quando quella quello questa questo se si sono su sua sue sui "
        "sul sull sulla sulle suo tra un una uno è",
        "portuguese": "a ao aos as com como da das de dela dele do dos e ela ele eles em entre essa esse esta este está eu foi "
        "há isso já mais mas me muito na nas no nos não o onde os ou para pela pelas pelo pelos por porque qual "
        "quando que quem se sem ser seu seus são sua suas também tem um uma você à às é",
        "dutch": "aan al als bij dan dat de deze die dit door een en er geen had heb heeft het hij hoe hun ik in is je kan maar "
        "met mijn na naar niet nog nu of om onder ook op over te tegen tot uit van veel voor waar waarom wanneer was "
        "wat we welke werd wie wij wordt worden ze zich zij zijn zo zonder zou",
        "swedish": "alla att av blev bli de den denna det detta där efter ej eller en ett från för ha hade han har hon hur i "
        "inte ja jag kan med men mot ni nu någon när och om på sig sin ska som så till under upp ut var varför "
        "vad vem vi vid vilken vilket är över",
        "danish": "af alle at blev bliver da de den denne der det dette du eller en er et for fra han har hun hvad hvem hvilken "
        "hvilket hvor hvordan hvorfor hvornår i ikke jeg kan man med men mod ned ni nogle når og også om op over på "
        "sig sin skal som til ud under var ved vi være",
        "norwegian": "alle at av ble blir da de den denne der det dette du eller en er et for fra han har hun hva hvem hvilken "
        "hvilket hvor hvordan hvorfor i ikke jeg kan man med men mot noen når og også om opp over på seg sin skal "
        "som til under ut var ved vi være",
        "finnish": "ei eivät että he hän ja jos jotka joka jossa kuin kuka kun me mikä miksi missä mitä mutta myös ne ne "
        "niin nyt olen oli olivat on ovat sekä se sen siitä sillä te tai tämä tätä vai ja",
        "polish": "ale bardzo był była było być co czy dla do gdy gdzie go i ich jak jako jest już jej jego kiedy kto która "
        "które który lub ma może na nie o od oraz po pod przez przy są się tak także tego ten to tym w we z za ze że",
        "turkish": "ama bir bu çok da daha de değil diye en gibi hangi hem için ile ise kadar ki kim mi mı mu ne neden nasıl "
        "nerede o olan olarak sonra şu ve veya ya",
        "russian": "а без бы был была были было быть в вам вас весь во вот все вы где да для до его ее если есть еще же за "
        "здесь и из или им их к как какая какие какой ко когда которая которые который кто ли мне мы на над не нет "
        "ни но о об он она они оно от по под при про с со так также такой там то того тоже только том ты у уже "
        "что чтобы чем эта эти это этот я",
    }.items()
}  # fmt: skip

OFTEN = 0.01
"""The share of a script's letters that tells a language by its own letters: more than a quoted name has."""

CODES: Mapping[str, str] = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt", "dutch": "nl",
    "swedish": "sv", "danish": "da", "norwegian": "no", "finnish": "fi", "polish": "pl", "turkish": "tr",
}  # fmt: skip
"""The ISO 639-1 codes of the languages that stop words tell apart."""

CODE_OF_SCRIPT: Mapping[str, str] = {
    "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar", "HEBREW": "he", "DEVANAGARI": "hi", "BENGALI": "bn", "GUJARATI": "gu",
    "GURMUKHI": "pa", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "ARMENIAN": "hy",
    "GEORGIAN": "ka", "ETHIOPIC": "am", "THAI": "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my", "TIBETAN": "bo",
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
}  # fmt: skip
"""The language that is written most in a script."""

_TOLD_BY_LETTERS = {"CYRILLIC": ("іїєґ", "uk"), "ARABIC": ("پچژگ", "fa")}
_JAPANESE = frozenset({"HIRAGANA", "KATAKANA"})
_WORD = re.compile(r"[^\W\d_]+")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_ASCII_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())

LANGUAGES = frozenset({*CODES.values(), *CODE_OF_SCRIPT.values(), *(code for _, code in _TOLD_BY_LETTERS.values())})
"""The codes that `language_code` gives."""

_LATIN = {language: words for language, words in STOP_WORDS.items() if language in CODES}


def language_name(code: str) -> str:
    """A language as it is called in English, as far as it has a name here; else what its ISO 639-1 code says."""
    named = {known: name.title() for name, known in CODES.items()}
    return named.get(code, f'the language with the ISO 639-1 code "{code}"')


def language_code(text: str) -> str:
    """The ISO 639-1 code of the language most of a text is written in; "" where it says too little to tell."""
    telling = text[:TELLING].casefold()
    # ASCII, which is most of many a text, is counted as bytes.
    ascii_letters = telling.encode("ascii", "ignore").translate(None, _NO_ASCII_LETTERS)
    beyond = Counter(_BEYOND_ASCII.findall(telling))
    letters = Counter({letter: times for letter, times in beyond.items() if letter.isalpha()})
    written: Counter[str] = Counter()
    for letter, times in letters.items():
        written[script(letter)] += times
    written["LATIN"] += len(ascii_letters)
    most = max(written, key=lambda name: written[name], default="")
    if most == "LATIN":
        return CODES.get(latin_language(_WORD.findall(telling)), "")
    return _code_of(most, written, letters)


def latin_language(words: Iterable[str]) -> str:
    """The language of a text in the Latin alphabet, by its words in lower case; "" where they do not tell.

    Different stop words count, not how often each occurs: names like "Los Angeles" may occur often.
    """
    said = set(words)
    hits = {language: len(stop & said) for language, stop in _LATIN.items()}
    best = max(hits, key=lambda language: hits[language])
    return best if hits[best] >= ENOUGH else ""


def script(word: str) -> str:
    """The script of a word's first letter as the first word of its Unicode name, such as "LATIN"; "" where it has none."""
    return next((_script_of(character) for character in word if character.isalpha()), "")


def _code_of(most: str, written: Counter[str], letters: Counter[str]) -> str:
    """Japanese mixes its syllables with ideographs; two alphabets have letters that one language writes often."""
    if most == "CJK" and sum(written[name] for name in _JAPANESE) > OFTEN * written[most]:
        return "ja"
    its_own, code = _TOLD_BY_LETTERS.get(most, ("", ""))
    if sum(letters[letter] for letter in its_own) > OFTEN * written[most]:
        return code
    return CODE_OF_SCRIPT.get(most, "")


@cache
def _script_of(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
