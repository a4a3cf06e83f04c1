"""Maintenance in bites: each is one short transaction, so nothing waits for it for long, and a worker that dies loses one bite.

What a bite removes is bounded in rows, and the number of its queries does not depend on what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.db import connection, models
from django.db.models.functions import Now

from ragsite.core.models import Walk
from ragsite.core.work import Turn

AT_ONCE = 5_000
"""Rows that a bite removes at most, about: a second or so where each has a few indexes."""


def bites(turn: Turn, bite: Callable[[], bool]) -> bool:
    """Take bites until one says that nothing is left, or the turn is over; whether something may be left."""
    while not turn.is_over():
        if not bite():
            return False
    return True


def rows_bite(rows: models.QuerySet[Any]) -> bool:
    """Remove the first of an ordered queryset on which nothing hangs; whether there may be more."""
    doomed = list(rows.values_list("pk", flat=True)[:AT_ONCE])
    _delete(rows.model, doomed)
    return len(doomed) == AT_ONCE


def rows_remove(model: type[models.Model], pks: Collection[Any]) -> bool:
    """Remove rows and all that hangs on them by CASCADE, in the caller's transaction; whether they are gone.

    What hangs on them goes first, about `AT_ONCE` rows at most; they themselves go once nothing does. What the database itself
    removes with a row, such as a chunk's vectors, is not counted.
    """
    if _hanging_remove(model, pks, AT_ONCE) >= AT_ONCE:
        return False
    _delete(model, pks)
    return True


def walk(turn: Turn, name: str, page: Callable[[str], str]) -> bool:
    """Go page by page through very many things, from where the walk of that name stands; whether it is not at its end.

    `page` does what there is to do after a position ("" at the beginning) and gives the next one, "" at the end. Where
    the walk stands is kept after each page, so that the process that goes on, whichever it is, does not start over.
    """

    def bite() -> bool:
        position = page(walk_position(name))
        walk_note(name, position)
        return bool(position)

    return bites(turn, bite)


def walk_position(name: str) -> str:
    """Where the walk of that name stands: what was said last to `walk_note`, or "" at its beginning."""
    return Walk.objects.filter(name=name).values_list("position", flat=True).first() or ""


def walk_note(name: str, position: str) -> None:
    """Keep where the walk stands; "" for one that has come to its end."""
    Walk.objects.update_or_create(name=name, defaults={"position": position, "walked_at": Now()})


def _hanging_remove(model: type[models.Model], pks: Collection[Any], limit: int) -> int:
    """The number of rows that went; once that is `limit`, more may hang on these."""
    removed = 0
    for relation in _hanging_on(model):
        rows = relation.related_model._base_manager
        found = list(rows.filter(**{f"{relation.field.name}__in": pks}).values_list("pk", flat=True)[: limit - removed])
        if found:
            removed += _hanging_remove(relation.related_model, found, limit - removed)
        if removed < limit and found:
            _delete(relation.related_model, found)
            removed += len(found)
        if removed >= limit:
            break
    return removed


def _hanging_on(model: type[models.Model]) -> Iterator[Any]:
    """The relations by which rows of other tables go with a row."""
    return (relation for relation in _relations_to(model) if relation.on_delete is models.CASCADE)


def _delete(model: type[models.Model], pks: Collection[Any]) -> None:
    """Remove rows on which nothing hangs; what only names them names nothing any more. One statement a table, while
    Django's own `delete` reads the rows and removes a hundred at a time.
    """
    for relation in _relations_to(model):
        if relation.on_delete is models.SET_NULL:
            name = relation.field.name
            relation.related_model._base_manager.filter(**{f"{name}__in": pks}).update(**{name: None})
    table, key = (connection.ops.quote_name(name) for name in (model._meta.db_table, model._meta.pk.column))
    in_order = f"SELECT {key} FROM {table} WHERE {key} = ANY(%s) ORDER BY {key} FOR UPDATE"  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE {key} = ANY(ARRAY({in_order}))", [list(pks)])  # noqa: S608 - as above


def _relations_to(model: type[models.Model]) -> Iterator[Any]:
    for field in model._meta.get_fields(include_hidden=True):
        if field.auto_created and not field.concrete and (field.one_to_many or field.one_to_one):
            yield field
