"""What train and evaluate print of their results."""

from pathlib import Path

import numpy as np

from gnnzoo.cli.evaluate import show_evaluation
from gnnzoo.cli.train import show_trained
from gnnzoo.metrics import EnergyErrors, ForceErrors
from gnnzoo.models.files import ForceField
from gnnzoo.virial_metrics import VirialErrors
from gnnzoo.workflows.evaluate import Evaluation
from small import recipe


def test_tables_of_an_evaluation(capsys, snapshot):
    """Two frames of water: every force off by a tenth, energies by a hundredth, virials by a tenth."""
    reference = np.array([[1.0, 2.0, -3.0], [0.5, 0.0, 0.0], [0.0, -1.0, 0.0]])
    species = np.array([0, 1, 1])
    forces, energies, virials = ForceErrors(["O", "H"], "real"), EnergyErrors(absolute=True), VirialErrors()
    for frame in (1, 2):
        forces.add(1.1 * reference, reference, species)
        energies.add(-9.9 * frame, -10.0 * frame, species)
        virials.add(1.1 * np.eye(3), np.eye(3), len(species))
    show_evaluation(Evaluation("water.keras", "water.h5", "test", forces.result(), energies.result(), virials.result()))
    snapshot("evaluate", capsys.readouterr().out)


def test_summary_of_a_training(capsys, snapshot):
    errors = {"relative": 0.0423, "mae": 0.0312, "sum_abs": 0.0936}
    info = {
        "parameters": 1234,
        "species": ["Ar"],
        "units": "real",
        "figures": {"validation": errors | {"relative": 0.05}, "test": errors},
    }
    show_trained(ForceField(None, recipe(), info, Path("argon.keras")))
    snapshot("train", capsys.readouterr().out)
