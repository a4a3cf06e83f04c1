"""The part of the client about settings and feature flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ragsite_client.aio.line import AsyncLine
from ragsite_client.calls import Call, key_or_new
from ragsite_client.types import Flag, Flags, Setting, Settings

Level = Literal["", "tenant", "installation"]
"""Empty for the tenant of the key."""


class AsyncSettingCalls:
    """What can be changed while ragsite runs: in a knowledge base, in the tenant, or with `level="installation"` for all."""

    _line: AsyncLine

    async def settings(self, *, knowledge_base: str = "", level: Level = "") -> list[Setting]:
        """All, with what holds there and where that comes from."""
        return list((await self._line.get("/settings/", **_place(knowledge_base, level))).made(Settings).settings)

    async def setting(self, name: str, *, knowledge_base: str = "", level: Level = "") -> Setting:
        """One, with its `etag`."""
        return (await self._line.get(f"/settings/{name}/", **_place(knowledge_base, level))).made(Setting)

    async def set_setting(
        self,
        name: str,
        value: bool | float | str,
        *,
        knowledge_base: str = "",
        level: Level = "",
        if_match: str = "",
        idempotency_key: str = "",
    ) -> Setting:
        """Change it there. Every process goes by it within seconds."""
        body, key = {"value": value}, key_or_new(idempotency_key)
        call = _put(f"/settings/{name}/", body, _place(knowledge_base, level), key, if_match)
        return (await self._line.send(call)).made(Setting)

    async def unset_setting(
        self, name: str, *, knowledge_base: str = "", level: Level = "", if_match: str = ""
    ) -> None:
        """What is set above holds there again."""
        await self._line.send(_delete(f"/settings/{name}/", _place(knowledge_base, level), if_match))

    async def flags(self, *, level: Level = "") -> list[Flag]:
        """All feature flags, each with the rule that holds."""
        return list((await self._line.get("/flags/", **_place("", level))).made(Flags).flags)

    async def flag(self, name: str, *, level: Level = "") -> Flag:
        """One, with its `etag`."""
        return (await self._line.get(f"/flags/{name}/", **_place("", level))).made(Flag)

    async def set_flag(
        self,
        name: str,
        *,
        on: bool,
        percent: int = 0,
        people: Sequence[str] = (),
        level: Level = "",
        if_match: str = "",
        idempotency_key: str = "",
    ) -> Flag:
        """Say for whom it is on: all, or these people and keys and so many of a hundred others."""
        body, key = {"on": on, "percent": percent, "people": list(people)}, key_or_new(idempotency_key)
        call = _put(f"/flags/{name}/", body, _place("", level), key, if_match)
        return (await self._line.send(call)).made(Flag)

    async def unset_flag(self, name: str, *, level: Level = "", if_match: str = "") -> None:
        """The rule above holds again, or the default."""
        await self._line.send(_delete(f"/flags/{name}/", _place("", level), if_match))


def _put(path: str, body: Mapping[str, Any], where: Mapping[str, str], key: str, if_match: str) -> Call:
    return Call(method="PUT", path=path, parameters=where, body=body, key=key, if_match=if_match)


def _delete(path: str, where: Mapping[str, str], if_match: str) -> Call:
    return Call(method="DELETE", path=path, parameters=where, if_match=if_match)


def _place(knowledge_base: str, level: str) -> dict[str, str]:
    return {name: said for name, said in (("knowledge_base", knowledge_base), ("level", level)) if said}
