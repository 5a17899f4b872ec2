"""Finding, reading and writing recipes, with errors that name file, line and key."""
