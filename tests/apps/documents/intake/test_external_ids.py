from __future__ import annotations

from apps.documents.intake.external_ids import LONGEST, external_id_of


def test_a_name_that_fits_is_its_own_id() -> None:
    assert external_id_of("docs/ä b.md") == "docs/ä b.md"
    assert external_id_of("x" * LONGEST) == "x" * LONGEST


def test_long_names_that_begin_alike_have_ids_of_their_own_that_stay() -> None:
    one, two = external_id_of("x" * 300 + "1"), external_id_of("x" * 300 + "2")
    assert one != two
    assert len(one) == len(two) == LONGEST
    assert one == external_id_of("x" * 300 + "1")
