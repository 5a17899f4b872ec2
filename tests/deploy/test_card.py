"""What a card says of molecules depends on whether the model reads them."""

import pytest

from gnnzoo.deploy.card import _card, _readme
from gnnzoo.deploy.freeze import Comparison
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from small import WATER, recipe

PRIOR = {"model": {"prior": [{"prior": "lennard_jones"}]}}


@pytest.mark.parametrize(
    ("parts", "trained_with", "said"),
    [
        ({}, True, "may be left out"),
        ({"graph": {"edges": ["bond", "radial"]}}, True, "forces are others without"),
        (PRIOR, True, "forces are others without"),
        (PRIOR, None, "forces are others without"),
        (PRIOR, False, "to be left out, as in the training"),
    ],
    ids=["unread", "bonds", "prior", "unknown", "without"],
)
def test_molecules_may_be_left_out_only_where_they_are_not_read(parts, trained_with, said):
    info = {"species": ["O", "H"], "types": {"1": "O", "2": "H"}, "units": "real"}
    made = recipe(WATER, **parts)
    model = ForceField(build_network(made, info["species"]), made, info | {"dataset": {"molecules": trained_with}})
    card = _card(model, Comparison(frames=1, atoms=3, largest=0.0, scale=1.0))
    meanings = [
        argument["meaning"]
        for function in card["functions"].values()
        for argument in function
        if argument["name"] in ("molecules", "edge_class")
    ]
    assert len(meanings) == 2
    assert all(said in meaning for meaning in meanings)
    text = _readme(model, card)
    assert all(meaning in text for meaning in meanings)
    assert ("may be left out" in text) == (said == "may be left out")
