"""From a recipe's layer stack to a Keras model, and the file that carries both."""
