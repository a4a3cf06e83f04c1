"""Holds sentence splitters against texts whose sentences were marked by hand, and prints what each found.

    python -m benchmarks.sentences [--wrong NAME]

`looked_at.txt` was looked at while the splitter of this project was made; `kept_aside.txt` was written with it and used only to
measure. Of every splitter whose package is installed: how many of the ends within the texts it found, how many it made where
none is, how many texts it cut just as marked, and how many characters it reads a second on one core. The other packages are
`pip install sentencex pysbd pyicu syntok blingfire`; punkt is nltk's, with its English model. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.sentences.peers import Split, splitters

FOLDER = Path(__file__).parent
FILES = ("looked_at", "kept_aside")
MARK = "¦"
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Marked:
    """A text, its language, and the character after each of its sentences."""

    language: str
    text: str
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """Of all `ends` within texts those `found`, `wrong` ones beside them, and of all `texts` those cut `just_so`."""

    ends: int
    found: int
    wrong: int
    texts: int
    just_so: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", metavar="NAME", help="print every text that this splitter cuts otherwise")
    parser.add_argument("--file", choices=FILES, help="only this one")
    options = parser.parse_args()
    files = [options.file] if options.file else FILES
    told: dict[str, dict[str, object]] = {}
    for name, split in splitters().items():
        results = {file: measured(marked_of(file), split, loud=name == options.wrong) for file in files}
        speed = characters_a_second(split)
        told[name] = {**{file: asdict(one) for file, one in results.items()}, "characters_a_second": round(speed)}
        for file, one in results.items():
            print(
                f"{name:10} {file:11} found {one.found:3}/{one.ends}  wrong {one.wrong:3}  "
                f"just so {one.just_so:3}/{one.texts}  {speed / 1e6:6.2f} M characters/s"
            )
    print(json.dumps(told))


def marked_of(name: str) -> list[Marked]:
    """The texts of a file."""
    return list(_marked((FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()))


def _marked(lines: list[str]) -> Iterator[Marked]:
    language = ""
    for line in lines:
        if line.startswith("# "):
            language = line[2:] if len(line) <= len("# mixed") else ""
            continue
        parts = line.replace("\\n", "\n").split(MARK)
        text, ends = "", []
        for part in parts:
            text += part if not text or _touches(text, part) else f" {part}"
            ends.append(len(text.rstrip()))
        yield Marked(language.replace("mixed", "en"), text, tuple(ends))


def _touches(before: str, after: str) -> bool:
    """Whether no space stands between them: where a line ends, and in scripts that put none after an ideographic full stop."""
    return before[-1] in "\n。！？」" or after[0] in "\n " or (before[-1] == "”" and after[0] > "\u2e80")


def measured(texts: list[Marked], split: Split, *, loud: bool) -> Result:
    """How a splitter cuts the texts; a loud one says where it does otherwise."""
    found = wrong = just_so = total = 0
    for one in texts:
        wanted, got = set(one.ends[:-1]), {end for end in split(one.text, one.language) if end < one.ends[-1]}
        total, found, wrong = total + len(wanted), found + len(wanted & got), wrong + len(got - wanted)
        just_so += wanted == got
        if loud and wanted != got:
            print(one.language, _shown(one.text, got), "missed", len(wanted - got), "wrong", len(got - wanted))
    return Result(total, found, wrong, len(texts), just_so)


def _shown(text: str, ends: set[int]) -> str:
    return repr("".join(sign + ("⟂" if at + 1 in ends else "") for at, sign in enumerate(text)))


def characters_a_second(split: Split) -> float:
    """On paragraphs of the texts, the best of three runs."""
    texts = [one for file in FILES for one in marked_of(file)]
    best = 0.0
    for _ in range(3):
        started = time.process_time()
        for _ in range(ROUNDS):
            for one in texts:
                list(split(one.text, one.language))
        taken = time.process_time() - started
        best = max(best, ROUNDS * sum(len(one.text) for one in texts) / taken)
    return best


if __name__ == "__main__":
    main()
