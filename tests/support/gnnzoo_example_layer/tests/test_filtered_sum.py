"""The layer keeps gnnzoo's contract."""

import pytest

from gnnzoo.testing import ModelContract, layer_recipe


@pytest.fixture(scope="module")
def contract():
    return ModelContract(layer_recipe({"layer": "filtered_sum"}, {"layer": "filtered_sum", "residual": False}))


@pytest.mark.parametrize("check", ModelContract.checks())
def test_contract(contract, check, tmp_path):
    contract.run(check, tmp_path)
