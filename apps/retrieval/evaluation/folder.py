"""A folder in the form of BEIR; each of its files may be gzipped."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.retrieval.evaluation.readers import NamedLines, UnreadableSetError

ENCODING = "utf-8-sig"
"""UTF-8, with or without the mark that spreadsheet programs put first."""

CORPUS = ("corpus.jsonl",)
QUERIES = ("queries.jsonl",)
QRELS = ("qrels.tsv", "qrels/test.tsv")


@dataclass(frozen=True, slots=True)
class BeirFolder:
    """Where the files of a data set lie; `name` is the folder's."""

    name: str
    corpus: Path
    queries: Path
    qrels: Path

    @property
    def mark(self) -> str:
        """What tells it from other data sets, and from itself after a file has changed."""
        stats = [(path, path.stat()) for path in (self.corpus, self.queries, self.qrels)]
        told = [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


def beir_folder(path: Path) -> BeirFolder:
    """The data set in a folder.

    Raises:
        UnreadableSetError: there is no such folder, or one of the files is not in it.
    """
    folder = path.expanduser().resolve()
    if not folder.is_dir():
        raise UnreadableSetError(
            f"{str(path)!r} is not a folder.", action="Give one with corpus.jsonl, queries.jsonl, qrels.tsv."
        )
    return BeirFolder(folder.name, *(_file(folder, names) for names in (CORPUS, QUERIES, QRELS)))


@contextmanager
def lines_of(path: Path) -> Iterator[NamedLines]:
    """The lines of a text file in UTF-8, gzipped or not; read as they are asked for.

    Raises:
        UnreadableSetError: the file can't be opened, or while it is read: it is damaged or not UTF-8.
    """
    try:
        with _opened(path) as lines:
            yield NamedLines(path.name, lines)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UnreadableSetError(f"{path.name} can't be read: {error}.", action="Give the file again.") from error


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[str]]:
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rt", encoding=ENCODING) if is_gzip else path.open(encoding=ENCODING) as file:
        yield iter(file)


def _file(folder: Path, names: tuple[str, ...]) -> Path:
    candidates = [folder / f"{name}{ending}" for name in names for ending in ("", ".gz")]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UnreadableSetError(f"There is no {names[0]} in {str(folder)!r}.", action="It may also be gzipped.")
    return found
