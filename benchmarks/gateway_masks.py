"""What masking finds, what it takes for a value that is none, and how fast it is.

    python -m benchmarks.gateway_masks [--json] [--values 500] [--seed 19] [--folder TEXTS] [--kilobytes 200]

`masked_share` is the share of the seeded values, of all kinds and in sentences as people write them, of which no character is
left. `false_masks` is how many finds there are in `kilobytes` of ordinary prose that are none: in the project's own texts, or in
those of a `folder`, of which the first are read. What is a true value there, such as an address in a manual, is named in `TRUE`.
Code, which stands indented or between fences, is no prose. `characters_a_second` is of one thread, over all of it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gateway_mask_values import Planted, planted
from ragsite.core.masking.kinds import Find
from ragsite.core.masking.recognising import finds_in

PROJECT = Path(__file__).resolve().parents[1]
OWN_TEXTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/adr/*.md",
    "samples/*.md",
    "samples/*.txt",
)
TRUE = re.compile(
    r"[\w.+-]+@[\w-]*\.?(?:example|invalid|test|local|localhost)\b.*|[\w.+-]+@example\.(?:com|org|net)|git@.*"
)
"""Addresses that stand in manuals for somebody's."""


def arguments_add(parser: argparse.ArgumentParser) -> None:
    """Add the options that `measure` needs."""
    parser.add_argument("--values", type=int, default=500, help="values that are planted (default 500)")
    parser.add_argument("--seed", type=int, default=19, help="what they are made from (default 19)")
    parser.add_argument("--folder", type=Path, help="take prose from its text files, and not from the project's texts")
    parser.add_argument("--kilobytes", type=int, default=200, help="of prose (default 200)")
    parser.add_argument("--show", action="store_true", help="name what was missed, and what was taken for a value")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The figures, by their names."""
    values = planted(options.values, seed=options.seed)
    missed = [one for one in values if not is_masked(one)]
    prose = prose_of(options.folder, options.kilobytes * 1024)
    false = [find for find in finds_in(prose) if not TRUE.fullmatch(prose[find.start : find.end])]
    if options.show:
        _show(missed, prose, false)
    return {
        "masked_share": round(1 - len(missed) / len(values), 4),
        "false_masks": float(len(false)),
        "prose_kilobytes": round(len(prose.encode()) / 1024, 1),
        "characters_a_second": round(_speed(prose, values)),
    }


def is_masked(one: Planted) -> bool:
    """Whether nothing of the value is left."""
    left = set(range(one.start, one.end))
    for find in finds_in(one.sentence):
        left -= set(range(find.start, find.end))
    return not any(one.sentence[at].isalnum() for at in left)


def prose_of(folder: Path | None, size: int) -> str:
    """So many bytes of prose."""
    parts, read = list[str](), 0
    for path in _files(folder):
        part = "\n".join(_prose_lines(path.read_text(encoding="utf-8", errors="ignore")))
        parts.append(part.encode()[: size - read].decode(errors="ignore"))
        read += len(parts[-1].encode())
        if read >= size:
            break
    return "\n\n".join(parts)


def _files(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield from sorted(one for one in folder.rglob("*") if one.suffix in {".txt", ".md"} and one.is_file())
        return
    for pattern in OWN_TEXTS:
        yield from sorted(PROJECT.glob(pattern))


def _prose_lines(text: str) -> Iterator[str]:
    is_code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.startswith("    "):
            yield line


def _speed(prose: str, values: Sequence[Planted]) -> float:
    text = prose + "\n".join(one.sentence for one in values)
    started = time.perf_counter()
    finds_in(text)
    return len(text) / (time.perf_counter() - started)


def _show(missed: Sequence[Planted], prose: str, false: Sequence[Find]) -> None:
    for one in missed:
        print(f"missed {one.kind}: {one.sentence!r}")
    for find in false:
        print(
            f"false {find.kind}: {prose[max(0, find.start - 40) : find.end + 20]!r} = {prose[find.start : find.end]!r}"
        )
    print(dict(Counter(one.kind for one in missed)))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway_masks", description="What masking finds.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    arguments_add(parser)
    options = parser.parse_args(argv)
    found = measure(options)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
