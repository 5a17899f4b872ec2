"""The data: source, units, species and split."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gnnzoo.recipe.schema.base import Fraction, Name, Number, Place, Section
from gnnzoo.recipe.schema.prior import ReferenceEntry

ALL_SETS = "all"  # reserved name that stands for every evaluation set


class AtomParameters(Section):
    """Force-field parameters of a species: a point in a space that species share, in place of a label of its own."""

    charge: float
    """Partial charge, in e."""
    epsilon: float = Field(ge=0)
    """Lennard-Jones well depth, in the energy unit of `data.units`."""
    sigma: float = Field(ge=0)
    """Lennard-Jones diameter, in the length unit of `data.units`."""


RESERVED_VARIABLES = ("dump", "here")  # which gnnzoo sets itself: the file to write, and the folder of the script


def _not_reserved(name: str) -> str:
    if name in RESERVED_VARIABLES:
        raise ValueError(f"the variable '{name}' is set by gnnzoo itself: choose another name")
    return name


# LAMMPS puts values into its commands as they stand, with quotes, `$` and all: plain words, or numbers with one space.
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$"), AfterValidator(_not_reserved)]
_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"
_NUMBER = r"[+-]?[0-9.][0-9.eE+-]{0,30}"
VARIABLE_TEXT = rf"^({_WORD}|{_NUMBER}( {_NUMBER}){{0,99}})$"
VariableText = Annotated[str, Field(pattern=VARIABLE_TEXT)]


class Simulation(Section):
    """A LAMMPS run that makes the data when the source is missing, in the folder `data/` of the working folder."""

    input: Place
    """LAMMPS input script, looked up from the working folder, then from the recipe's. A script is a program: one that
    does not come with gnnzoo runs only with `--trust`."""
    variables: dict[VariableName, int | float | VariableText] = Field(default_factory=dict)
    """Variables of the script, passed as `-var NAME VALUE`: numbers, plain words, or numbers with spaces between them.
    The script must write its dump to `${dump}`, which is set by gnnzoo."""
    log: Literal["energies", "virials"] | None = None
    """What the run's own log has of the frames: potential energies, or these and virials, in columns c_virial[1] to
    c_virial[6] of a `compute virial all pressure NULL virial`. They are joined to the frames of an .h5 source."""


class Split(Section):
    """How frames are divided among training, validation and test."""

    method: Literal["blocks", "cut", "random", "file"] = "blocks"
    """`blocks`: the run is cut into blocks and each block into the three parts, with gaps between them, so that every
    part covers the whole run. `cut`: one cut in time. `random`: frames at random, for independent configurations (of a
    run, correlated frames leak into the other parts). `file`: whole files, those named or as many as the shares
    require. Duplicate frames are used once."""
    train: float = Field(default=0.8, gt=0, le=1)
    """Share of the frames for training."""
    validation: Fraction = 0.1
    """Share of the frames for choosing the best checkpoint."""
    test: Fraction = 0.1
    """Share of the frames for the final evaluation; may be 0 where other data are used for it."""
    frames: Number | None = None
    """Largest number of training frames, evenly spaced over the training part; null: all. The other parts do not
    change."""
    blocks: Number = 10
    """Number of blocks; fewer are used where the gaps between them would take more than a fifth of the frames."""
    gap: Literal["auto"] | Annotated[int, Field(ge=0, le=1_000_000_000)] = "auto"
    """Frames left out between two neighbouring parts of one run. `auto`: the autocorrelation time of the structure,
    measured on the run; where that is too long, what fits in a fifth of the frames, with a warning."""
    validation_files: list[Place] = Field(default_factory=list)
    """Names or patterns of the files for validation, such as "valid.extxyz" or "run3*.lammpstrj" (with `file` only):
    sources, or the files that datasets were converted from."""
    test_files: list[Place] = Field(default_factory=list)
    """Names or patterns of the files for the test (with `file` only)."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> "Split":
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError(
                f"train, validation and test must sum to 1, not {self.train + self.validation + self.test:g}"
            )
        return self

    @model_validator(mode="after")
    def _files_by_file(self) -> "Split":
        named = {"validation": self.validation_files, "test": self.test_files}
        if self.method != "file" and any(named.values()):
            raise ValueError(f'validation_files and test_files need method "file", not "{self.method}"')
        for part, files in named.items():
            share = getattr(self, part)
            if files and not share:
                raise ValueError(f"{part}_files names files, but {part} is 0: give it a share, or name none")
            if not files and share and any(named.values()):
                raise ValueError(f"files are named, but {part}_files names none: name some, or set {part} to 0")
        return self


class Simulated(Section):
    """Data that a simulation makes where they are missing."""

    source: Place | list[Place]
    simulate: Simulation | None = None

    @model_validator(mode="after")
    def _log_of_h5(self) -> Self:
        logged = self.simulate is not None and self.simulate.log is not None
        if logged and not (isinstance(self.source, str) and self.source.endswith(".h5")):
            raise ValueError('simulate.log is joined to frames of an .h5: "source": "NAME.h5", or leave the log out')
        return self


class EvaluationSet(Simulated):
    """Data that a model is evaluated on and never trained on: another system size, temperature or density."""

    source: Place | list[Place]
    """As `data.source`; units and types are those of `data`."""
    simulate: Simulation | None = None
    """Makes the source where it is missing."""


class Data(Simulated):
    """The data: source, units, species and split."""

    source: Place | list[Place]
    """A dump, an extended XYZ file, an .h5 dataset or a .tfrecord folder, a glob, or a list of these in any mixture;
    looked up from the working folder, then from the recipe's. Dumps that follow one another are one trajectory; types
    of different sources are matched by name."""
    simulate: Simulation | None = None
    """Makes the source where it is missing."""
    units: Literal["real", "metal", "lj"] | None = None
    """LAMMPS unit style of the numbers; must agree with that stated in the data."""
    types: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]*$")], Name] | None = None
    """Name of each LAMMPS type, such as {"1": "O", "2": "H"}; must agree with those stated in the data."""
    columns: dict[str, str] | None = None
    """Names of columns of the dumps by their meaning, such as {"energy": "c_pe"} for the potential energy per atom;
    keys of extended XYZ by their quantity, such as {"forces": "REF_forces"}."""
    atoms: dict[Name, AtomParameters] = Field(default_factory=dict)
    """Force-field parameters of each named species: the atom features of the network."""
    isolated_energies: dict[Name, float] = Field(default_factory=dict)
    """Energy of an isolated atom of each species, in the energy unit of `data.units`, at the zero of the data: an
    energy head is trained on what is left. Species that are not named have that of frames of isolated atoms in the
    training part, else one fitted to the training frames, as far as their compositions determine it."""
    reference: list[ReferenceEntry] = Field(default_factory=list)
    """The interactions that the data were made with, where they are known, as entries of `model.prior`: `gnnzoo pairs`
    draws their force next to that of a model. They act without cutoff and shift. Training does not use them."""
    split: Split = Field(default_factory=Split)
    """How frames are divided among training, validation and test."""
    evaluation: dict[Name, EvaluationSet] = Field(default_factory=dict)
    """Further data for `gnnzoo evaluate MODEL --on NAME`, or `--on all`."""

    @field_validator("evaluation")
    @classmethod
    def _all_is_reserved(cls, sets: dict[str, EvaluationSet]) -> dict[str, EvaluationSet]:
        if ALL_SETS in sets:
            raise ValueError(f'"{ALL_SETS}" stands for every set that the recipe declares: choose another name')
        return sets
