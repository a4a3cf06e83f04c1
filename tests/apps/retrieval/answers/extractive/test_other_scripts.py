"""Questions in scripts without capitals get the sentence that answers them."""

from __future__ import annotations

import pytest

from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.extractive.other_scripts import answer_type_elsewhere, without_asking
from apps.retrieval.answers.types import Statement
from tests import factories as make
from tests.apps.retrieval.making import material, passage

LIBRARIES = {
    "zh": "市图书馆位于中山路十二号。图书馆周二至周日上午九点开门，晚上八点关门。"
    "每位读者一次最多可以借五本书。逾期每本每天罚款两角。自行车停放在北门外。",
    "ja": "市立図書館は中央通りにあります。開館時間は午前九時から午後八時までです。"
    "本は一人五冊まで借りることができます。自転車は北口の外に停めてください。",
    "th": "ห้องสมุดประชาชนตั้งอยู่บนถนนกลางเมือง ห้องสมุดเปิดทุกวันอังคารถึงวันอาทิตย์ เวลา 9.00 น. ถึง 20.00 น. "
    "สมาชิกยืมหนังสือได้ครั้งละห้าเล่มเป็นเวลาสองสัปดาห์ จักรยานให้จอดที่ประตูทิศเหนือ",
    "ko": "시립 도서관은 중앙로에 있습니다. 도서관은 오전 아홉 시에 열고 오후 여덟 시에 닫습니다. "
    "자전거는 북문 밖에 세워 주세요.",
    "km": "បណ្ណាល័យស្ថិតនៅលើផ្លូវកណ្តាល។ បណ្ណាល័យបើកពីម៉ោងប្រាំបួនព្រឹក។ សមាជិកអាចខ្ចីសៀវភៅបានប្រាំក្បាលក្នុងមួយលើក។",
    "hi": "नगर पुस्तकालय मुख्य सड़क पर है। पुस्तकालय सुबह नौ बजे खुलता है। एक बार में पाँच किताबें ली जा सकती हैं।",
    "ur": "شہر کا کتب خانہ مرکزی سڑک پر ہے۔ کتب خانہ صبح نو بجے کھلتا ہے۔ ایک بار میں پانچ کتابیں لی جا سکتی ہیں۔",
    "ar": "تقع المكتبة العامة في شارع النيل. تفتح المكتبة في التاسعة صباحا. توضع الدراجات خارج الباب الشمالي.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("zh", "图书馆几点开门？", "图书馆周二至周日上午九点开门，晚上八点关门。"),
        ("zh", "逾期罚款多少钱？", "逾期每本每天罚款两角。"),
        ("zh", "自行车停在哪里？", "自行车停放在北门外。"),
        ("zh", "谁写了红楼梦？", ""),
        ("ja", "本は何冊まで借りられますか？", "本は一人五冊まで借りることができます。"),
        ("ja", "自転車はどこに停めますか？", "自転車は北口の外に停めてください。"),
        ("ja", "富士山の高さは？", ""),
        ("th", "ห้องสมุดเปิดกี่โมง", "ห้องสมุดเปิดทุกวันอังคารถึงวันอาทิตย์ เวลา 9.00 น. ถึง 20.00 น."),
        ("th", "จอดจักรยานที่ไหน", "จักรยานให้จอดที่ประตูทิศเหนือ"),
        ("ko", "도서관은 몇 시에 엽니까?", "도서관은 오전 아홉 시에 열고 오후 여덟 시에 닫습니다."),
        ("ko", "자전거는 어디에 세웁니까?", "자전거는 북문 밖에 세워 주세요."),
        ("km", "បណ្ណាល័យបើកម៉ោងប៉ុន្មាន?", "បណ្ណាល័យបើកពីម៉ោងប្រាំបួនព្រឹក។"),
        ("hi", "पुस्तकालय कितने बजे खुलता है?", "पुस्तकालय सुबह नौ बजे खुलता है।"),
        ("ur", "کتب خانہ کب کھلتا ہے؟", "کتب خانہ صبح نو بجے کھلتا ہے۔"),
        ("ar", "أين توضع الدراجات؟", "توضع الدراجات خارج الباب الشمالي."),
    ],
)
def test_a_question_gets_the_sentence_that_answers_it(language: str, question: str, answer: str) -> None:
    asked = material(question, passage(LIBRARIES[language]))
    pieces = ExtractiveGenerator().generate(asked, deadline=make.soon())
    assert [piece.text for piece in pieces if isinstance(piece, Statement)][:1] == ([answer] if answer else [])


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("图书馆几点开门？", AnswerType.TIME),
        ("本はいくらですか", AnswerType.NUMBER),
        ("자전거는 어디에 세웁니까?", AnswerType.PLACE),
        ("ทำไมห้องสมุดปิด", AnswerType.CAUSE),
        ("कौन आएगा?", AnswerType.PERSON),
        ("كيف نصل؟", AnswerType.MANNER),
        ("图书馆", AnswerType.OTHER),
    ],
)
def test_what_a_question_asks_for_is_told_by_its_word(question: str, kind: AnswerType) -> None:
    assert answer_type_elsewhere(question) is kind


def test_what_only_asks_is_left_out_unless_nothing_else_is_said() -> None:
    assert without_asking("自行车停在哪里？").split() == ["自行车停", "？"]
    assert without_asking("Where is it?") == "Where is it?"
    assert without_asking("什么？") == "什么？"
