import pytest

from apps.documents.parsing.guessing import CONVINCING, guess_encoding, likeness

TEXTS = [
    ("“Quoted” – naïve café, 5 €", "cp1252"),
    ("I don’t know, it’s late.", "cp1252"),
    ("The years 1914–18 — all of them…", "cp1252"),
    ("Schraube M4;1.234,50 €;§ 5 Abs. 2;20 °C ± 2", "cp1252"),
    ("½ cup, 25 m², 5 µm, © 2024", "cp1252"),
    ("‘Single’ and “double” quotes", "cp1252", "mac_roman"),
    ("Смена начинается в шесть утра. Цена 5 руб., № 7", "cp1251"),
    ("سعر التذكرة 5 دراهم؟ تفتح صباحًا.", "cp1256"),
    ("Größere Gänse fressen süße Äpfel über dem Fluß.", "cp1252", "mac_roman", "cp850"),
    ("Où est passé l’élève ? À la forêt, bien sûr.", "cp1252"),
    ("El niño comió una manzana; ¿qué pasó después? Adiós, señor.", "cp1252"),
    ("Zażółć gęślą jaźń, zupełnie nowa łódź.", "cp1250", "iso8859_2"),
    ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250", "iso8859_2"),
    ("Işığı görünce çocuk şaşırdı, güneş doğdu.", "cp1254"),
    ("Однажды, в студеную зимнюю пору, я из лесу вышел.", "cp1251", "koi8_r", "cp866", "iso8859_5"),
    ("Привет, мир!", "cp1251", "koi8_r", "cp866"),
    ("Ελληνικά γράμματα σε ένα μικρό κείμενο για τη δοκιμή.", "cp1253"),
    ("שלום עולם, זה טקסט קצר בעברית.", "cp1255"),
    ("هذا نص قصير باللغة العربية للاختبار.", "cp1256"),
    ("สวัสดีชาวโลก วันนี้อากาศดีมาก", "cp874"),
    ("名前,年齢,住所\r\n佐藤太郎,30,東京\r\n三木英子,25,大阪\r\n", "cp932"),
    ("日本語の文章をエンコードします。今日は天気がいいです。", "cp932", "euc_jp"),
    ("我们今天去北京看故宫，天气很好。", "gb18030"),
    ("我們今天去北京看故宮，天氣很好。", "big5"),
    ("오늘은 날씨가 좋아서 공원에 갔습니다.", "cp949"),
]
CASES = [(text, encoding) for text, *encodings in TEXTS for encoding in encodings]


@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_short_texts_are_read_as_they_were_written(text, encoding):
    assert text.encode(encoding).decode(guess_encoding(text.encode(encoding))) == text


@pytest.mark.parametrize("text", [text for text, *_ in TEXTS])
def test_texts_look_like_a_language(text):
    assert likeness(text) >= CONVINCING


def test_the_wrong_reading_of_a_text_does_not():
    assert likeness("Größe und Maß süßer Früchte".encode().decode("cp1252")) < CONVINCING


def test_signs_tell_by_where_they_stand():
    assert likeness("plain words") == likeness("plain – words …") == 1.0
    assert likeness("a ★ b") == CONVINCING
    assert likeness("don€t") < CONVINCING


def test_noise_is_in_no_encoding():
    assert guess_encoding(bytes(range(128, 256)) * 3 + b"\x00\x81\x00\xff") == ""


def test_a_long_text_is_judged_by_its_beginning_even_where_that_cuts_a_character():
    data = b"." + ("日本語の文章です。" * 40_000).encode("cp932")
    assert data.decode(guess_encoding(data)).endswith("日本語の文章です。")
