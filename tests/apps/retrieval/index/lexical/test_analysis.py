from __future__ import annotations

import pytest

from apps.documents.languages import STOP_WORDS
from apps.retrieval.index.lexical.analysis import (
    LONGEST,
    language_of_text,
    terms_of_question,
    terms_of_text,
    words_of_question,
)

WORDS = [
    ("english", "The harbours' berths were occupied", ["harbour", "berth", "occupi"]),
    ("english", "naïve résumés, naive resumes", ["naiv", "resum", "naiv", "resum"]),
    ("german", "Die Häfen und die Größe der Straße", ["haf", "gross", "strass"]),
    ("german", "GRÖSSE Größe groesse", ["gross", "gross", "gross"]),
    ("french", "L’hôtel est arrivé à l'heure", ["hotel", "arriv", "heur"]),
    ("spanish", "Las niñas de los puertos", ["nin", "puert"]),
    ("english", "Корабли ещё стояли в портах", ["корабл", "стоя", "порт"]),
    ("english", "ёлка, елка", ["елк", "елк"]),
    ("english", "Τα λιμάνια", ["τα", "λιμαν"]),
    ("english", "हिन्दी", ["हिन्द"]),
    ("english", "Ｆｕｌｌ ﬁne soft\u00adhyphen", ["full", "fine", "softhyphen"]),
]

WITHOUT_SPACES = [
    ("港口泊位", ["港口", "口泊", "泊位", "港", "口", "泊", "位"]),
    ("猫", ["猫"]),
    ("ータ", ["ータ", "ー", "タ"]),
    ("ｶﾞ", ["ガ"]),
    ("東京の天気", ["東京", "京の", "の天", "天気", "東", "京", "の", "天", "気"]),
    ("สวัสดี", ["สวั", "วัส", "สดี", "ส", "วั", "ส", "ดี"]),
    ("한국어 책", ["한국", "국어", "한", "국", "어", "책"]),
    ("iPhone手机", ["iphon", "手机", "手", "机"]),
]

CODES = [
    ("XR-2041/b", ["xr2041b", "xr", "2041", "b"]),
    ("p53 H2O", ["p53", "h2o"]),
    ("IL-10", ["il10", "il", "10"]),
    ("1,000,000", ["1000000", "1", "000", "000"]),
    ("3.14", ["3.14", "3", "14"]),
    ("2024-05-01", ["2024-05-01", "2024", "05", "01"]),
    ("v1.2.3-beta", ["v1.2.3beta", "v1", "2", "3", "beta"]),
    ("max_tokens", ["maxtokens", "max", "token"]),
    ("C++ C# c", ["c++", "c", "c#", "c", "c"]),
    ("state-of-the-art", ["state", "art"]),
    ("ann@harbour.example", ["annharbourexample", "ann", "harbour", "exampl"]),
    ("AT&T p.m.", ["at&t", "AT", "pm", "p", "m"]),
    ("10⁶ m² 10½", ["10^6", "10", "6", "m2", "m", "2", "10", "1/2", "1", "2"]),
]


@pytest.mark.parametrize(("language", "text", "terms"), WORDS)
def test_words_are_folded_stemmed_and_freed_of_stop_words(language: str, text: str, terms: list[str]) -> None:
    assert terms_of_text(text, language=language) == terms
    assert terms_of_question(text, languages=[language]) == terms


@pytest.mark.parametrize(("text", "terms"), WITHOUT_SPACES)
def test_scripts_without_spaces_give_pairs_of_characters_and_single_ones(text: str, terms: list[str]) -> None:
    assert terms_of_text(text, language="english") == terms
    assert set(terms_of_question(text)) <= set(terms)


def test_a_question_asks_for_a_character_alone_only_where_it_stands_alone() -> None:
    assert terms_of_question("港口泊位") == ["港口", "口泊", "泊位"]
    assert terms_of_question("猫 港口") == ["猫", "港口"]


@pytest.mark.parametrize(("text", "terms"), CODES)
def test_codes_and_numbers_stay_whole_and_give_their_parts(text: str, terms: list[str]) -> None:
    assert terms_of_text(text, language="english") == terms
    assert terms_of_question(text) == terms


@pytest.mark.parametrize("spelling", ["XR-2041/b", "xr_2041-B", "XR2041b", "Xr\u20112041/b"])
def test_a_code_is_found_however_its_parts_are_joined(spelling: str) -> None:
    assert "xr2041b" in terms_of_question(spelling)


MET = [
    # What a text says, what people type, and the language of the text.
    ("Zolprofen™ Betriebsrat² Widget℠ Kaltosan®", "Zolprofen Betriebsrat Widget Kaltosan", "english"),
    ("Turnover¹ ①Valve ㎏", "turnover valve kg", "english"),
    ("The WHO asks IT and AT&T in the US, OR", "WHO IT AT&T US OR U.S.", "english"),
    ("U.S. and U.N. at 5 p.m.", "US UN pm", "english"),
    ("Send an e-mail by Wi-Fi after the log-in", "email wifi login", "english"),
    ("Send an email by wifi after the login", "e-mail wi-fi log-in", "english"),
    ("E-Mail-Adresse", "Email", "german"),
    ("an infor-\nmation desk, soft\u00ad\nware", "information software", "english"),
    ("1.234.567,50 und 12 500", "1234567.50 12500 1234567,50", "german"),
    ("2’750 and 1,234,567.50", "2750 1234567,50", "english"),
    ("informacion, camion", "información camión", "spanish"),
    ("información, camión", "informacion camion", "spanish"),
    ("la sécurité du bâtiment", "securite batiment", "french"),
    ("a informação e a manutenção", "informacao manutencao", "portuguese"),
    ("στην Αθήνα, το Μουσείο", "Αθηνα ΜΟΥΣΕΙΟ", "greek"),
    ("w Łodzi jest zamknięte", "Lodzi zamkniete", "polish"),
    ("søknaden i Tromsø, rødgrød, æble", "soknaden Tromso rodgrod aeble", "norwegian"),
    ("ışık İstanbul", "isik istanbul", "turkish"),
    ("đường Đà Nẵng", "duong Nang", "english"),
    ("за́мок", "замок", "english"),
    ("Größe der Häfen", "groesse haefen GRÖSSE", "german"),
    ("كتاب علي محطـــة أَحمد", "کتاب علی محطه احمد", "english"),
    ("۱۲۰ ٢٠٢٤ १२", "120 2024 12", "english"),
    ("שָׁלוֹם क़िला", "שלום किला", "english"),
    ("책을 읽다", "책 책은", "english"),
    ("tableᵃ XIXᵉ Mᵐᵉ 3ʳᵈ", "table xixe mme 3rd", "english"),
    ("کتاب\u200cها می\u200cخواهم", "کتاب کتابها میخواهم", "english"),
    ("der Wi–Fi-Zugang 1990–1995", "WiFi 1990-1995 1995", "german"),
    ("お茶を飲む", "お 茶", "english"),
    ("ខ្ញុំស្រលាញ់ភាសាខ្មែរ", "ភាសា", "english"),
    ("ดูงูในสวน", "งู สวน", "english"),
    ("ＡＢＣ ｶﾀｶﾅ ﬁlter Zo\u0308e re\u200bset", "abc カタカナ filter Zöe reset", "english"),
]


@pytest.mark.parametrize(("said", "typed", "language"), MET)
def test_each_word_that_people_type_meets_what_a_text_says_in_another_spelling(
    said: str, typed: str, language: str
) -> None:
    spoken = language if language in STOP_WORDS else "english"
    held = frozenset(terms_of_text(said, language=spoken))
    unmet = [word for word in typed.split() if held.isdisjoint(terms_of_question(word, languages=[spoken]))]
    assert unmet == []


def test_capitals_tell_a_name_from_a_common_word_but_not_where_all_is_in_capitals() -> None:
    assert terms_of_question("who is it for us") == ["us"]
    assert terms_of_question("IT of the WHO, US") == ["IT", "WHO", "us", "US"]
    assert terms_of_question("WHO IS IT FOR") == []


def test_a_part_of_a_joined_word_is_met_by_the_whole_too() -> None:
    assert words_of_question("check-in desk") == [("check", "checkin"), ("desk",)]
    assert terms_of_question("check-in desk") == ["checkin", "check", "desk"]


EARLIER = [
    ("søknad", "søknad"),
    ("۱۲۰", "۱۲۰"),
    ("كتاب علی", "علی"),
    ("Zolprofen™", "zolprofentm"),
    ("12,34,567", "12,34,567"),
]


@pytest.mark.parametrize(("question", "term"), EARLIER)
def test_texts_that_an_earlier_analysis_wrote_are_asked_for_by_its_terms_too(question: str, term: str) -> None:
    newest = terms_of_question(question)
    both = terms_of_question(question, analyses=(1, 2))
    assert both[: len(newest)] == newest
    assert term in both


@pytest.mark.parametrize("text", ["", " \n", "…—“”", "the of and", "\u200d\ufeff", "\U0001f600"])
def test_what_says_nothing_has_no_terms(text: str) -> None:
    assert terms_of_text(text, language="english") == []
    assert terms_of_question(text) == []


def test_no_term_is_too_long_for_an_index() -> None:
    text = f"{'x' * 5000} {'1-' * 3000}1 " + "\u0e01" + "\u0e31" * 3000
    assert max(map(len, terms_of_text(text, language="english"))) <= LONGEST
    assert max(map(len, terms_of_question(text))) <= LONGEST


LANGUAGES = [
    ("english", "The harbour office opens at seven and closes at six on working days."),
    ("german", "Der Hafen hat zweiundvierzig Liegeplätze, und sie kosten mit Strom nicht mehr als im Vorjahr."),
    ("french", "Le port a quarante-deux places pour les visiteurs, et elles sont dans le bassin du nord."),
    ("spanish", "El puerto tiene cuarenta plazas para los visitantes y están en la dársena del norte."),
    ("italian", "Il porto ha quaranta posti per gli ospiti, e sono nella darsena che si trova a nord."),
    ("portuguese", "O porto tem quarenta lugares para os visitantes, que não são muito caros e estão no norte."),
    ("dutch", "De haven heeft veertig plaatsen voor de gasten, en zij zijn niet duur met het oog op de ligging."),
    ("swedish", "Hamnen har fyrtio platser för gäster, och de är inte dyra men det finns en kö till dem."),
    ("finnish", "Satamassa on paikkoja, ja ne ovat edullisia, mutta jos se on täynnä, niin vieras odottaa kun muut."),
    ("polish", "Port ma czterdzieści miejsc dla gości i nie są one drogie, ale w lecie jest się tam tylko na chwilę."),
    ("english", "Berths 12"),
    ("english", "Los Angeles Lakers, Los Angeles Rams, Los Angeles Angels, Las Vegas"),
    ("english", "港口有泊位"),
]


@pytest.mark.parametrize(("language", "text"), LANGUAGES)
def test_a_texts_stop_words_tell_its_language(language: str, text: str) -> None:
    assert language_of_text(text) == language


def test_a_question_is_understood_in_each_language_of_the_texts() -> None:
    assert terms_of_question("Häfen", languages=["english", "german"]) == ["hafen", "haf"]
    assert terms_of_question("harbour", languages=["english", "german"]) == ["harbour"]


def test_stop_words_of_the_questions_language_are_dropped_for_all_languages() -> None:
    assert terms_of_question("What is the depth of the sea?", languages=["english", "spanish"]) == ["depth", "sea"]
    assert terms_of_question("sea depth", languages=["english", "spanish"]) == ["sea", "depth"]
