"""Parses each file of a folder as a parsing worker would, and prints the result.

    python -m benchmarks.parsing --data DIR [--json]

DIR has a MANIFEST.tsv with the columns `file`, `notable` and `expected_snippet`, and the files it names. Each file is
read in a process of its own, with a time limit and a limit of its address space. The text is found when the snippet is
in it, or in the title, whatever the whitespace and the marks of headings; a snippet in parentheses is a description
rather than a text, and parentheses after a snippet are a remark on it. A refusal is right where `notable` says that the
file is encrypted, broken, hostile, without text or a picture, and where its extension is not one that is accepted. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apps.documents.parsing.bundle import open_bundle
from apps.documents.parsing.registry import parse
from apps.documents.parsing.sniffing import EXTENSIONS, sniff
from apps.documents.parsing.types import FileLimits
from ragsite.core.errors import PermanentError

SECONDS = 60
ADDRESS_SPACE = 2 * 1024**3
MEGABYTE = 1024**2
# On Linux the resource usage counts in units of this many bytes.
USAGE_UNIT = 1024
BUNDLE = ".zip"
UNREADABLE = re.compile(r"encrypted|broken|hostile|needs ocr|no text", re.IGNORECASE)
OPENS_ANYWAY = re.compile(r"empty user password|opens without|recover", re.IGNORECASE)
REMARK = re.compile(r"\s\([^()]*\)$")
NOT_LETTERS = re.compile(r"[\s#]+")


@dataclass(frozen=True, slots=True)
class Expectation:
    """A line of the manifest."""

    file: str
    notable: str
    snippet: str

    @property
    def is_described(self) -> bool:
        return self.snippet.startswith("(") or not self.snippet

    @property
    def may_be_refused(self) -> bool:
        if Path(self.file).suffix.lower() not in EXTENSIONS:
            return True
        return bool(UNREADABLE.search(self.notable)) and not OPENS_ANYWAY.search(self.notable)


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one file; `code` is that of the refusal, `peak_mb` the most memory that was resident."""

    file: str
    type: str
    outcome: str
    code: str
    seconds: float
    peak_mb: float


def main(arguments: list[str] | None = None) -> int:
    """The number of files that came out wrong, at most 1, as the exit status."""
    options = _options(arguments)
    if options.child:
        print(json.dumps(_read(options.data, set(options.snippets))))
        return 0
    results = [_result(options.data, expectation) for expectation in _manifest(options.data)]
    if not options.json:
        _print_table(results)
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in OUTCOMES}
    print(json.dumps({"files": len(results), **counts, "results": [asdict(result) for result in results]}))
    return int(counts[WRONG] > 0)


FOUND, READ, REFUSED, WRONG = OUTCOMES = ("found", "read", "refused rightly", "wrong")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with MANIFEST.tsv")
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("snippets", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _manifest(folder: Path) -> list[Expectation]:
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Expectation(row["file"], row["notable"], row["expected_snippet"]) for row in rows]


def _result(folder: Path, expectation: Expectation) -> Result:
    command = [sys.executable, "-m", "benchmarks.parsing", "--child", "--data", str(folder / expectation.file)]
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [*command, "--", REMARK.sub("", expectation.snippet)],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            preexec_fn=_limit_memory,
        )
        answer = json.loads(done.stdout) if done.returncode == 0 else {"code": f"ended with {done.returncode}"}
    except subprocess.TimeoutExpired:
        answer = {"code": "timeout"}
    answer = {"type": "", "code": "", "seconds": time.perf_counter() - start, "peak_mb": 0.0} | answer
    outcome = _outcome(expectation, answer)
    return Result(
        expectation.file,
        answer["type"],
        outcome,
        answer["code"],
        round(answer["seconds"], 3),
        round(answer["peak_mb"], 1),
    )


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _outcome(expectation: Expectation, answer: dict[str, Any]) -> str:
    if answer.get("is_refused"):
        return REFUSED if expectation.may_be_refused else WRONG
    if answer["code"]:
        return WRONG
    if answer["is_found"] and not expectation.is_described:
        return FOUND
    return READ if expectation.is_described else WRONG


def _read(path: Path, snippets: set[str]) -> dict[str, Any]:
    """In the child: reads the file, or each file in a bundle."""
    start = time.perf_counter()
    answer: dict[str, Any] = {"is_found": False, "is_refused": False}
    try:
        if path.suffix.lower() == BUNDLE:
            answer |= _read_bundle(path)
        else:
            document_type = sniff(path, path.name)
            answer["type"] = document_type.value
            document = parse(path, document_type)
            text = _letters(document.title + document.text)
            answer["is_found"] = all(_letters(snippet) in text for snippet in snippets)
    except PermanentError as error:
        answer |= {"code": error.error_code, "is_refused": True}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * USAGE_UNIT / MEGABYTE
    return answer | {"seconds": time.perf_counter() - start, "peak_mb": peak}


def _read_bundle(path: Path) -> dict[str, Any]:
    """A bundle is refused when none of its files can be taken; the code is then that of the last."""
    codes = []
    with open_bundle(path, FileLimits()) as members:
        for member in members:
            extension = Path(member.name).suffix.lower()
            codes.append(
                member.refusal.error_code if member.refusal else "" if extension in EXTENSIONS else "unknown_type"
            )
    return {"type": "zip", "is_refused": all(codes), "code": codes[-1] if all(codes) and codes else ""}


def _letters(text: str) -> str:
    return NOT_LETTERS.sub("", text)


def _print_table(results: list[Result]) -> None:
    print(f"{'file':<44}{'type':<7}{'outcome':<17}{'code':<18}{'seconds':>8}{'peak MB':>9}")
    for result in results:
        print(
            f"{result.file[:42]:<44}{result.type:<7}{result.outcome:<17}{result.code:<18}"
            f"{result.seconds:>8.2f}{result.peak_mb:>9.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())
