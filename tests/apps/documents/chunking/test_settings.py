import pytest

from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from ragsite.core.errors import PermanentError


def test_settings_survive_the_way_through_a_dict():
    settings = ChunkingSettings(size=128, overlap=16)
    assert ChunkingSettings.from_dict(settings.to_dict()) == settings


def test_what_a_dict_leaves_out_has_the_default():
    assert ChunkingSettings.from_dict({}) == ChunkingSettings(ChunkingStrategy.SENTENCE, 220, 32)


def test_the_key_is_the_same_in_every_release():
    assert ChunkingSettings().key == "da698988ac37a096"
    assert ChunkingSettings().key == ChunkingSettings.from_dict({"overlap": 32, "size": 220}).key


def test_the_key_changes_with_each_setting():
    keys = {ChunkingSettings().key, ChunkingSettings(size=221).key, ChunkingSettings(overlap=31).key}
    assert len(keys) == 3


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
        ({"colour": "red"}, "'colour'"),
    ],
)
def test_impossible_settings_are_refused_with_the_value_that_is_wrong(choices, quoted):
    with pytest.raises(PermanentError) as caught:
        ChunkingSettings.from_dict(choices)
    assert caught.value.error_code == "invalid_chunking"
    assert quoted in caught.value.message
    assert "from 16 to 8192" in caught.value.error_action
