"""A small office's documents, beside this file, and what people ask of them, with what a good answer holds."""

from __future__ import annotations

from pathlib import Path

DOCUMENTS = sorted(Path(__file__).with_name("office").iterdir())

ANSWERED: list[tuple[str, str]] = [
    ("What is the hotel limit in Sweden?", "165"),
    ("How much may a hotel room cost in Portugal?", "95"),
    ("Is breakfast included in France?", "Breakfast included: yes"),
    ("Which protocol does Toronto use?", "Toronto · Protocol: IKEv2"),
    ("Who is the contact in Osaka?", "Aiko Tanaka"),
    ("What is the gateway of Lisbon?", "10.8.4.1"),
    ("Why does the tunnel drop?", "certificate of the gateway has expired"),
    ("How long does restarting the VPN service take?", "two minutes"),
    ("How often do passwords have to be changed?", "180 days"),
    ("What happens after five wrong passwords?", "locked for an hour"),
    ("When was the outage of the order system?", "14 May 2025"),
    ("Why did the order system fail?", "disk of the database server was full"),
    ("How many orders were lost?", "312 orders"),
    ("Who watches the move of alarms?", "Erik Sandström"),
    ("How many days of leave do full-time staff have?", "28 days"),
    ("Until when can leftover leave be taken?", "31 March"),
    ("When do I need a doctor's note?", "third day"),
    ("How long may parents stay at home?", "14 months"),
    ("When must receipts be handed in?", "within 30 days"),
    ("Who must approve business class flights?", "approval of a director"),
    ("What were the sales in 2024?", "9,127"),
    ("Why did profit grow?", "energy became cheaper"),
    ("What does a pulley block cost?", "27.50"),
    ("On which shelf are the wing nuts?", "A-15"),
    ("What does SEK stand for?", "Swedish krona"),
    ("Wie viel zahlt die Firma je Kilometer?", "0,35 Euro"),
    ("Bis wann müssen Belege abgegeben werden?", "30 Tagen"),
]

UNANSWERED: list[str] = [
    "What is the capital of Australia?",
    "What is the hotel limit in Norway?",
    "How much did the company pay for the new office building?",
    "Which protocol does Madrid use?",
    "Who is the chief executive of the company?",
    "What does a ladder cost?",
    "How many days of leave do students have?",
    "Why was the canteen closed?",
    "When was the fire alarm tested?",
    "What is the phone number of the travel desk?",
    "Wer hat die Firma gegründet?",
    "What is the population of Sweden?",
]
