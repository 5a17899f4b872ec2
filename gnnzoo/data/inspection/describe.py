"""What data hold, judged before anything is trained on them."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from gnnzoo.data.force_statistics import ForceStatistics
from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.inspection.accumulator import RunAccumulator, known_masses
from gnnzoo.data.inspection.cost_estimate import HOLDS_FOR, cutoff_costs
from gnnzoo.data.inspection.drift import drift
from gnnzoo.data.inspection.pair_sample import PairSample, filled_volume, sample_pairs, sensible_reach
from gnnzoo.data.inspection.rdf import radial_distributions
from gnnzoo.data.inspection.rounding_error import force_rounding_error, stiffest_bond
from gnnzoo.data.inspection.unit_evidence import unit_evidence
from gnnzoo.data.lammps.events import EVENT_KINDS
from gnnzoo.data.split.correlation import correlations
from gnnzoo.data.split.make_split import wanted_gap

# Cutoffs to try where neither a user nor a shell names one: usual ones in A; and in reduced units.
_CUTOFFS, _REDUCED_CUTOFFS = (3.4, 4.4, 5.0, 6.0), (1.5, 2.0, 2.5, 3.0)
# Of the shells' ends the largest with no more edges per atom than this is recommended: beyond, a step on a CPU takes
# longer than what the farther atoms add is worth.
EDGES = 100
_SHELLS = 3  # further ones are in the distribution; as cutoffs they are out of the question
_TOLD = ("columns", "digits", "sources", "simulation", "doubts", *EVENT_KINDS, "command")
_FIELDS = ("molecules", "charges", "velocities", "images", "energies", "energy", "virial")


@np.errstate(over="ignore", invalid="ignore")  # of absurd forces the squares are infinite, which is told
def describe_dataset(
    dataset: Dataset, cutoffs: Sequence[float] | None = None, advance: Callable[[int], object] | None = None
) -> dict:
    """Read all frames once, look closer at a sample of them, and describe them.

    Lengths, forces and energies are in the units of the data's style, temperatures in K (reduced in `lj`).

    Args:
        dataset: any.
        cutoffs: to be counted and forecast beside those that the data suggest, length unit.
        advance: called after each frame.

    Returns:
        JSON-able; what comes from a sample says of how many `frames`:

        - `frames`; `atoms` of the first frame; `atoms_range` (`min`, `max`, `mean`); `fields` present beside positions
          and forces; `types`: number -> `name`, `atoms` (of the first frame that has them).
        - `units`: style or None; `unit_evidence`: see `unit_evidence.unit_evidence`.
        - `steps`: `first`, `last`, `segments`, `spacing`, `regular`.
        - `box`: `first`, `last` (cell rows), `boundary`, `changes`, `volume` (`min`, `mean`, `max`).
        - `density`: `atoms_per_volume`, `g_cm3` or None, `masses` (where they come from, or None).
        - `forces`: see `ForceStatistics.summary`; and `histogram`, see `RunAccumulator.histograms`.
        - `net_force`: `mean`, `max` of |sum of F|; `share`: mean of it over atoms and mean |F|; `noise`: mean of
          it over the root of the atoms and mean |F|, the share of a noise that each atom has of its own.
        - `zero_forces`, `outliers`: see `RunAccumulator`. `frames_equal_to_the_one_before`: their numbers.
        - `drift`: see `drift.drift`. `series`: along the run, for plots, see `RunAccumulator.kept_series`.
        - `force_rounding_error`: see `force_floor.force_rounding_error`.
        - `rdf`: see `rdf.radial_distributions`.
        - `geometry`: `frames`, `smallest_distance`, `edges_per_atom` (cutoff as text -> `mean`, `max`).
        - `cutoffs`: list, ascending, of {`cutoff`, `why`, and what `forecast.cutoff_costs` tells};
          `recommended_cutoff`: one of them or None; `forecast_holds_for`.
        - `correlation`: see `Correlations.as_dict`; with `gap`, frames that a split should leave out between two
          parts, None where the run is too short to know.
        - `provenance`: what the data's own tells of columns, digits, frames left out.
    """
    masses, source = known_masses(dataset.provenance, dataset.type_names, dataset.units)
    tally, forces, types = RunAccumulator(dataset.type_names, masses, dataset.units), ForceStatistics(), {}
    for frame in dataset:
        forces.update(frame.forces[None], frame.types)
        tally.take(frame)
        _add_types(types, frame, dataset.type_names)
        if advance is not None:
            advance(1)
    first, last, series = dataset[0], dataset[len(dataset) - 1], tally.series()
    told = {
        "frames": len(dataset),
        "atoms": len(first),
        "atoms_range": _range(series["atoms"]),
        "units": dataset.units,
        "types": dict(sorted(types.items(), key=lambda item: int(item[0]))),
        "fields": [name for name in _FIELDS if getattr(first, name) is not None],
        "steps": _steps(dataset),
        "box": _box(first, last, series),
        "density": _density(series, source),
        "forces": {**forces.summary(dataset.type_names), "histogram": tally.histograms()},
        "net_force": _net_force(series),
        "zero_forces": tally.zero_forces(),
        "outliers": tally.outliers(),
        "frames_equal_to_the_one_before": tally.equal_to_the_one_before,
        "drift": drift(series),
        "series": tally.kept_series(dataset.steps),
        "provenance": {name: dataset.provenance[name] for name in (*_TOLD, "version") if name in dataset.provenance},
    }
    found = correlations(dataset)
    told["correlation"] = {**found.as_dict(), "gap": wanted_gap(found)}
    return told | _looked_closer(dataset, told, sorted(cutoffs or ()))


def _looked_closer(dataset: Dataset, told: dict, cutoffs: list[float]) -> dict:
    """What the pairs of a sample of frames tell."""
    reach = sensible_reach(dataset[0])
    pairs = sample_pairs(dataset, max(reach, *cutoffs, 0.0))
    bond = stiffest_bond(dataset, pairs)
    rdf = radial_distributions(pairs, dataset.type_names, reach)
    wanted = _cutoffs(dataset[0], rdf, cutoffs, pairs[0].cutoff)
    mean_atoms = told["atoms_range"]["mean"]
    table = [
        {"cutoff": cutoff, "why": why, **cutoff_costs(cutoff, pairs, len(dataset), mean_atoms)}
        for cutoff, why in wanted.items()
    ]
    return {
        "unit_evidence": unit_evidence(dataset, pairs=pairs, bond=bond),
        "force_floor": force_rounding_error(pairs, dataset.provenance, told["forces"]["mean_norm"], bond),
        "rdf": rdf,
        "geometry": {
            "frames": len(pairs),
            "smallest_distance": _smallest(pairs),
            "edges_per_atom": {f"{line['cutoff']:g}": line["edges_per_atom"] for line in table},
        },
        "cutoffs": table,
        "recommended_cutoff": _recommended(table),
        "forecast_holds_for": HOLDS_FOR,
    }


# --- cutoffs ------------------------------------------------------------------------------------------------------


def _cutoffs(frame: Frame, rdf: dict, asked: list[float], reach: float) -> dict[float, str]:
    """Cutoff -> why, ascending: ends of the shells of the pair whose first shell ends last, usual ones, those asked."""
    known = {name: pair["shells"] for name, pair in rdf["pairs"].items() if pair["shells"]}
    found = {}
    if known:
        name = max(known, key=lambda name: known[name][0])
        for number, end in enumerate(known[name][:_SHELLS], start=1):
            found[_rounded_up(end)] = f"end of shell {number} of {name}"
    else:
        found = {cutoff: "usual; no shell can be told" for cutoff in default_cutoffs(frame) if cutoff <= reach}
    found |= {cutoff: "asked for" for cutoff in asked}
    return dict(sorted(found.items()))


def _rounded_up(length: float) -> float:
    """To two digits, upwards: 5.138 -> 5.2; 1.52 -> 1.6."""
    step = 10.0 ** (math.floor(math.log10(length)) - 1)
    return float(f"{math.ceil(length / step - 1e-9) * step:.12g}")


def _recommended(table: list[dict]) -> float | None:
    shells = [line for line in table if line["why"].startswith("end of")]
    if not shells:
        return None
    light = [line["cutoff"] for line in shells if line["edges_per_atom"]["mean"] <= EDGES]
    return light[-1] if light else shells[0]["cutoff"]


def default_cutoffs(frame: Frame) -> tuple[float, ...]:
    """A few usual cutoffs; undeclared units are taken as reduced where else matter would be denser than diamond."""
    reduced = frame.units == "lj" or (frame.units is None and len(frame) > 0.25 * filled_volume(frame))
    return _REDUCED_CUTOFFS if reduced else _CUTOFFS


# --- what is told in a few numbers --------------------------------------------------------------------------------


def _add_types(types: dict[str, dict], frame: Frame, type_names: dict[int, str]) -> None:
    numbers, counts = np.unique(frame.types, return_counts=True)
    for number, count in zip(numbers, counts, strict=True):
        name = type_names.get(int(number), str(number))
        types.setdefault(str(number), {"name": name, "atoms": int(count)})


def _range(values: np.ndarray) -> dict:
    return {"min": int(values.min()), "max": int(values.max()), "mean": float(values.mean())}


def _steps(dataset: Dataset) -> dict:
    """First and last step, and the distances between frames within a segment."""
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    within = np.diff(steps)[np.diff(segments) == 0]
    spacings, counts = np.unique(within, return_counts=True)
    most = spacings[np.argsort(-counts)][:3]
    return {
        "first": int(steps[0]),
        "last": int(steps[-1]),
        "segments": int(segments.max()) + 1,
        "spacing": int(most[0]) if len(most) else None,
        "regular": len(spacings) <= 1,
    }


def _box(first: Frame, last: Frame, series: dict) -> dict:
    volumes, lengths = series["volume"], series["lengths"]
    changes = np.ptp(volumes) > 1e-9 * volumes.max() or np.any(np.ptp(lengths, axis=0) > 1e-9 * lengths.max())
    return {
        "first": first.cell.tolist(),
        "last": last.cell.tolist(),
        "boundary": list(first.boundary),
        "changes": bool(changes) or not np.array_equal(first.cell, last.cell),
        "volume": {"min": float(volumes.min()), "mean": float(volumes.mean()), "max": float(volumes.max())},
    }


def _density(series: dict, source: str | None) -> dict:
    """Atoms per volume; g/cm3 where masses are known: from the dump's column, or from names that are elements."""
    known = bool(np.all(np.isfinite(series["g_cm3"])))
    return {
        "atoms_per_volume": float(np.mean(series["density"])),
        "g_cm3": float(np.mean(series["g_cm3"])) if known else None,
        "masses": source if known else None,
    }


def _net_force(series: dict) -> dict:
    net, whole = series["net_force"], series["mean_force"] * series["atoms"]
    share = float(np.mean(net) / np.mean(whole)) if np.any(whole) else 0.0
    mean = float(np.mean(series["mean_force"]))
    noise = float(np.mean(net / np.sqrt(series["atoms"]))) / mean if mean > 0 else 0.0
    return {"mean": float(net.mean()), "max": float(net.max()), "share": share, "noise": noise}


def _smallest(pairs: Sequence[PairSample]) -> dict | None:
    """The two nearest atoms of all sampled frames."""
    found = [sampled for sampled in pairs if len(sampled.distances)]
    if not found:
        return None
    sampled = min(found, key=lambda sampled: sampled.distances.min())
    edge, frame = int(sampled.distances.argmin()), sampled.frame
    pair = (int(sampled.receivers[edge]), int(sampled.senders[edge]))
    return {
        "distance": float(sampled.distances[edge]),
        "ids": [int(frame.ids[atom]) for atom in pair],
        "names": [str(frame.names[atom]) for atom in pair],
        "step": frame.step,
    }
