"""The recipe's schema: every option in one place with its type, default and meaning.

Nothing else in gnnzoo states a default. The JSON schema for editors, the documentation and the error messages are made
from this class and its sections. TensorFlow is not imported, so that `gnnzoo validate` takes a fraction of a second.
"""

from pydantic import Field, model_validator

from gnnzoo.recipe.schema.base import Name, Section
from gnnzoo.recipe.schema.data import Data
from gnnzoo.recipe.schema.graph import Graph
from gnnzoo.recipe.schema.model import Model
from gnnzoo.recipe.schema.training import Training
from gnnzoo.recipe.schema.upgrade import upgraded


class Recipe(Section):
    """A whole recipe."""

    schema_: str | None = Field(default=None, alias="$schema")
    """Path of recipe.schema.json, so that an editor completes and checks while typing."""
    name: Name
    """Names the model, its run folder and its files."""
    description: str = ""
    """What this recipe is for, in a sentence."""
    requires: list[Name] = Field(default_factory=list)
    """Packages that add layers of the stack to gnnzoo, by the names under which pip installs them."""
    data: Data
    """The data: source, units, species and split."""
    graph: Graph
    """Which atoms are neighbours, and the features of their edges."""
    model: Model
    """The network."""
    training: Training = Field(default_factory=Training)
    """The training schedule."""

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, raw: object) -> object:
        return upgraded(raw) if isinstance(raw, dict) else raw
