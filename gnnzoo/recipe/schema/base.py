"""What every part of a recipe is made of: strict, unchanging, described where it is declared."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
Place = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]  # a path or a pattern
# Numbers that set a size are bounded far beyond any use, so that a recipe of unknown origin cannot take all memory.
Width = Annotated[int, Field(gt=0, le=4096)]  # of features
Functions = Annotated[int, Field(gt=0, le=1024)]  # of distance
Number = Annotated[int, Field(gt=0, le=1_000_000_000)]  # of steps, frames, epochs


class Section(BaseModel):
    """A part of a recipe: unknown keys are refused, values are not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
