import pytest

from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from ragsite.core.errors import PermanentError


def test_settings_survive_the_way_through_a_dict():
    settings = ChunkingSettings(size=128, overlap=16)
    assert ChunkingSettings.from_dict(settings.to_stored()) == settings


def test_what_a_dict_leaves_out_has_the_default():
    assert ChunkingSettings.chosen({}) == ChunkingSettings(ChunkingStrategy.SENTENCE, 220, 32)


def test_the_key_is_the_same_in_every_release_that_cuts_alike():
    assert ChunkingSettings().key == "50ffbad3be7a7017"
    assert ChunkingSettings().key == ChunkingSettings.from_dict({"overlap": 32, "size": 220, "edition": 3}).key


def test_chunks_of_an_earlier_edition_are_found_by_the_key_they_were_kept_with():
    kept = ChunkingSettings.from_dict({"strategy": "sentence", "size": 220, "overlap": 32})
    assert kept.key == ChunkingSettings.from_dict({}).key == "da698988ac37a096"
    assert kept.renewed() == ChunkingSettings()


def test_nobody_chooses_an_edition():
    with pytest.raises(PermanentError, match="'edition'"):
        ChunkingSettings.chosen({"edition": 1})


def test_the_key_changes_with_each_setting():
    keys = {ChunkingSettings(strategy).key for strategy in ChunkingStrategy}
    keys |= {ChunkingSettings(size=221).key, ChunkingSettings(overlap=31).key}
    assert len(keys) == len(ChunkingStrategy) + 2


@pytest.mark.parametrize("strategy", ["sentence", "heading", "tokens", "semantic"])
def test_a_strategy_is_chosen_by_its_name(strategy):
    settings = ChunkingSettings.from_dict({"strategy": strategy})
    assert settings.strategy.value == strategy
    assert settings.to_dict() == {"strategy": strategy, "size": 220, "overlap": 32}


def test_a_document_may_have_settings_of_its_own_and_has_the_others_of_its_knowledge_base():
    base = ChunkingSettings(size=128, overlap=16)
    assert base.overridden({}) == base
    assert base.overridden({"strategy": "heading"}) == ChunkingSettings(ChunkingStrategy.HEADING, 128, 16)


def test_settings_of_a_document_that_do_not_go_with_those_of_its_knowledge_base_are_refused():
    with pytest.raises(PermanentError, match="The overlap 60 is invalid with a size of 100"):
        ChunkingSettings(size=128, overlap=60).overridden({"size": 100})


@pytest.mark.parametrize(
    ("choices", "quoted"),
    [
        ({"size": 15, "overlap": 0}, "15"),
        ({"size": 9000}, "9000"),
        ({"size": "220"}, "'220'"),
        ({"size": True}, "True"),
        ({"size": 100, "overlap": 51}, "51"),
        ({"overlap": -1}, "-1"),
        ({"strategy": "by moonlight"}, "'by moonlight'"),
        ({"strategy": None}, "None"),
        ({"strategy": ["tokens"]}, "['tokens']"),
        ({"colour": "red"}, "'colour'"),
    ],
)
def test_impossible_settings_are_refused_with_the_value_that_is_wrong(choices, quoted):
    with pytest.raises(PermanentError) as caught:
        ChunkingSettings.from_dict(choices)
    assert caught.value.error_code == "invalid_chunking"
    assert quoted in caught.value.message
    assert "from 16 to 8192" in caught.value.error_action
    assert "'sentence', 'heading', 'tokens', 'semantic'" in caught.value.error_action
