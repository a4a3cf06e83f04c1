import json

import pytest

from apps.documents.parsing.types import (
    ParsedDocument,
    Place,
    PlaceKind,
    Section,
    sections_from_list,
    sections_to_list,
)


def test_sections_survive_the_way_through_json():
    sections = (
        Section(0, 4, ("Duck", "Food"), Place(PlaceKind.PAGE, 7)),
        Section(5, 9, (), Place(PlaceKind.SHEET, label="Prices")),
        Section(9, 10, (), Place(PlaceKind.SHEET, label="Prices", rows=(3, 22))),
        Section(10, 11, (), Place(PlaceKind.LINE, 7, rows=(7, 9))),
        Section(11, 12),
    )
    assert sections_from_list(json.loads(json.dumps(sections_to_list(sections)))) == sections


def test_places_that_were_stored_before_rows_were_kept_are_still_read():
    stored = {"kind": "sheet", "number": None, "label": "Prices"}
    assert Place.from_dict(stored) == Place(PlaceKind.SHEET, label="Prices")
    assert Place.from_dict(stored).to_dict() == stored


@pytest.mark.parametrize(
    "sections",
    [
        (Section(0, 4), Section(3, 9)),
        (Section(5, 9), Section(0, 4)),
        (Section(0, 99),),
        (Section(0, 0),),
        (Section(0, 4),),
        (),
    ],
)
def test_a_document_whose_sections_do_not_make_up_its_text_is_refused(sections):
    with pytest.raises(ValueError, match=r"section|Section"):
        ParsedDocument("duck pond", sections)


def test_only_whitespace_may_lie_between_sections():
    assert len(ParsedDocument("duck\n\npond\n", (Section(0, 4), Section(6, 10))).sections) == 2
