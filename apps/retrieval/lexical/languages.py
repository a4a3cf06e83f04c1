"""The languages of alphabets: which one a text is in, its stop words, its stemmer.

Only the Latin alphabet leaves a choice. A text is in the language whose stop words it has most of; a word of another
script is stemmed as the language that is written most in it, so there a text and a question need not agree on anything.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

import Stemmer

from apps.retrieval.lexical.scripts import script

DEFAULT = "english"
"""Of Latin text that says too little to tell."""

ENOUGH = 3
"""Different stop words of a language that a text must have before it is taken for that language."""

LANGUAGE_OF_SCRIPT = {
    "CYRILLIC": "russian",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "DEVANAGARI": "hindi",
    "TAMIL": "tamil",
    "ARMENIAN": "armenian",
}

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

_LATIN = {language: words for language, words in STOP_WORDS.items() if language != "russian"}


def language_of(words: Iterable[str]) -> str:
    """The language of a text in the Latin alphabet, by its words in lower case; DEFAULT where they do not tell.

    Different stop words count, not how often each stands there: names like "Los Angeles" may stand there often.
    """
    said = set(words)
    hits = {language: len(stop & said) for language, stop in _LATIN.items()}
    best = max(hits, key=lambda language: hits[language])
    return best if hits[best] >= ENOUGH else DEFAULT


def language_of_question(words: Iterable[str], languages: Sequence[str]) -> str:
    """Which of the languages a question is in, the most common given first; that one where the question does not tell."""
    said = set(words)
    # One stop word of a rarer language may be a word of the common one: "sea" is Spanish, too.
    hits = {language: len(STOP_WORDS[language] & said) for language in languages}
    hits[languages[0]] += 1
    return max(hits, key=lambda language: hits[language])


def language_of_word(word: str, latin: str) -> str:
    """The language whose rules hold for a word: `latin` for the Latin alphabet, "" where there are no rules."""
    written = script(word)
    return latin if written == "LATIN" else LANGUAGE_OF_SCRIPT.get(written, "")


def stem(word: str, language: str) -> str:
    """The word's stem by Snowball's algorithm for the language."""
    stemmers: dict[str, Stemmer.Stemmer] = _own.__dict__
    if language not in stemmers:
        stemmers[language] = Stemmer.Stemmer(language, 0)
    return str(stemmers[language].stemWord(word))


# A stemmer keeps state while it works: each thread has its own.
_own = threading.local()
