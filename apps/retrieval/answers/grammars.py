"""The small words by which a question shows that it leans on the one before it, in the languages that most questions are in.

They are beside `STOP_WORDS`, which say nothing of what a question is about. A language without a grammar here has neither
pronouns nor connectives that are known, and only questions that say next to nothing lean on others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.documents.languages import STOP_WORDS

ENGLISH = "english"


@dataclass(frozen=True, slots=True)
class Grammar:
    """Words in lower case.

    `connectives` begin what goes on from before, and `offers` (several words) what has no verb of its own. `pronouns` stand for
    what was named; those `at_end` only as the last word, and those of `after` only behind a word of `leading`. `joints` part a
    question into clauses. `openers` begin a whole question. `fillers` say nothing either. `indefinite` articles show what is new.
    """

    connectives: frozenset[str] = frozenset()
    offers: tuple[str, ...] = ()
    pronouns: frozenset[str] = frozenset()
    at_end: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    leading: frozenset[str] = frozenset()
    joints: frozenset[str] = frozenset()
    openers: frozenset[str] = frozenset()
    fillers: frozenset[str] = frozenset()
    indefinite: frozenset[str] = frozenset()
    nouns_are_capitals: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GRAMMARS: Mapping[str, Grammar] = {
    ENGLISH: Grammar(
        connectives=_words("and but or also then plus only even"),
        offers=("what about", "how about", "what if", "same for", "and if"),
        pronouns=_words("it its they them their theirs this these those he him his she her hers ones former latter"),
        at_end=_words("there one so then"),
        after=_words("that"),
        leading=_words("is was does did do can will would has about for of after before with in to than by without like"),
        joints=_words("when if because while until unless before after since although whether"),
        openers=_words(
            "what when where who whom whose which why how is are was were do does did can could may might must shall should "
            "will would has have had am tell explain describe list show give name find summarise summarize compare"
        ),
        fillers=_words(
            "about all also am any can could get else may me might much many more most must my need only should shall some "
            "tell us please explain describe show give say one ones that s there what whats happens happen case mean"
        ),
        indefinite=_words("a an"),
    ),
    "german": Grammar(
        connectives=_words("und aber oder auch nur sondern dann"),
        offers=("was ist mit", "wie ist es mit", "wie sieht es mit", "wie steht es mit"),
        pronouns=_words(
            "er es sie ihm ihn ihnen ihr ihre ihren dieser diese dieses diesen dafür davon damit dazu darauf darin daran darüber "
            "dort jene jener"
        ),
        at_end=_words("da das"),
        joints=_words("wenn weil falls während bis bevor nachdem obwohl ob"),
        openers=_words(
            "was wann wo wer wen wem wessen welche welcher welches welchen warum wieso wie wieviel wozu woher wohin ist sind war "
            "waren hat haben kann können darf dürfen muss müssen soll sollen wird werden gibt nenne erkläre zeige"
        ),
        fillers=_words(
            "viel viele wieviel gibt darf dürfen können muss müssen soll sollen man mir mich etwas denn eigentlich bitte da dort "
            "dafür davon damit dazu darauf darin daran darüber wieso wozu woher wohin mal nenne erkläre zeige"
        ),
        indefinite=_words("ein eine einen einem einer"),
        nouns_are_capitals=True,
    ),
    "french": Grammar(
        connectives=_words("et mais ou alors aussi puis"),
        offers=("qu en est il", "et si", "et pour"),
        pronouns=_words("il elle ils elles lui leur leurs celui celle ceux celles cela ça ce cette ces cet y en"),
        joints=_words("si quand parce lorsque"),
        openers=_words("que qu quel quelle quels quelles quand où qui comment pourquoi combien est sont peut faut a y quoi"),
        fillers=_words("combien comment pourquoi quand peut peuvent faut doit aussi moi dit alors puis cela ça quoi celui celle"),
        indefinite=_words("un une"),
    ),
    "spanish": Grammar(
        connectives=_words("y e pero o también entonces"),
        offers=("qué hay de", "qué pasa con", "y si"),
        pronouns=_words("él ella ello ellos ellas lo le les este esta esto estos estas ese esa eso esos esas su sus allí ahí"),
        joints=_words("si cuando porque mientras"),
        openers=_words("qué cuál cuáles cuándo dónde quién quiénes cómo por cuánto cuánta cuántos cuántas es son hay puede debe"),
        fillers=_words("cuánto cuánta cuántos cuántas puede pueden debe también entonces eso esa ese allí ahí cuáles"),
        indefinite=_words("un una"),
    ),
    "italian": Grammar(
        connectives=_words("e ed ma o anche allora"),
        offers=("e se", "che ne è di"),
        pronouns=_words("esso essa essi esse lui lei loro questo questa questi queste quello quella quelli lì là ne ci"),
        joints=_words("se quando perché mentre"),
        openers=_words("che cosa quale quali quando dove chi come perché quanto quanta quanti quante è sono si può deve c"),
        fillers=_words("quanto quanta quanti quante quando cosa può possono deve anche allora lì là questi queste quelli esso"),
        indefinite=_words("un uno una"),
    ),
    "portuguese": Grammar(
        connectives=_words("e mas ou também então"),
        offers=("e se", "e quanto a"),
        pronouns=_words("ele ela eles elas isso isto aquilo esse essa este esta dele dela deles delas lá"),
        joints=_words("se quando porque enquanto"),
        openers=_words("que qual quais quando onde quem como por quanto quanta quantos quantas é são há pode deve o"),
        fillers=_words("quanto quanta quantos quantas pode podem deve então isto aquilo lá quais"),
        indefinite=_words("um uma"),
    ),
    "dutch": Grammar(
        connectives=_words("en maar of ook dan"),
        offers=("hoe zit het met", "wat als", "en als"),
        pronouns=_words("het hij zij ze hem haar hun hen dit deze die daar ervan ervoor daarvan daarvoor"),
        joints=_words("als wanneer omdat terwijl tot voordat nadat"),
        openers=_words("wat wanneer waar wie welke welk waarom hoe hoeveel is zijn was heeft kan kunnen mag moet moeten wordt"),
        fillers=_words("hoeveel kunnen mag moet moeten hier daar ervan ervoor welk mij er"),
        indefinite=_words("een"),
    ),
}  # fmt: skip

NO_GRAMMAR = Grammar()

SPACELESS_POINTERS = (
    "它",
    "他",
    "她",
    "这",
    "這",
    "那",
    "其",
    "それ",
    "その",
    "あれ",
    "これ",
    "では",
    "じゃ",
    "그",
    "이것",
)
"""By which a question leans on the one before it where there are no blanks between words."""


def grammar_of(language: str) -> Grammar:
    return GRAMMARS.get(language, NO_GRAMMAR)


def empty_words(language: str) -> frozenset[str]:
    """Words that do not say what a question is about."""
    grammar = grammar_of(language)
    return STOP_WORDS.get(language, frozenset()) | grammar.fillers | grammar.pronouns | grammar.connectives
