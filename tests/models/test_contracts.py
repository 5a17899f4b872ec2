"""Every recipe that comes with gnnzoo satisfies the contract, by itself."""

import inspect

import numpy as np
import pytest

from contracts import TRICLINIC, ModelContract
from gnnzoo.recipe.load import load_recipe, recipe_names
from systems import changed, water_frame

CHECKS = [name for name, _ in inspect.getmembers(ModelContract) if name.startswith("check_")]


@pytest.fixture(scope="module", params=sorted(recipe_names()))
def contract(request):
    recipe = load_recipe(request.param)
    frame = water_frame(molecules=8, cell=TRICLINIC, seed=1)
    if len(recipe.data.types) == 1:  # a substance of single atoms: the oxygens' places, widened
        oxygens = frame.types == 1
        frame = changed(
            frame,
            positions=frame.positions[oxygens] * 1.3,
            forces=frame.forces[oxygens],
            cell=frame.cell * 1.3,
            types=np.ones(oxygens.sum(), np.int32),
            ids=np.arange(1, oxygens.sum() + 1),
            type_names={1: recipe.data.types["1"]},
            molecules=None,
        )
    return ModelContract(recipe, frame)


@pytest.mark.parametrize("check", CHECKS)
def test_contract(contract, check, tmp_path):
    method = getattr(contract, check)
    method(tmp_path) if "folder" in inspect.signature(method).parameters else method()
