"""card.json: the description of an exported model for programs."""

from dataclasses import asdict, dataclass

from gnnzoo import __version__
from gnnzoo.deploy.arrays import EDGES, POSITIONS, Array, filled, own_list, returned, words_of
from gnnzoo.deploy.comparison import Comparison
from gnnzoo.deploy.freeze import EDGE_SIGNATURES, has_energy, needs_molecules, takes_edges
from gnnzoo.models.archive import without_curves
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import DatasetInfo, ForceFigures, Origin
from gnnzoo.recipe.io.load import resolved


@dataclass(frozen=True)
class UnitsOfCard:
    """Unit style, and labels of its length and force units."""

    style: str | None
    length: str
    force: str


@dataclass(frozen=True)
class Card:
    """Content of card.json.

    Attributes:
        name: of the recipe.
        made_by: command and version.
        model: path of the model, or None.
        trained: date and time of the training, or None.
        units: units of arguments and results.
        cutoff: length unit.
        types: name of each LAMMPS type.
        species: names in the order of the network's species index.
        molecules: whether it was trained with molecule ids, which change the forces.
        functions: arguments of each function.
        returns: description of each result.
        figures: errors on held-out frames.
        compared: comparison of exported and live forces.
        dataset: the data that it was trained on.
        origin: the transfer that it started with.
        recipe: the complete recipe.
    """

    name: str
    made_by: str
    model: str | None
    trained: str | None
    units: UnitsOfCard
    cutoff: float
    types: dict[str, str]
    species: list[str]
    molecules: bool
    functions: dict[str, tuple[Array, ...]]
    returns: dict[str, str]
    figures: dict[str, ForceFigures | None] | None
    compared: Comparison
    dataset: DatasetInfo | None
    origin: Origin | None
    recipe: dict

    def to_json(self) -> dict:
        """Plain values in the layout of card.json.

        Returns:
            The card as a dict.
        """
        return asdict(self)


def make_card(model: ForceField, comparison: Comparison) -> Card:
    """Describe an exported model.

    Args:
        model: the live model.
        comparison: of exported and live forces.

    Returns:
        The card.
    """
    info, words = model.info, words_of(model)
    functions = {"forces": filled(POSITIONS, words)}
    if takes_edges(model):
        functions["forces_from_edges"] = filled(EDGES, words)
    if has_energy(model):
        functions["results"] = filled(POSITIONS, words)
    functions |= {name: filled(own_list(model), words) for name in EDGE_SIGNATURES}
    return Card(
        name=model.recipe.name,
        made_by=f"gnnzoo freeze, version {__version__}",
        model=None if model.path is None else str(model.path),
        trained=info.get("trained"),
        units=UnitsOfCard(model.units, words["length"], words["force"]),
        cutoff=model.cutoff,
        types=info["types"],
        species=model.species,
        molecules=needs_molecules(model),
        functions=functions,
        returns={part.name: f"{part.shape} {part.dtype}, {part.meaning}" for part in returned(model, words)},
        figures=info.get("figures"),
        compared=comparison,
        dataset=info.get("dataset"),
        origin=without_curves(info.get("origin")),
        recipe=resolved(model.recipe),
    )
