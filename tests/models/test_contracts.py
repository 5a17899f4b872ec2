"""The network of every recipe that comes with gnnzoo satisfies the contract."""

import json

import pytest

from gnnzoo.models.symmetries import heads
from gnnzoo.recipe.io.find import recipe_names
from gnnzoo.recipe.io.load import load_recipe, resolved
from gnnzoo.testing import ModelContract

SIZES = ("name", "units", "functions", "channels", "inputs")


def distinct_recipes() -> list[str]:
    """Names of recipes with different networks, but for widths, species, and repulsions, which other tests have."""
    networks = {}
    for name in sorted(recipe_names()):
        raw = resolved(load_recipe(name))
        graph = raw["graph"] | {"cutoff": 0, "radial": raw["graph"]["radial"] | {"functions": 0}}
        layers = [{key: value for key, value in entry.items() if key not in SIZES} for entry in raw["model"]["layers"]]
        priors = [prior for prior in raw["model"]["prior"] if prior["prior"] != "repulsion"]
        parts = (graph | {"waves": bool(graph["waves"])}, layers, priors, raw["training"]["seed"])
        networks.setdefault(json.dumps(parts, sort_keys=True), name)
    return list(networks.values())


NETWORKS = [(name, head) for name in distinct_recipes() for head in heads(load_recipe(name))]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda network: "-".join(filter(None, network)))
def contract(request, uncompiled):
    name, head = request.param
    return ModelContract(load_recipe(name), head=head)


@pytest.mark.parametrize("check", ModelContract.checks())
def test_contract(contract, check, tmp_path, record_property):
    contract.run(check, tmp_path, record_property)
