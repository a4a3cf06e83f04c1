"""How many questions of each language find their passage by meaning alone, with the model that comes with the project.

    .venv/bin/python -m benchmarks.engine.languages

Ten passages in English, the same in German, and ten questions about them in English, German and Spanish, most of them in
other words than the passage's. By chance, one of ten would be right.
"""

from __future__ import annotations

import argparse

from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.prompts import TextRole
from benchmarks.engine.model import bundled_model

PASSAGES = {
    "English": [
        "The tenant pays the rent on the first day of each month.",
        "Water boils at one hundred degrees at sea level.",
        "The harbour office opens at half past seven on working days.",
        "The nearest hospital is twelve kilometres away.",
        "Life jackets must be worn on the outer pier.",
        "A berth for guests costs thirty-one euros a night.",
        "The library lends books for four weeks.",
        "Dogs must be kept on a lead in the park.",
        "The train to the airport leaves every twenty minutes.",
        "Employees get thirty days of holiday a year.",
    ],
    "German": [
        "Der Mieter zahlt die Miete am ersten Tag jedes Monats.",
        "Wasser kocht auf Meereshöhe bei hundert Grad.",
        "Das Hafenbüro öffnet an Werktagen um halb acht.",
        "Das nächste Krankenhaus ist zwölf Kilometer entfernt.",
        "Auf der äußeren Mole müssen Schwimmwesten getragen werden.",
        "Ein Gastliegeplatz kostet einunddreißig Euro pro Nacht.",
        "Die Bibliothek verleiht Bücher für vier Wochen.",
        "Hunde sind im Park an der Leine zu führen.",
        "Der Zug zum Flughafen fährt alle zwanzig Minuten.",
        "Beschäftigte haben dreißig Tage Urlaub im Jahr.",
    ],
}
QUESTIONS = {
    "English": [
        "When is the rent due?",
        "At what temperature does water boil?",
        "When does the harbour office open?",
        "How far is the hospital?",
        "Where are life vests required?",
        "What does a guest berth cost?",
        "How long may I borrow a book?",
        "Do dogs need a leash?",
        "How often do airport trains run?",
        "How much vacation do staff get?",
    ],
    "German": [
        "Wann muss ich das Geld für die Wohnung überweisen?",
        "Bei welcher Temperatur siedet Wasser?",
        "Ab wann ist die Hafenverwaltung besetzt?",
        "Wie weit ist es bis zur Klinik?",
        "Wo braucht man eine Rettungsweste?",
        "Was kostet es, mit dem Boot über Nacht zu bleiben?",
        "Wie lange darf ich ein Buch ausleihen?",
        "Darf mein Hund frei laufen?",
        "Wie oft fahren Bahnen zum Flieger?",
        "Wie viel frei bekommt das Personal?",
    ],
    "Spanish": [
        "¿Cuándo se paga el alquiler?",
        "¿A qué temperatura hierve el agua?",
        "¿A qué hora abre la oficina del puerto?",
        "¿A qué distancia está el hospital?",
        "¿Dónde hay que llevar chaleco salvavidas?",
        "¿Cuánto cuesta un amarre por noche?",
        "¿Cuánto tiempo puedo tener un libro prestado?",
        "¿Los perros deben ir atados?",
        "¿Cada cuánto sale el tren al aeropuerto?",
        "¿Cuántos días de vacaciones tienen los empleados?",
    ],
}


def main() -> None:
    argparse.ArgumentParser(
        description="Which languages the model that comes with the project understands."
    ).parse_args()
    engine = EmbeddingEngine(bundled_model(), EngineSettings(precision=Precision.FLOAT32, threads=2))
    engine.load()
    for language, passages in PASSAGES.items():
        vectors = engine.embed(passages)
        for asked, questions in QUESTIONS.items():
            nearest = (engine.embed(questions, role=TextRole.QUERY) @ vectors.T).argmax(axis=1)
            right = sum(int(found) == place for place, found in enumerate(nearest))
            print(f"{asked:8} questions, {language:8} passages: {right:2} of {len(questions)} find theirs first")


if __name__ == "__main__":
    main()
