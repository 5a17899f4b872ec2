"""Writes recipes/recipe.schema.json from the schema in the code: python tools/make_schema.py"""

import json
from pathlib import Path

from gnnzoo.recipe.text.reference import json_schema

target = Path(__file__).resolve().parents[1] / "recipes" / "recipe.schema.json"
target.write_text(json.dumps(json_schema(), indent=2) + "\n")
print(f"wrote {target}")
