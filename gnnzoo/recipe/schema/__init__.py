"""The schema of a recipe: every option in one place with its type, default and meaning."""
