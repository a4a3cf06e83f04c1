from __future__ import annotations

import pytest

from apps.retrieval.index.lexical.analysis import LONGEST, language_of_text, terms_of_question, terms_of_text

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
    ("コンピューター", ["コン", "ンピ", "ピュ", "ュー", "ータ", "ター"]),
    ("東京の天気", ["東京", "京の", "の天", "天気", "東", "京", "天", "気"]),
    ("สวัสดี", ["สวั", "วัส", "สดี"]),
    ("한국어 검색", ["한국", "국어", "검색"]),
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
]


@pytest.mark.parametrize(("language", "text", "terms"), WORDS)
def test_words_are_folded_stemmed_and_freed_of_stop_words(language: str, text: str, terms: list[str]) -> None:
    assert terms_of_text(text, language=language) == terms
    assert terms_of_question(text, languages=[language]) == terms


@pytest.mark.parametrize(("text", "terms"), WITHOUT_SPACES)
def test_scripts_without_spaces_give_pairs_of_characters_and_single_ideographs(text: str, terms: list[str]) -> None:
    assert terms_of_text(text, language="english") == terms
    assert set(terms_of_question(text)) <= set(terms)


def test_a_question_asks_for_an_ideograph_alone_only_where_it_stands_alone() -> None:
    assert terms_of_question("港口泊位") == ["港口", "口泊", "泊位"]
    assert terms_of_question("猫 港口") == ["猫", "港口"]


@pytest.mark.parametrize(("text", "terms"), CODES)
def test_codes_and_numbers_stay_whole_and_give_their_parts(text: str, terms: list[str]) -> None:
    assert terms_of_text(text, language="english") == terms
    assert terms_of_question(text) == terms


@pytest.mark.parametrize("spelling", ["XR-2041/b", "xr_2041-B", "XR2041b", "Xr\u20112041/b"])
def test_a_code_is_found_however_its_parts_are_joined(spelling: str) -> None:
    assert "xr2041b" in terms_of_question(spelling)


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
