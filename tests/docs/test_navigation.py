from __future__ import annotations

from docs.site.navigation import RUN, SECTIONS, navigation


def test_a_page_that_no_section_names_stands_at_the_end_of_what_operators_read() -> None:
    named = {page for section in SECTIONS for page in section.pages}
    trees = navigation({*named, "index", "zeppelins", "adr/0001-claims", "reference/api/answers"}).split("```{toctree}")
    run = next(tree for tree in trees if f":caption: {RUN}\n" in tree)
    assert run.rstrip().removesuffix("```").split()[-1] == "zeppelins"
    assert "adr/0001-claims" not in "".join(trees)
    assert "reference/api/answers" not in "".join(trees)
