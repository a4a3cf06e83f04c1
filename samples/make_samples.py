"""Makes the PDF and the Word document of this folder: `python samples/make_samples.py`."""

from __future__ import annotations

from pathlib import Path

from docx import Document
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

FOLDER = Path(__file__).parent
OWNER = "Grauhorn Observatory"

TELESCOPE_PAGES = [
    (
        "Manual of the 1.2-metre telescope",
        [
            "This manual describes the large telescope of the Grauhorn Observatory, which the staff call the Big Eye.",
            "The telescope was made by Kessler and Sons in Jena and saw its first light on 14 October 1987. Its main "
            "mirror has a diameter of 1.2 metres, weighs 385 kilograms and is made of glass ceramic. The focal length "
            "is 9.6 metres, which gives a focal ratio of f/8.",
            "Only people who have passed the course of two nights may operate the telescope alone. The course is held "
            "by the chief engineer, Pavel Horvat, in April and in October.",
        ],
    ),
    (
        "Opening and closing",
        [
            "Before opening, look at the weather display: the dome may be opened when its lamp is green. The dome "
            "takes 95 seconds to open and 80 seconds to close.",
            "Uncover the main mirror only after the dome is fully open. The mirror cover has six leaves, and each leaf "
            "reports its position on the panel. If a leaf is stuck, do not use force, but call the engineer on "
            "extension 117.",
            "At the end of the night, park the telescope at an altitude of 45 degrees, pointing north. Close the "
            "mirror cover first and the dome after it.",
        ],
    ),
    (
        "The camera",
        [
            "The camera has a sensor of 4,096 by 4,096 pixels and a field of view of 22 arc minutes. The sensor must "
            "be cooled to minus 95 degrees Celsius before the first exposure, which takes about 50 minutes.",
            "A full frame is read out in 38 seconds in the quiet mode and in 9 seconds in the fast mode. The filter "
            "wheel holds eight filters; number 1 is empty and number 8 is a dark slide.",
            "Images are written to the archive within two minutes. The archive keeps every raw image for good and has "
            "a capacity of 320 terabytes.",
        ],
    ),
    (
        "Care of the mirror",
        [
            "The main mirror is cleaned with carbon dioxide snow every four weeks. It is washed once a year, in July, "
            "when the nights are short.",
            "A new aluminium coating is applied every five years in the coating plant at Untertal. The last coating "
            "was applied in July 2022, so the next one is due in July 2027. The transport by cable car needs a day "
            "without wind and the special crate number 3.",
        ],
    ),
]

SAFETY_TABLE = [
    ("Extinguisher", "Place", "Checked in"),
    ("Carbon dioxide, 5 kg", "Control room", "March"),
    ("Carbon dioxide, 5 kg", "Large dome, west door", "March"),
    ("Foam, 9 litres", "Guest house kitchen", "September"),
    ("Powder, 12 kg", "Generator shed", "September"),
]


def make_pdf(path: Path) -> None:
    styles = getSampleStyleSheet()
    story: list[object] = []
    for heading, paragraphs in TELESCOPE_PAGES:
        story += [Paragraph(heading, styles["Heading1"]), Spacer(1, 12)]
        for text in paragraphs:
            story += [Paragraph(text, styles["BodyText"]), Spacer(1, 8)]
        story.append(PageBreak())
    title = TELESCOPE_PAGES[0][0]
    SimpleDocTemplate(str(path), pagesize=A4, title=title, author=OWNER, invariant=1).build(story)


def make_docx(path: Path) -> None:
    document = Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = "Safety rules of the Grauhorn Observatory", OWNER, ""
    document.add_heading("Safety rules", level=1)
    document.add_paragraph(
        "These rules hold for everyone who works at the Grauhorn Observatory. They were approved by the director, "
        "Dr. Henrike Falk, on 3 May 2023 and are reviewed every two years."
    )
    document.add_heading("Liquid nitrogen", level=2)
    document.add_paragraph(
        "Liquid nitrogen is kept in a tank of 600 litres behind the workshop. Nobody may fill a vessel alone. "
        "Goggles, a face shield and loose gloves must be worn while filling. "
        "If the oxygen alarm in the workshop sounds below 19.5 percent, everyone must leave the room at once."
    )
    document.add_heading("Working under the dome", level=2)
    document.add_paragraph("Before any work under the dome, the person in charge:")
    for step in ("turns the main switch off and locks it,", "hangs the red tag on the lock,", "keeps the only key."):
        document.add_paragraph(step, style="List Bullet")
    document.add_paragraph(
        "A helmet must be worn inside the large dome whenever the crane is in use. "
        "The crane lifts at most 1,500 kilograms."
    )
    document.add_heading("Fire", level=2)
    document.add_paragraph("The fire extinguishers are checked once a year by the fire brigade of Untertal.")
    table = document.add_table(rows=0, cols=3)
    for entry in SAFETY_TABLE:
        for cell, text in zip(table.add_row().cells, entry, strict=True):
            cell.text = text
    document.add_heading("Lightning", level=2)
    document.add_paragraph(
        "When the lightning warning sounds, nobody may stay on the outer platforms. "
        "The platforms are opened again 30 minutes after the last thunder."
    )
    document.save(str(path))


if __name__ == "__main__":
    make_pdf(FOLDER / "telescope-manual.pdf")
    make_docx(FOLDER / "safety-rules.docx")
