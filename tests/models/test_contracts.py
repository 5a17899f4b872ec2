"""Every recipe that comes with gnnzoo satisfies the contract, by itself."""

import inspect

import pytest

from contracts import ModelContract
from gnnzoo.models.symmetries import heads
from gnnzoo.recipe.io.load import load_recipe, recipe_names
from systems import contract_frame

CHECKS = [name for name, _ in inspect.getmembers(ModelContract) if name.startswith("check_")]
NETWORKS = [(name, head) for name in sorted(recipe_names()) for head in heads(load_recipe(name))]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda network: "-".join(filter(None, network)))
def contract(request):
    name, head = request.param
    recipe = load_recipe(name)
    return ModelContract(recipe, contract_frame(recipe), head)


@pytest.mark.parametrize("check", CHECKS)
def test_contract(contract, check, tmp_path, record_property):
    given = {"folder": tmp_path, "report": record_property}
    method = getattr(contract, check)
    method(**{name: given[name] for name in inspect.signature(method).parameters})
