"""What is measured of answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOLD, UNANSWERABLE, OFF_TOPIC, VERDICTS = "gold", "unanswerable", "off_topic", "verdicts"
STREAM, CACHE, MODEL = "stream", "cache", "model"
PARTS = (GOLD, UNANSWERABLE, OFF_TOPIC, VERDICTS, STREAM, CACHE, MODEL)
OF_SQUAD = frozenset({GOLD, OFF_TOPIC, STREAM, CACHE, MODEL})


@dataclass(frozen=True, slots=True)
class Options:
    """Folders of data, the parts, and how many questions: of SQuAD 1.1, of SQuAD 2.0 (0 for all), and streams at once."""

    parts: frozenset[str]
    squad: Path | None = None
    squad2: Path | None = None
    scifact: Path | None = None
    questions: int = 1_000
    questions2: int = 0
    streams: int = 200

    @property
    def squads(self) -> tuple[Path, ...]:
        return tuple(one for one in (self.squad, self.squad2) if one is not None)

    @property
    def needs_system(self) -> bool:
        return bool(self.parts - {VERDICTS})

    def missing(self) -> str:
        """What to say of a folder that a part needs and that is not given; empty if all are."""
        needs = {"--squad": (self.squad, OF_SQUAD), "--squad2": (self.squad2, {UNANSWERABLE}),
                 "--scifact": (self.scifact, {VERDICTS})}  # fmt: skip
        for name, (folder, parts) in needs.items():
            if folder is None and (which := sorted(self.parts & parts)):
                return f"{name} DIR is needed for --parts {' '.join(which)}"
            if folder is not None and not folder.is_dir():
                return f"{name}: there is no folder {folder}"
        return ""
