import pytest

from apps.documents.document_names import called, document_name, name_words, says_something


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
        ("part-b_2022.pdf", "part-b 2022"),
        ("COVID-19_report.pdf", "COVID-19 report"),
        ("e-mail-policy.pdf", "e-mail policy"),
        ("Q3 e-mail summary.docx", "Q3 e-mail summary"),
        ("C++_guide.pdf", "C++ guide"),
        ("Annual+report.pdf", "Annual report"),
        ("Annual%20report.pdf", "Annual report"),
        ("Annual%20r%E9sum%E9.pdf", "Annual%20r%E9sum%E9"),
        ("a%20report%00.pdf", "a%20report%00"),
        ("a%20%E2%80%AEtroper.pdf", "a%20%E2%80%AEtroper"),
        ("100%_cotton.pdf", "100% cotton"),
        ("report (1).pdf", "report (1)"),
        ("Jahresbericht_Übersicht.pdf", "Jahresbericht Übersicht"),
        ("年度报告_2022.pdf", "年度报告 2022"),
        ("البيانات_2022.pdf", "البيانات 2022"),
    ],
)
def test_the_name_of_a_file_is_told_in_words(title, words):
    assert name_words(title) == words


@pytest.mark.parametrize("title", ["Annual report 2021", "Dr. No", "How to reach me at 5 p.m.", ".env", ""])
def test_a_title_that_is_no_name_of_a_file_stays(title):
    assert name_words(title) == title


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("ADOBE_2022_10K.pdf", "Adobe 2022 10K"),
        ("ADOBE_2022_10K", "Adobe 2022 10K"),
        ("3M_2018_10K.pdf", "3M 2018 10K"),
        ("v1.2 final.docx", "v1.2 final"),
        ("2022-05-20_minutes.docx", "2022-05-20 minutes"),
        ("Kommunikationsplan_final_v2.PPTX", "Kommunikationsplan final v2"),
        ("user_guide.html", "user guide"),
        ("annual_report.md", "annual report"),
        ("sales-2023.csv", "sales 2023"),
        ("नीति.pdf", "नीति"),
        ("वार्षिक_रिपोर्ट.pdf", "वार्षिक रिपोर्ट"),
        ("报告.pdf", "报告"),
    ],
)
def test_people_read_the_words_of_the_name_of_a_file(title, name):
    assert document_name(title, "Another title") == name


@pytest.mark.parametrize(
    "title",
    [
        "Annual report 2021", "Dr. No", "Re: budget.xlsx", "About report.final", "Ask Ann about main.py",
        "https://example.org/annual_report.pdf", "reports/annual_report.pdf", "<b>annual_report</b>.pdf",
        "README.md", "notes.txt", "data.csv", "index.html", "main.py", "node_modules.json", "app.tar.gz", ".gitignore",
        "Makefile", "GitHub", "customer-42", "1984", "2022", "",
    ],
)  # fmt: skip
def test_what_somebody_calls_it_already_stays_as_it_is(title):
    assert document_name(title, "Another title") == title


@pytest.mark.parametrize(
    "title",
    [
        "0001193125-22-000012.pdf", "scan_0001.pdf", "Scan.pdf", "IMG_20230101.pdf", "2022-05-20.pdf", "2301.12345v2.pdf",
        "message.eml", "Dokument (3).docx", "page12.html", "5d41402abc4b2a76b9719d911017c592.pdf",
        "3f2b8c1e-aaaa-4bcd-8eee-abcdefabcdef.pdf", "____.pdf",
    ],
)  # fmt: skip
def test_a_name_that_says_nothing_gives_way_to_what_the_file_tells(title):
    assert document_name(title, "Annual report 2017") == called(title, "Annual report 2017") == "Annual report 2017"
    assert document_name(title) == title
    assert document_name(title, "Untitled") == title


def test_a_file_that_tells_the_name_of_another_file_is_called_by_its_words():
    assert document_name("scan_0001.pdf", "annual_report_2017.docx") == "annual report 2017"


def test_a_number_is_no_name_where_the_file_tells_one():
    assert called("0001018724-18-000005.pdf", "Annual report 2017") == "Annual report 2017"
    assert called("0001018724-18-000005.pdf", "") == "0001018724-18-000005"
    assert called("rules.pdf", "Annual report 2017") == "rules"


@pytest.mark.parametrize(
    ("name", "says"),
    [("rules.pdf", True), ("3M 2018 10K", True), ("FY22", True), ("10-K", False), ("scan 12", False), ("", False)],
)
def test_only_words_and_pairs_of_short_forms_tell_a_document_from_others(name, says):
    assert says_something(name) is says
