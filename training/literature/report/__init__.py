"""Table, questions and charts of the results, from results.json and the predictions."""

from __future__ import annotations

from pathlib import Path

from streamgenre.files import replace_bytes

from ..results import read_results
from ..systems import systems_of
from .answers import write_questions
from .tables import document


def write_report(folder: Path) -> list[Path]:
    """Write table.md, questions.md and the charts of a folder of results; return their paths.

    Without results, nothing is written.
    """
    results = read_results(folder)
    if not results:
        return []
    from .charts import write_charts  # matplotlib takes half a second to import

    systems = systems_of(results, folder)
    table = folder / "table.md"
    questions = write_questions(systems, folder)
    charts = write_charts(systems, folder)
    text = document(systems, [path.name for path in charts], questions.name if questions else None)
    replace_bytes(table, text.encode())
    return [table, *([questions] if questions else []), *charts]
