import pytest

from apps.documents.document_names import called, name_words


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("ADOBE_2022_10K.pdf", "Adobe 2022 10K"),
        ("AMCOR_2023Q4_EARNINGS.pdf", "Amcor 2023 Q4 Earnings"),
        ("FOOTLOCKER_2022_8K_dated-2022-05-20.pdf", "Footlocker 2022 8K dated 2022-05-20"),
        ("annual-report-2022.docx", "annual report 2022"),
        ("AnnualReport.pdf", "Annual Report"),
        ("10-K.pdf", "10-K"),
        ("part-b.txt", "part-b"),
        ("Jahresbericht_Übersicht.pdf", "Jahresbericht Übersicht"),
        ("年度报告_2022.pdf", "年度报告 2022"),
    ],
)
def test_the_name_of_a_file_is_told_in_words(title, words):
    assert name_words(title) == words


@pytest.mark.parametrize("title", ["Annual report 2021", "Dr. No", "How to reach me at 5 p.m.", ""])
def test_a_title_that_is_no_name_of_a_file_stays(title):
    assert name_words(title) == title


def test_a_number_is_no_name_where_the_file_tells_one():
    assert called("0001018724-18-000005.pdf", "Annual report 2017") == "Annual report 2017"
    assert called("0001018724-18-000005.pdf", "") == "0001018724-18-000005"
    assert called("rules.pdf", "Annual report 2017") == "rules"
