"""Extended XYZ, files that ASE reads and folders of DeePMD-kit as datasets.

The file is read twice: its headers, to choose the key of each quantity (see `choice`) and to know which quantities all
frames have; then the rows. Types are numbered by name, in alphabetical order of the first frame with new ones.
"""

import hashlib
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from gnnzoo.data.convert import Conversion, Description, write_h5md
from gnnzoo.data.data_source import ase_format, source_files
from gnnzoo.data.deepmd import systems
from gnnzoo.data.extxyz import ase_trajectory, frames
from gnnzoo.data.extxyz.choice import choose_keys, convert_command, is_lammps, is_positions, is_species, no_forces
from gnnzoo.data.extxyz.frames import Advance, Rows
from gnnzoo.data.extxyz.header import Header
from gnnzoo.data.extxyz.quantities import FrameContents, frame_contents
from gnnzoo.data.extxyz.report import Outcome, quantities_report
from gnnzoo.data.extxyz.survey import Survey, group_of
from gnnzoo.data.extxyz.units import stated_units, units_of
from gnnzoo.data.frames.blocks import FrameBlock, joined_blocks
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.data.inspection.unit_checks import quick_evidence
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import HDF5, file_sha256, read_head
from gnnzoo.outputs import translate_os_errors
from gnnzoo.units import style

MAX_SPECIES = 1000  # more than elements and named types of any force field; each costs time and memory
_CERTAIN = ("stiffness",)  # evidence that outweighs the convention of ASE


class ExtxyzDataset(H5mdDataset):
    """Frames with keys as a dataset; converted to a temporary H5MD file, which is removed on close.

    Args:
        path: .extxyz or .xyz, plain or compressed, a file that ASE reads, a folder or an HDF5 file of DeePMD-kit.
        units: LAMMPS unit style of the numbers, where it is declared.
        columns: quantity -> key, where the keys are declared.
        advance: called with 1 after each frame while the file is read.

    Raises:
        UserError: ASE, where it reads the file, is not installed; a quantity or a unit style is unknown.
        DataError: the file cannot be read, no frame has forces, or several keys name a quantity.
    """

    def __init__(
        self,
        path: Path | str,
        units: str | None = None,
        columns: Mapping[str, str] | None = None,
        advance: Advance | None = None,
    ):
        source = Path(path)
        style(units)
        self._folder = tempfile.TemporaryDirectory(prefix="gnnzoo-")
        try:
            copy = Path(self._folder.name) / "frames.h5"
            with translate_os_errors(copy, "TMPDIR=/a/larger/place before the command keeps it elsewhere"):
                _Conversion(source, units, columns, advance).to_h5md(copy)
            super().__init__(copy)
        except BaseException:
            self._folder.cleanup()
            raise
        self.path = source
        try:
            self._check_convention()
        except BaseException:
            self.close()
            raise

    def _check_convention(self) -> None:
        """Leave the units undeclared where the numbers contradict the convention of ASE."""
        if not self.provenance["quantities"]["units_by_convention"]:
            return
        evidence = quick_evidence(self, self.path)
        if any(piece.what in _CERTAIN or piece.certain for piece in evidence.against()):
            self.units = None
            self.provenance["units"] = None
            self.provenance["quantities"] |= {"units_from": None, "units_by_convention": False}
        strange = [piece.text for piece in evidence.evidence if piece.what in _CERTAIN and not piece.supports]
        if strange:
            command = f"sed -i 's|Properties=|force-unit=Ha/Bohr Properties=|' {shlex.quote(str(self.path))}"
            doubt = f"the numbers may be in no LAMMPS unit style: {strange[0]}. {command} states a unit, for example"
            self.provenance["doubts"] = [*self.provenance.get("doubts", []), doubt]

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


class _NotInAllError(Exception):
    """An optional quantity that a frame does not have: the conversion begins again without it."""

    def __init__(self, name: str, frame: int):
        super().__init__(name, frame)
        self.name, self.frame = name, frame


class _Conversion:
    """One file on its way to a dataset."""

    def __init__(self, path: Path, units: str | None, columns: Mapping[str, str] | None, advance: Advance | None):
        self._path, self._advance = path, advance
        deepmd = path.is_dir() or read_head(path).startswith(HDF5)
        self._reader = systems if deepmd else ase_trajectory if ase_format(path) else frames
        stated: dict[str, str] = {}
        headers = self._with_units(self._reader.read_headers(path), stated)
        self._survey = Survey(headers, columns)
        self._lammps = is_lammps(self._survey.first)
        self._units = units_of(stated, units, self._lammps, self._survey.first.location)
        known = self._lammps or units is not None or (bool(stated) and not self._units.converted)
        self._choice = choose_keys(self._survey, columns, path, motion_has_units=known)
        self._outcome = Outcome()
        self._command = convert_command(path, units, columns)

    def _with_units(self, headers: Iterator[Header], stated: dict[str, str]) -> Iterator[Header]:
        """The headers; units that they state are collected, and must be the same in all."""
        for header in headers:
            for key, text in stated_units(header).items():
                if stated.setdefault(key, text) != text:
                    raise DataError(
                        f"frame {header.number} states {key}={text}, and a frame before it {stated[key]}",
                        location=header.location,
                        expected="the same units in all frames",
                    )
            yield header

    def to_h5md(self, output: Path) -> Conversion:
        """Write the frames; again without a quantity that turns out not to be in all of them."""
        files = source_files(self._path)
        digests = [file_sha256(file) for file in files]
        digest = digests[0] if len(files) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        source = {"file": str(self._path), "size": sum(file.stat().st_size for file in files), "sha256": digest}
        while True:
            self._start()
            try:
                blocks = joined_blocks(self._blocks())
                return write_h5md(blocks, output, lambda: self._describe(source), version="", compress=False)
            except _NotInAllError as problem:
                self._outcome.missing[problem.name] = problem.frame

    def _start(self) -> None:
        """Begin a pass; what is known not to be in all frames stays known."""
        self._names: dict[int, str] = {}
        self._types: dict[str, int] = {}
        self._segment = 0
        self._last: int | None = None
        self._outcome = Outcome(missing=self._outcome.missing)
        self._fields: set[str] | None = None

    def _describe(self, source: dict) -> Description:
        """What the dataset states; complete after the last frame."""
        report, doubts = quantities_report(self._survey, self._choice, self._units, self._outcome, self._command)
        provenance: dict = {"sources": [source], "quantities": report.to_json()}
        if self._outcome.masses:
            masses = {number: self._outcome.masses.get(name) for number, name in self._names.items()}
            provenance["masses"] = {number: mass for number, mass in masses.items() if mass is not None}
        return Description(self._units.style, self._names, provenance | ({"doubts": doubts} if doubts else {}))

    def _blocks(self) -> Iterator[FrameBlock]:
        """The frames that have forces, one block each."""
        left_out = set(self._outcome.missing) | ({"momenta"} if "velocities" in self._outcome.missing else set())
        keys = {name: key for name, key in self._choice.keys.items() if name not in left_out}
        for rows in self._read(keys):
            if self._advance is not None:
                self._advance(1)
            if rows.header.n_atoms == 0:
                self._outcome.leave_out(rows.header, "holds no atom")
                continue
            contents = frame_contents(rows, keys, self._units)
            if "forces" not in contents.arrays:
                self._outcome.leave_out(rows.header, "holds no forces")
                continue
            self._check_fields(contents)
            self._outcome.count(contents, keys)
            yield self._block(contents, keys)
        if self._outcome.frames == 0 and any(self._survey.n_atoms):
            raise DataError(
                f"the forces of no frame are known: {self._choice.keys['forces']} is not a number everywhere",
                location=Location(self._path),
                expected="forces of all atoms in at least one frame",
            )
        if self._outcome.frames == 0:
            raise no_forces(self._survey, self._path)

    def _read(self, keys: Mapping[str, str]) -> Iterator[Rows]:
        """The rows of all frames, with the columns that are used."""
        species = {name for name in self._survey.columns if is_species(name)}
        numbers = {name for name in self._survey.columns if is_positions(name)}
        return self._reader.read_frames(self._path, species, numbers | set(keys.values()))

    def _check_fields(self, contents: FrameContents) -> None:
        """Raise the signal to begin again without a quantity that is not in all frames."""
        fields = set(contents.arrays)
        if contents.incomplete:
            raise _NotInAllError(contents.incomplete[0], contents.header.number)
        self._fields = fields if self._fields is None else self._fields
        different = sorted(self._fields ^ fields)
        if different:
            name = different[0]
            first = self._outcome.first if name in fields else contents.header.number
            raise _NotInAllError(name, first)

    def _block(self, contents: FrameContents, keys: Mapping[str, str]) -> FrameBlock:
        """A block of one frame."""
        header = contents.header
        step, time = self._step(header, keys), header.values.get(keys.get("time", ""))
        self._segment += self._last is not None and step <= self._last
        self._last = step
        order = np.argsort(contents.ids, kind="stable")
        return FrameBlock(
            steps=np.array([step], dtype=np.int64),
            times=np.array([time if isinstance(time, float) and np.isfinite(time) else np.nan]),
            cells=contents.cell[None],
            origins=contents.origin[None],
            boundaries=[contents.boundary],
            ids=contents.ids[order],
            types=self._numbered(contents.species)[order],
            arrays={name: values[order][None] for name, values in contents.arrays.items()},
            segments=np.array([self._segment], dtype=np.int32),
            files=np.zeros(1, dtype=np.int32),
            energy=np.array([contents.energy]),
            virial=None if contents.virial is None else contents.virial[None],
            groups=[group] if (group := group_of(header)) is not None else None,
        )

    def _step(self, header: Header, keys: Mapping[str, str]) -> int:
        """The timestep; the number of the frame where not all frames have one."""
        key = keys.get("step", "")
        everywhere = key in self._survey.values and self._survey.values[key].mask(self._survey.frames).all()
        value = header.values.get(key)
        return int(value) if everywhere and isinstance(value, float) else header.number

    def _numbered(self, species: list[str]) -> np.ndarray:
        """(atoms,) int32 type numbers; those of a file that numbers its types are kept."""
        names = set(species)
        if len(names | set(self._types)) > MAX_SPECIES:
            raise DataError(
                f"more than {MAX_SPECIES} species: {', '.join(sorted(names)[:3])}, ...",
                location=Location(self._path),
                expected="the name of an element or of a type in each row",
                hint=f"head {self._path} shows the columns: species is the one that Properties declares",
            )
        for name in sorted(names - set(self._types)):
            number = int(name) if name.isdecimal() and 0 < int(name) < 2**31 else len(self._types) + 1
            while number in self._names:
                number += 1
            self._types[name] = number
            self._names[number] = name
        return np.array([self._types[name] for name in species], dtype=np.int32)
