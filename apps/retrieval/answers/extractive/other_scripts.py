"""Questions and answers in scripts without capitals, of which many put no spaces between words either. Pure.

There the words of a question are every two neighbouring characters, so that what only asks ("在哪里", "ますか") would count as
much as what it asks about; and nothing tells a name from a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from apps.retrieval.answers.extractive.answer_types import AnswerType

_ASKED: Sequence[tuple[AnswerType, str]] = (
    (
        AnswerType.TIME,
        "什么时候|什麼時候|何时|何時|几点|幾點|哪天|哪年|哪一年|几月|いつ|何日|何年|何曜日|언제|몇 ?시|며칠|몇 ?년|"
        "เมื่อไร|เมื่อไหร่|กี่โมง|"
        "วันไหน|កាលណា|ពេលណា|ម៉ោងប៉ុន្មាន|कब|कितने बजे|কখন|متى|کب|کتنے بجے|چه زمانی|מתי|როდის|երբ|መቼ|ဘယ်အချိန်|ဘယ်တော့",
    ),
    (
        AnswerType.NUMBER,
        "多少|几[个本人次天年岁元块]|幾[個本人次天年歲元]|多大|多长|多高|多远|いくつ|いくら|何[冊人個本枚歳回円台名日分]|몇|얼마|"
        "เท่าไร|เท่าไหร่|กี่|ប៉ុន្មាន|कितन|কত|كم|کتن|چند|כמה|რამდენი|քանի|ስንት|ဘယ်နှစ်|ဘယ်လောက်",
    ),
    (AnswerType.PERSON, "谁|誰|哪位|だれ|누구|누가|ใคร|អ្នកណា|कौन|किसने|কে |چه کسی|کون|מי |ვინ|ով |ማን|ဘယ်သူ"),
    (
        AnswerType.PLACE,
        "哪里|哪儿|哪裡|什么地方|什麼地方|どこ|어디|ที่ไหน|ឯណា|កន្លែងណា|कहाँ|कहां|কোথায়|أين|کہاں|کجا|איפה|היכן|სად|որտեղ|የት|ဘယ်မှာ",
    ),
    (AnswerType.CAUSE, "为什么|為什麼|为何|なぜ|どうして|왜|ทำไม|ហេតុអ្វី|क्यों|কেন|لماذا|کیوں|چرا|למה|מדוע|რატომ|ինչու|ለምን|ဘာကြောင့်"),
    (AnswerType.MANNER, "怎么|怎麼|怎样|如何|どうやって|どのように|어떻게|"
     "อย่างไร|ยังไง|យ៉ាងណា|कैसे|কীভাবে|كيف|کیسے|چگونه|איך|כיצד|როგორ|ինչպես|እንዴት|ဘယ်လို"),
)  # fmt: skip
_TYPES = [(kind, re.compile(words)) for kind, words in _ASKED]

_ASKING = re.compile(
    # Chinese
    "请问|請問|什么时候|什麼時候|什么地方|什麼地方|多少钱|多少錢|多少|[在是]?哪[里儿裡天年位些个個]|几点|幾點|几(?=[个本人次天年岁元块])|为什么|為什麼|怎么样|怎么|怎麼|怎样|"
    "如何|是?什么|是?什麼|是?谁|是?誰|可以|可不可以|能不能|有没有|是不是|[吗嗎呢吧么]"
    # Japanese: what asks, particles between words, and the end of the verb
    "|いつ|どこ|どれ|どの|なぜ|どうして|だれ|いくつ|いくら|どうやって|どのように|何時|何日|何年|何曜日|何"
    "|(?<=[\u30a0-\u30ff\u3400-\u9fff])(?:には|では|から|まで|[はがをにでのともへ])(?=[\u30a0-\u30ff\u3400-\u9fff]|いつ|どこ|なぜ|いくら|いくつ|だれ)"
    "|(?:(?<=いつ)|(?<=どこ)|(?<=だれ)|(?<=[\u3400-\u9fff]))[にでへをがはと]+(?=[\u30a0-\u30ff\u3400-\u9fff])"
    "|[\u3041-\u309f]+(?=[か？?。\\s]*$)"
    # Korean
    "|[\uac00-\ud7a3]*(?:니까|나요|까요|는가|을까)(?=[?？\\s]*$)"
    "|몇|언제|어디(?:에서|에|로)?|얼마|누구|누가|왜|어떻게|무엇"
    # Thai, Khmer
    "|กี่โมง|ที่ไหน|เมื่อไร|เมื่อไหร่|เท่าไร|เท่าไหร่|กี่|ทำไม|อย่างไร|ใคร|อะไร|ไหม|ប៉ុន្មាន|ឯណា|ដែរឬទេ|ទេ(?=[?។\\s]*$)"
)  # fmt: skip

_NUMERAL = re.compile(
    "[一二三四五六七八九十百千万萬两兩〇零半]|[한두세네]\\s|다섯|여섯|일곱|여덟|아홉|열|หนึ่ง|สอง|สาม|สี่|ห้า|หก|เจ็ด|แปด|เก้า|สิบ"
)
_CAPITALS = re.compile("[A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f\u0531-\u0587]")
_LETTER = re.compile(r"[^\W\d_]")


def answer_type_elsewhere(question: str) -> AnswerType:
    """By the word that asks; OTHER where none is known."""
    return next((kind for kind, words in _TYPES if words.search(question)), AnswerType.OTHER)


def without_asking(question: str) -> str:
    """The question without what only asks, in scripts without spaces; what is nothing but that stays as it is."""
    if question.isascii():
        return question
    left = _ASKING.sub(" ", question)
    return left if _LETTER.search(left) else question


def has_capitals(text: str) -> bool:
    """Whether most of a text is in an alphabet with capitals."""
    letters = _LETTER.findall(text)
    return len(_CAPITALS.findall(text)) * 2 >= len(letters)


def holds_numeral(text: str) -> bool:
    """Whether a number stands in it, in words of languages that write no capitals."""
    return bool(_NUMERAL.search(text))
