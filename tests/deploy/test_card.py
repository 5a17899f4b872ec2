"""What the card of an exported model states about molecules depends on whether the model reads them."""

import pytest

from gnnzoo.deploy.card import make_card
from gnnzoo.deploy.comparison import Comparison
from gnnzoo.deploy.readme import readme
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from small import WATER, recipe

COMPARISON = Comparison(frames=1, atoms=3, largest_difference=0.0, largest_force=1.0)
PRIOR = {"model": {"prior": [{"prior": "lennard_jones"}]}}
OPTIONAL, NEEDED, HARMFUL = "optional", "forces change without them", "leave them out"


@pytest.mark.parametrize(
    ("parts", "trained_with", "stated"),
    [
        ({}, True, OPTIONAL),
        ({"graph": {"edges": ["bond", "radial"]}}, True, NEEDED),
        (PRIOR, True, NEEDED),
        (PRIOR, None, NEEDED),
        (PRIOR, False, HARMFUL),
    ],
    ids=["unread", "bonds", "prior", "unknown", "without"],
)
def test_molecules_are_optional_only_where_they_are_not_read(parts, trained_with, stated):
    info = {"species": ["O", "H"], "types": {"1": "O", "2": "H"}, "units": "real"}
    made = recipe(WATER, **parts)
    model = ForceField(build_network(made, info["species"]), made, info | {"dataset": {"molecules": trained_with}})
    card = make_card(model, COMPARISON)
    arguments = [argument for function in card.functions.values() for argument in function]
    meanings = [argument.meaning for argument in arguments if argument.name in ("molecules", "edge_class")]
    assert len(meanings) == 4
    for meaning in meanings:
        assert [text for text in (OPTIONAL, NEEDED, HARMFUL) if text in meaning] == [stated]
        assert meaning in readme(model, card)
