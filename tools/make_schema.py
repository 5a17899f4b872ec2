"""Writes recipes/recipe.schema.json from the schema in the code: python tools/make_schema.py [--check]"""

import argparse
import json
import sys
from pathlib import Path

from gnnzoo.recipe.text.reference import json_schema

TARGET = Path(__file__).resolve().parents[1] / "recipes" / "recipe.schema.json"


def main() -> int:
    """Write the file, or check that it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit code 1 if the file is out of date")
    text = json.dumps(json_schema(), indent=2) + "\n"
    if parser.parse_args().check:
        current = TARGET.is_file() and TARGET.read_text() == text
        if not current:
            print(f"{TARGET.name} is out of date; run python tools/make_schema.py")
        return int(not current)
    TARGET.write_text(text)
    print(f"wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
