"""How good a model is: force errors beside the zero-force baseline, tables and plots."""
