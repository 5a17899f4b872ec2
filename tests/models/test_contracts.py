"""Every recipe that comes with gnnzoo satisfies the contract."""

import pytest

from gnnzoo.models.symmetries import heads
from gnnzoo.recipe.io.find import recipe_names
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.testing import ModelContract

NETWORKS = [(name, head) for name in sorted(recipe_names()) for head in heads(load_recipe(name))]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda network: "-".join(filter(None, network)))
def contract(request):
    name, head = request.param
    return ModelContract(load_recipe(name), head=head)


@pytest.mark.parametrize("check", ModelContract.checks())
def test_contract(contract, check, tmp_path, record_property):
    contract.run(check, tmp_path, record_property)
