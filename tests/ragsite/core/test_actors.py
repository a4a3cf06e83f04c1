from __future__ import annotations

import json
import logging

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from ragsite.core.actors import Actor, ActorKind, Door, actor_text, change_log
from ragsite.core.request_ids import in_request

ACTORS = [
    (Actor(ActorKind.USER, "7", "ada", Door.ADMIN, "r-1"), "ada, admin"),
    (Actor(ActorKind.USER, "7", "ada", Door.API), "ada, API"),
    (Actor.of_key("0198", "CI", door=Door.API), "key CI, API"),
    (Actor.of_command("manage.py reindex"), "manage.py reindex"),
    (Actor(ActorKind.SERVICE, "importer", "importer", Door.API), "importer, API"),
    (Actor.of_job("embed"), "job embed"),
]


@pytest.mark.parametrize(("actor", "words"), ACTORS)
def test_an_actor_is_kept_as_json_and_shown_in_words(actor: Actor, words: str) -> None:
    kept = json.loads(json.dumps(actor.as_dict()))
    assert Actor.from_dict(kept) == actor
    assert (actor.text, actor_text(kept)) == (words, words)


def test_what_there_is_not_is_not_kept() -> None:
    assert Actor.of_job("embed").as_dict() == {"kind": "system", "id": "embed", "name": "embed", "door": "job"}
    assert actor_text(None) == ""


def test_where_nobody_is_named_the_job_acts_by_itself() -> None:
    asked = Actor.of_command("manage.py ingest")
    assert Actor.kept(asked.as_dict(), job="parse") == asked
    assert Actor.kept(None, job="parse") == Actor.of_job("parse")


def test_a_person_and_a_key_act_in_the_request_at_hand() -> None:
    user = User(pk=7, username="ada")
    with in_request("r-1"):
        assert Actor.of_user(user, door=Door.ADMIN) == Actor(ActorKind.USER, "7", "ada", Door.ADMIN, "r-1")
        assert Actor.of_key("0198", "CI", door=Door.API).request_id == "r-1"
    assert Actor.of_user(user, door=Door.ADMIN).request_id == ""


@pytest.mark.parametrize("kind", [Actor.of_command, Actor.of_job])
def test_the_words_for_an_actor_fit_their_columns(kind: object) -> None:
    made = [
        Actor.of_user(User(pk=7, username="a" * 150), door=Door.COMMAND),
        Actor.of_key(1, "k" * 120, door=Door.ADMIN),
    ]
    assert all(len(one.text) <= 120 for one in [*made, kind("n" * 200)])  # type: ignore[operator]


@pytest.mark.django_db(transaction=True)
def test_a_change_is_logged_with_who_made_it_once_it_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="ragsite.core.actors")
    with transaction.atomic():
        change_log("tenant first was made", actor=Actor.of_command("manage.py apikey"))
        assert caplog.messages == []
    with pytest.raises(RuntimeError), transaction.atomic():
        change_log("tenant second was made", actor=Actor.of_command("manage.py apikey"))
        raise RuntimeError
    assert caplog.messages == ["tenant first was made, by manage.py apikey"]
