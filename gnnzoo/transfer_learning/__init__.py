"""Transfer learning: train a model that starts from the weights of another model.

The source is the trained model, the target is the recipe and dataset of the new one. `workflows.transfer` runs these
steps in order:

1. `copy_weights` matches layers by name and copies each weight that has the same meaning and shape in both networks.
   Where cutoff or radial basis differ, `radial_refit` refits weights that act on radial basis functions.
2. `initialize` builds the target network, copies the weights and rescales its output to the size of the target's
   forces. The result is a `TransferStart`. `replay` adds training frames of the source, if the recipe asks for them.
3. `report` describes for each layer what was copied and how it is trained, and how the target differs from the source.
4. `strategies` turns the strategy (full, heads, staged, discriminative, lora) into learning-rate factors and training
   stages; `lora` adds low-rank adapters and merges them after training; `training_settings` applies both.
5. `forgetting` measures the error on the source's own held-out frames before and after training.
6. `learning_curves` compares the transfer with training from scratch; `learning_curve_plot` draws the comparison.

`provenance` holds the records that a transferred model keeps in its file.
"""
