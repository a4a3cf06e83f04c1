"""`manage.py demo`: the main job end to end on a system of its own, over HTTP, and gone again afterwards.

The samples are uploaded, watched until READY, and asked about, all with the Python client of `client/`. The last line is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragsite_client import Answer, AnswerCompleted, Citation, Client, RagsiteError, TextDelta, TextWithdrawn, Version
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ragsite.core.commands.exits import error_write, json_text
from ragsite.core.commands.parsers import About, parser_describe
from ragsite.core.errors import RagError, ServiceUnavailableError
from ragsite.stack.local import PROJECT_DIR, data_directory
from ragsite.stack.stopping import Stopped, stoppable
from ragsite.stack.system import System, system

SAMPLES = PROJECT_DIR / "samples"
FORMATS = {".md", ".html", ".txt", ".pdf", ".docx"}
READY_SECONDS = 300.0
QUESTIONS = 3
WRITING_SECONDS = "120"
console = Console()


@dataclass(frozen=True, slots=True)
class IngestedSamples:
    """What became of the samples."""

    knowledge_base: str
    versions: list[Version]
    seconds: float


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What there is to show; `right` if each answer cites the document that holds it."""

    ingested: IngestedSamples
    answers: list[Answer]
    right: bool


def main(argv: Sequence[str]) -> int:
    """0 only when every sample became READY and every answer cites the document that holds it. What a language model of the
    caller's choice makes of the questions is only shown.
    """
    arguments = parser().parse_args(argv)
    if arguments.json:
        console.file = sys.stderr
    if arguments.dry_run:
        return _foresee(as_json=arguments.json)
    writer = arguments.generator
    data_directory().mkdir(parents=True, exist_ok=True)
    try:
        with (
            stoppable(),
            tempfile.TemporaryDirectory(dir=data_directory(), prefix="demo-", ignore_cleanup_errors=True) as directory,
            system(Path(directory), _environ(writer), say=console.print) as running,
        ):
            if writer is not None:
                console.print(running.manage("models", "register", writer).strip(), highlight=False)
            result = _run(running)
    except Stopped as stopped:
        sys.stderr.write("stopped before it was done\n")
        return stopped.exit_code
    except (RagError, RagsiteError) as error:
        told = error if isinstance(error, RagError) else RagError(str(error))
        return error_write(told, stdout=sys.stdout if arguments.json else None, stderr=sys.stderr)
    _print_json(result)
    return 0 if result.right or writer is not None else 1


def parser() -> argparse.ArgumentParser:
    """The parser, with what the command says of itself."""
    made = argparse.ArgumentParser(prog="manage.py demo")
    made.add_argument(
        "--generator", metavar="MODEL", help="Let a language model write: smollm2, a folder, or a GGUF file."
    )
    about = About(
        sentence="On a system of its own: samples in, three questions answered with citations, everything stopped again.",
        examples=(
            ("manage.py demo", "about half a minute; it leaves nothing"),
            ("manage.py demo --generator smollm2", "with the small language model that comes with it"),
        ),
        notes=("The last line of standard output is one JSON object, with --json the only one.",),
        changes=True,
        resumed="Run it again: everything was stopped and removed.",
    )
    parser_describe(made, about)
    return made


def _foresee(*, as_json: bool) -> int:
    files = len(_samples())
    text = f"{files} samples would be ingested and {QUESTIONS} questions asked, on a system of its own. Nothing was started."
    told = {"dry_run": True, "documents": files, "questions": QUESTIONS}
    sys.stdout.write(f"{json_text(told) if as_json else text}\n")
    return 0


def _samples() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in FORMATS)


def _environ(writer: str | None) -> dict[str, str]:
    """The environment without the data folder, as the demonstration has one of its own; a language model gets time to write."""
    given = {name: value for name, value in os.environ.items() if name != "RAGSITE_DATA_DIR"}
    return (
        given if writer is None else given | {"RAGSITE_GENERATOR": "local", "RAGSITE_SEARCH_SECONDS": WRITING_SECONDS}
    )


def _run(running: System) -> DemoResult:
    with Client(running.url, running.manage("apikey", "demo")) as ragsite:
        ingested = _ingest(ragsite)
        questions = json.loads((SAMPLES / "questions.json").read_text())[:QUESTIONS]
        answers = [ask(ragsite, ingested.knowledge_base, one["question"], one["document"]) for one in questions]
    right = [_cites(answer, one["document"]) for answer, one in zip(answers, questions, strict=True)]
    return DemoResult(ingested, answers, right=all(right))


def _ingest(ragsite: Client) -> IngestedSamples:
    started = time.monotonic()
    base = ragsite.create_knowledge_base("Samples")
    files = _samples()
    uploads = [ragsite.upload(base.id, path) for path in files]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        ready = list(
            progress.track(ragsite.as_ready(uploads, seconds=READY_SECONDS), len(files), description="documents ready")
        )
    return IngestedSamples(base.id, ready, time.monotonic() - started)


def ask(ragsite: Client, base: str, question: str, document: str) -> Answer:
    """The answer, whose text is shown while it is made."""
    console.print(f"\n[bold]{question}[/]", highlight=False)
    for event in ragsite.ask_stream(question, knowledge_bases=[base]):
        match event:
            case TextDelta(text=text):
                console.out(text, end="", highlight=False)
            case TextWithdrawn(problem=problem):
                console.print(f"\n  {problem.detail} What follows replaces it.", style="dim", markup=False)
            case AnswerCompleted(answer=answer):
                console.out("" if answer.found else answer.answer)
                _show_citations(answer, fine=_cites(answer, document))
                return answer
    raise ServiceUnavailableError("The answer's events ended without it.")


def _cites(answer: Answer, document: str) -> bool:
    """Whether the answer's first citation, the one it rests on most, is of that document."""
    return bool(answer.citations) and answer.citations[0].title == document


def _show_citations(answer: Answer, *, fine: bool) -> None:
    for citation in answer.citations:
        console.print(f"  {_where(citation)}: “{citation.quote}”", style="dim", highlight=False, markup=False)
    if not fine:
        console.print("  This does not cite the document that holds the answer.", style="red")


def _where(citation: Citation) -> str:
    place = citation.place
    parts = [
        f"{citation.title} v{citation.version_number}",
        " › ".join(citation.heading_path),
        f"{place.kind} {place.number or place.label}" if place else "",
    ]
    return ", ".join(part for part in parts if part)


def _print_json(result: DemoResult) -> None:
    ingested = result.ingested
    sys.stdout.flush()
    sys.stdout.write(
        json.dumps(
            {
                "documents": len(ingested.versions),
                "chunks": sum(version.chunk_count for version in ingested.versions),
                "ready_seconds": round(ingested.seconds, 2),
                "answers": [
                    {
                        "question": answer.question,
                        "answer": answer.answer,
                        "citations": [{"document": one.title, "quote": one.quote} for one in answer.citations],
                    }
                    for answer in result.answers
                ],
            },
            ensure_ascii=False,
        )
        + "\n"
    )
