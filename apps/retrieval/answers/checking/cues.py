"""Words that turn a statement: negations, directions and opposites. As they are written, in lower case."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEGATIONS: Mapping[str, frozenset[str]] = {
    language: _words(words)
    for language, words in {
        "english": "no not nor neither never none nobody nothing nowhere without cannot can't don't doesn't didn't isn't aren't "
        "wasn't weren't won't wouldn't shouldn't couldn't hasn't haven't hadn't mustn't fail fails failed failing lacks lacked "
        "unable absent hardly unlikely",
        "german": "nicht nichts nie niemals kein keine keinen keinem keiner keines ohne weder noch niemand nirgends",
        "french": "pas jamais aucun aucune rien sans ni personne",
        "spanish": "no nunca jamás ningún ninguna ninguno nada sin ni tampoco nadie",
        "italian": "non mai nessun nessuna nessuno niente nulla senza né",
        "portuguese": "não nunca jamais nenhum nenhuma nada sem nem ninguém",
        "dutch": "niet niets nooit geen zonder noch niemand nergens",
        "swedish": "inte ej aldrig ingen inget inga utan",
        "danish": "ikke aldrig ingen intet uden",
        "norwegian": "ikke aldri ingen intet uten",
        "finnish": "ei eivät en et emme ette ilman",
        "polish": "nie nigdy żaden żadna żadne nikt nic bez",
        "turkish": "değil yok hiç asla",
        "russian": "не нет ни никогда никто ничего без нельзя",
    }.items()
}
"""By the names of languages that `apps.documents.languages` gives; of other languages nothing is known here."""

CANCELLING = _words(
    "without lacks lacked fail fails failed failing unable absent ohne sans sin sem senza zonder utan uden uten ilman "
    "bez без"
)
"""Negations that another one in the clause turns back ("not without"). Several others are one: many languages say them twice."""

NO_NEGATIONS = (
    "not only", "nicht nur", "non seulement", "pas seulement", "no solo", "no sólo", "non solo", "não só", "niet alleen",
    "inte bara", "ikke bare", "ikke kun", "nie tylko", "не только", "no later than", "no more than", "no less than",
)  # fmt: skip
"""What looks like a negation and is none."""

RISING = _words(
    "increase enhance promote elevate elevation high higher highest great greater more most upregulate upregulation "
    "activate activation induce induction stimulate stimulation gain improve improvement rise rose raise strong stronger "
    "better best longer larger faster positive accelerate augment facilitate cause lead required requires essential "
    "necessary efficient effective sufficient expand excess overexpression abundant trigger drive contribute associated "
    "correlate linked presence present sensitive susceptible prolong allow enable same similar common frequent early "
    "major support expansion grow growth"
)
"""English words for more of something, or for what brings more."""

FALLING = _words(
    "decrease reduce reduction low lower lowest less least fewer downregulate downregulation inactivate inactivation "
    "inhibit inhibition inhibitor suppress suppression impair impairment impede block prevent prevention attenuate loss "
    "lose lost decline diminish worse worsen weak weaker poor poorer shorter smaller slower negative delay deficient "
    "deficiency abolish hinder disrupt repress repression protect protective protection fall fell drop insensitive "
    "resistant resistance limit ineffective inefficient insufficient rare minor deplete depletion deletion knockout "
    "silencing antagonist ablation unaffected unchanged independent differ different late avoid eliminate shrink"
)
"""English words for less of something, or for what brings less."""

OPPOSITES: tuple[tuple[str, str], ...] = (
    ("increase enhance promote raise rise elevate upregulate improve grow",
     "decrease reduce lower inhibit suppress fall drop decline downregulate impair worsen diminish shrink prevent"),
    ("activate activation", "inactivate inactivation inhibit inhibition"), ("higher high", "lower low"),
    ("more most", "less fewer least"), ("longer", "shorter"), ("larger", "smaller"), ("faster", "slower"),
    ("stronger strong", "weaker weak"), ("better", "worse"), ("before", "after"), ("open opens", "closed closes"),
    ("always", "never"), ("all every", "none no"), ("maximum", "minimum"),
    ("allow permit allowed permitted", "forbid prohibit forbidden prohibited"), ("include", "exclude"),
    ("accept", "reject refuse"), ("positive", "negative"), ("first", "last"), ("above", "below"),
    ("sensitive", "resistant insensitive"), ("sufficient", "insufficient"), ("effective", "ineffective"),
    ("mandatory required", "optional voluntary"), ("presence present", "absence absent"), ("with", "without"),
    ("gain", "loss lose"), ("mehr", "weniger"), ("höher", "niedriger tiefer"),
    ("steigt stieg gestiegen", "sinkt sank fällt fiel gesunken gefallen"), ("vor", "nach"),
    ("geöffnet offen öffnet", "geschlossen schließt"), ("erlaubt", "verboten"), ("mit", "ohne"), ("plus", "moins"),
    ("ouvert ouverte", "fermé fermée"), ("avant", "après"), ("avec", "sans"), ("augmente", "diminue baisse"),
    ("más", "menos"), ("abierto abierta", "cerrado cerrada"), ("antes", "después"), ("aumenta", "disminuye"),
    ("più", "meno"), ("aperto aperta", "chiuso chiusa"), ("prima", "dopo"), ("mais", "menos"),
    ("aberto aberta", "fechado fechada"), ("meer", "minder"), ("geopend open", "gesloten dicht"),
    ("больше", "меньше"), ("открыт открыта", "закрыт закрыта"), ("до", "после"),
)  # fmt: skip
"""Words of which one turns what the other says."""

NUMBER_WORDS: Mapping[str, str] = {
    word: str(number)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
        "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici",
        "zero um dois três quatro cinco seis sete oito nove dez onze doze",
        "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf",
    )
    for number, word in enumerate(words.split())
    if number > 1
}
"""Small numbers that are written out; not "one", which is an article in many languages."""
