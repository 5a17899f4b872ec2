"""The project's English is that of the field: words that the glossary replaces do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Word -> what is written instead.
GLOSSARY = {
    "tell|tells|told|telling": "report, print, log, state, show",
    "judge|judges|judged|judging|judgement": "evaluate",
    "mend|mends|mended|mending": "fix",
    "beside|besides": "next to, with",
    "lack|lacks|lacked|lacking": "missing, without",
    "answer|answers|answered|answering": "output, return",
    "truth|truths": "reference",
    "lend|lends|lent": "take from, provide",
    "derived from the energy": "differentiated",
    "thermometer": "temperature",
    "anew": "again, from scratch",
    "whoever|nobody|somebody": "a user, no one, unknown",
    "at hand": "available",
    "network of origin": "the original network",
}
WORDS = re.compile(r"\b(" + "|".join(GLOSSARY) + r")\b", re.IGNORECASE)
FILES = sorted(
    path
    for pattern in (
        "gnnzoo/**/*.py",
        "tests/**/*.py",
        "tools/**/*.py",
        "tools/**/*.sh",
        "recipes/**/*.json",
        "*.md",
        "tools/**/*.md",
    )
    for path in ROOT.glob(pattern)
    if path.name not in ("CHANGELOG.md", Path(__file__).name)
)


def hits(text: str) -> list[str]:
    """Lines of a text in which a word stands that the glossary replaces; snake_case identifiers count as words.

    The quoted "truth" is a key of files: of 0.1.0 recipes, and of pair curves in models.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        found += [
            f"{number}: {match[0]}"
            for match in WORDS.finditer(line.replace(".tell()", "").replace('"truth"', "").replace("_", " "))
        ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_that_the_glossary_replaces_do_not_come_back(path):
    assert not hits(path.read_text())
