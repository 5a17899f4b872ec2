"""What a network is built from, where the recipe leaves it open."""

from errors import refused
from gnnzoo.errors import ModelError
from gnnzoo.models.build import build_network, network_species
from small import ARGON, recipe

OPEN = ARGON["data"] | {"types": None, "atoms": {}}
BY_NAME = {"layers": [{"layer": "atom_encoder", "units": 8, "inputs": "species"}, *ARGON["model"]["layers"][1:]]}


def test_types_that_share_a_name_are_one_species():
    made = recipe(data=OPEN, model=BY_NAME)
    assert network_species(made, ["C", "H", "C"]) == ["C", "H"]


def test_a_network_without_species_is_refused():
    made = recipe(data=OPEN, model=BY_NAME)
    with refused(ModelError, "'tiny'", "species"):
        build_network(made, network_species(made))
