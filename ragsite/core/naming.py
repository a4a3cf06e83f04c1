"""Names of models and of their fields that nobody gave in words: Django makes them of the code's names, and they are translated
as they are shown. Migrations know nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy

OURS = ("apps.", "ragsite.", "workers.")


def names_translate(models: Iterable[type[Model]]) -> None:
    """Let the names that Django made be translated."""
    for model in ours(models):
        options: Any = model._meta
        if "verbose_name" not in options.original_attrs:
            options.verbose_name = gettext_lazy(_read(options.verbose_name))
        if "verbose_name_plural" not in options.original_attrs:
            options.verbose_name_plural = gettext_lazy(_read(options.verbose_name_plural))
        for field in _unnamed(model):
            field.verbose_name = gettext_lazy(_read(field.verbose_name))


def names(models: Iterable[type[Model]]) -> Iterator[tuple[str, type[Model]]]:
    """Each such name, and whose it is; for the catalogue of what is to be translated."""
    for model in ours(models):
        options = model._meta
        for attribute in ("verbose_name", "verbose_name_plural"):
            if attribute not in options.original_attrs:
                yield _read(getattr(options, attribute)), model
        yield from ((_read(field.verbose_name), model) for field in _unnamed(model))


def ours(models: Iterable[type[Model]]) -> Iterator[type[Model]]:
    """The project's own models."""
    return (model for model in models if model.__module__.startswith(OURS))


def _read(name: object) -> str:
    """A chunk is called a passage wherever people read of it."""
    return re.sub(r"\bchunk(s?)\b", r"passage\1", str(name))


def _unnamed(model: type[Model]) -> Iterator[Any]:
    fields: Iterable[Any] = model._meta.local_fields
    return (field for field in fields if getattr(field, "_verbose_name", "") is None)
