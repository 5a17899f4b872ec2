"""Tests for layers and models of others: the contract that gnnzoo holds its own to.

A package that adds a layer tests it like this (pytest is not needed, only usual):

    import pytest
    from gnnzoo.testing import ModelContract, layer_recipe

    @pytest.fixture(scope="module")
    def contract():
        return ModelContract(layer_recipe({"layer": "my_layer"}))

    @pytest.mark.parametrize("check", ModelContract.checks())
    def test_contract(contract, check, tmp_path):
        contract.run(check, tmp_path)
"""

from gnnzoo.data.frames.geometry import random_rotation
from gnnzoo.testing.contracts import ModelContract
from gnnzoo.testing.frames import changed, contract_frame, few_atoms, replicated, water_frame
from gnnzoo.testing.recipes import layer_recipe

__all__ = [
    "ModelContract",
    "changed",
    "contract_frame",
    "few_atoms",
    "layer_recipe",
    "random_rotation",
    "replicated",
    "water_frame",
]
