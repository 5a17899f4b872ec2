"""The recipe: one JSON file that declares data, graph, model and training."""
