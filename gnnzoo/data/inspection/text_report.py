"""What an inspection found, in words and rows for a person: the terminal and the HTML report say the same."""

from collections.abc import Mapping

from gnnzoo.data.inspection.unit_evidence import kelvin_text
from gnnzoo.units import force_unit, length_unit

Row = tuple[str, ...]

_MOST_PAIRS = 12

# Below these nothing is said.
_NET_SHARE = 1e-3  # of the net force in mean |F| per atom; sums over a mesh (PPPM) leave 1e-5 or less
_FLOOR_SHARE = 0.01
_ROUNDING_SHARE = 1e-3


def title(report: Mapping) -> str:
    """What was inspected."""
    more = len(report["provenance"].get("sources", [])) - 1
    return report["path"] + (f" and {more} more" if more > 0 else "")


# --- tables -------------------------------------------------------------------------------------------------------


def overview(report: Mapping) -> list[Row]:
    """Name and value of what is told in a line each; see `data.inspect.survey` for the report."""
    rows = [
        ("frames", _frames(report)),
        ("atoms", _atoms(report)),
        ("types", _types(report["types"])),
        ("units", report["units"] or "not declared"),
        ("columns", _columns(report)),
        ("box", _box(report["box"])),
        ("density", _density(report)),
        ("temperature", _temperature(report)),
        ("smallest distance", _smallest(report)),
        ("digits printed", _digits(report)),
        ("force floor", _floor(report)),
        ("net force", _net(report)),
        ("memory of the run", _correlation(report)),
        ("independent frames", _independent(report)),
    ]
    return [(name, value) for name, value in rows if value]


def force_rows(report: Mapping) -> tuple[Row, list[Row]]:
    """Header and rows of the forces by type."""
    per_type = report["forces"]["per_type"]
    rows = [
        (name, *(f"{means[key]:.5g}" for key in ("mean_norm", "mean_sum_abs", "rms_component")))
        for name, means in {"all": report["forces"], **(per_type if len(per_type) > 1 else {})}.items()
    ]
    return ("type", "mean |F|", "mean sum of |components|", "RMS component"), rows


def drift_lines(report: Mapping) -> list[Row]:
    """Name and values of what is followed along the run, one value for each part."""
    found = report["drift"]
    names = {"mean_force": "mean |F|", "temperature": "temperature", "density": "atoms/volume"}
    return [
        (label, *(f"{value:.3g}" for value in found[name])) for name, label in names.items() if found[name] is not None
    ]


def main_pairs(report: Mapping) -> dict[str, Mapping]:
    """The pairs of types that are shown: all, or where there are many those of the most frequent types."""
    pairs, atoms = report["rdf"]["pairs"], {}
    for kind in report["types"].values():
        atoms[kind["name"]] = atoms.get(kind["name"], 0) + kind["atoms"]
    frequent = sorted(pairs, key=lambda name: -min(atoms[kind] for kind in pairs[name]["types"]))[:_MOST_PAIRS]
    return {name: pair for name, pair in pairs.items() if name in frequent}


def pairs_left_out(report: Mapping) -> str | None:
    """A sentence about the pairs that `main_pairs` does not show."""
    more = len(report["rdf"]["pairs"]) - _MOST_PAIRS
    return f"{more} more pairs, of types with fewer atoms, are in --json" if more > 0 else None


def shell_rows(report: Mapping) -> tuple[Row, list[Row]]:
    """Header and rows of the shells by pair of types."""
    rows = []
    for name, pair in main_pairs(report).items():
        first = pair["first_shell"]
        rows.append(
            (
                name,
                _or_dash(pair["peak"]),
                _or_dash(first),
                _or_dash(pair["neighbors"], ".1f"),
                " ".join(f"{end:.3g}" for end in pair["shells"][1:]) or "-",
            )
        )
    return ("pair", "first maximum", "first shell ends", "neighbours in it", "further shells end"), rows


def cutoff_rows(report: Mapping) -> tuple[Row, list[Row]]:
    """Header and rows of what each cutoff costs."""
    rows = [
        (
            f"{line['cutoff']:g}",
            line["why"] + (" *" if line["cutoff"] == report["recommended_cutoff"] else ""),
            f"{line['edges_per_atom']['mean']:.1f}",
            str(line["edges_per_atom"]["max"]),
            _bytes(line["graph_bytes"]),
            _seconds(line["seconds_per_epoch"]),
        )
        for line in report["cutoffs"]
    ]
    return ("cutoff", "why", "edges/atom", "largest", "graphs", "an epoch"), rows


def unit_lines(report: Mapping) -> list[str]:
    """The judgement on the units, and its evidence line by line."""
    evidence = report["unit_evidence"]
    declared, inferred = evidence["declared"], evidence["inferred"]
    head = {
        "declared": f"units: {declared} is declared, and nothing in the data speaks against it",
        "inferred": f"units: not declared; the data look like {inferred}",
        "undecided": "units: not declared, and the data do not tell them",
        "doubtful": f"units: {declared} is declared, but there is evidence against it",
        "contradicted": f"units: {declared} is declared, but it cannot be",
    }[evidence["verdict"]]
    return [head, *(f"{found['text']}{_speaks(found, declared)}" for found in evidence["evidence"])]


def _speaks(found: Mapping, declared: str | None) -> str:
    if declared and found["for"] and declared not in found["for"]:
        return f": speaks against {declared}, for {' or '.join(found['for'])}"
    return f": speaks for {' or '.join(found['for'])}" if len(found["for"]) == 1 else ""


# --- doubts -------------------------------------------------------------------------------------------------------


def doubts(report: Mapping) -> list[str]:
    """Whatever about the data should be known before training, a sentence each; what gets worse first."""
    lines = list(report["provenance"].get("doubts", []))
    lines += _unit_doubts(report)
    unnamed = [number for number, kind in report["types"].items() if kind["name"] == number]
    if unnamed:
        example = ",".join(f"{number}=NAME" for number in unnamed)
        lines.append(f"the data do not tell what their types are: --types {example}")
    still = report["frames_equal_to_the_one_before"]
    if still:
        one = "frame has" if len(still) == 1 else "frames have"
        lines.append(
            f"{len(still)} {one} the very positions of the frame before, the first is number {still[0]}: "
            "they teach nothing, and tell nothing where they are held out"
        )
    lines += _drift_doubts(report)
    lines += _force_doubts(report)
    return lines


def _unit_doubts(report: Mapping) -> list[str]:
    evidence = report["unit_evidence"]
    verdict, inferred, declared = evidence["verdict"], evidence["inferred"], evidence["declared"]
    against = [found["text"] for found in evidence["evidence"] if found["for"] and declared not in found["for"]]
    if verdict == "inferred":
        return [f"the data do not tell their units; they look like {inferred}: say --units {inferred} if they are"]
    if verdict == "undecided":
        return ["the data do not tell their units, and cannot be told from the numbers: --units real (or metal, lj)"]
    if verdict == "doubtful":
        return [f"units {declared} are doubtful: {'; '.join(against)}"]
    if verdict == "contradicted":
        return [f"units {declared} cannot be: {'; '.join(against)}"]
    return []


def _drift_doubts(report: Mapping) -> list[str]:
    found = report["drift"]
    words = {"mean_force": "mean |F|", "temperature": "the temperature", "density": "the density"}
    moves = [f"{words[name]} {line['from']:.3g} -> {line['to']:.3g}" for name, line in found["drifts"].items()]
    if not moves:
        return []
    cut, heat = found["cut"], found["drifts"].get("temperature")
    state = "is not equilibrated" if heat is None else "heats up" if heat["change"] > 0 else "cools down"
    line = f"the run {state} while it is written: {', '.join(moves)}, by straight lines through it"
    if "mean_force" in found["drifts"]:
        line += (
            f". One cut in time would train at mean |F| {cut['first']:.3g} and judge at {cut['last']:.3g}; the default "
            "split, blocks, takes each part from all along the run"
        )
    return [line]


def _force_doubts(report: Mapping) -> list[str]:
    lines, force = [], force_unit(report["units"])
    zeros, outliers, floor = report["zero_forces"], report["outliers"], report["force_floor"]
    if zeros["per_type"]:
        shares = ", ".join(f"{share:.2%} of {name}" for name, share in zeros["per_type"].items())
        lines.append(
            f"forces are exactly zero on {shares}; {zeros['always']} atoms never have one: a frozen group or fix "
            "setforce. A model learns these zeros as if they were physics"
        )
    if zeros["components"] and len(zeros["components"]) < 3:
        lines.append(f"no atom ever has a force along {' or '.join(zeros['components'])}: two-dimensional, or setforce")
    if report["net_force"]["share"] > _NET_SHARE:
        lines.append(
            f"forces do not sum to zero: the net force is {report['net_force']['share']:.2%} of mean |F| per atom. "
            "Atoms lack in the data, or a wall, a field or a fix adds forces that atoms do not give each other. "
            f"As noise of each atom, which fix langevin adds, it is {report['net_force']['noise']:.0%} of mean |F|"
        )
    if outliers["count"]:
        most = outliers["largest"][0]
        lines.append(
            f"{outliers['count']} forces exceed {outliers['times_median']:g} times the median of their type; the "
            f"largest, {most['force']:.4g} {force}, on atom {most['id']} ({most['type']}) in step {most['step']}, "
            f"frame {most['frame']}"
        )
    if (floor["share"] or 0) > _FLOOR_SHARE or (floor["forces_share"] or 0) > _ROUNDING_SHARE:
        worst = max(floor["share"] or 0, floor["forces_share"] or 0)
        lines.append(
            f"the digits printed alone make an error of {_percent(worst)} of mean |F|: {floor['cure']} lifts it"
        )
    return lines


# --- single lines -------------------------------------------------------------------------------------------------


def _frames(report: Mapping) -> str:
    steps = report["steps"]
    spacing = "" if steps["spacing"] is None else f", {'' if steps['regular'] else 'mostly '}every {steps['spacing']}"
    segments = f", {steps['segments']} segments" if steps["segments"] > 1 else ""
    return f"{report['frames']:,}, steps {steps['first']} to {steps['last']}{spacing}{segments}"


def _atoms(report: Mapping) -> str:
    told = report["atoms_range"]
    if told["min"] == told["max"]:
        return f"{report['atoms']:,}"
    return f"{told['min']:,} to {told['max']:,}, {told['mean']:,.1f} on average"


def _types(types: Mapping) -> str:
    shown = [f"{number}={kind['name']} ({kind['atoms']:,})" for number, kind in types.items()]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


def _columns(report: Mapping) -> str:
    columns = report["provenance"].get("columns")
    return " ".join(columns) if columns else " ".join(["positions forces", *report["fields"]])


def _box(box: Mapping) -> str:
    first, last = (" x ".join(f"{sum(x * x for x in row) ** 0.5:.5g}" for row in box[key]) for key in ("first", "last"))
    tilted = any(row[column] for i, row in enumerate(box["first"]) for column in range(3) if column != i)
    change = f", at last {last}" if box["changes"] else ", constant"
    return f"{first}{' (tilted)' if tilted else ''}{change}; {' '.join(box['boundary'])}"


def _density(report: Mapping) -> str:
    density, mean = report["density"], ", on average" if report["box"]["changes"] else ""
    length = length_unit(report["units"]) if report["units"] else "length"
    number = f"{density['atoms_per_volume']:.4g} atoms/{length}^3"
    if density["g_cm3"] is not None:
        return f"{density['g_cm3']:.4g} g/cm3 ({density['masses']}), {number}{mean}"
    return number + mean


def _temperature(report: Mapping) -> str | None:
    along, evidence = report["drift"]["temperature"], report["unit_evidence"]
    if along is not None:
        unit = "" if report["units"] == "lj" else " K"
        return f"{sum(along) / len(along):.4g}{unit}, by velocities"
    style = report["units"] or evidence["inferred"]
    if style is None or evidence["temperatures"] is None or evidence["temperatures"][style] <= 0:
        return None
    kelvin = evidence["temperatures"][style]
    told = f"{kelvin:.3g}" if style == "lj" else kelvin_text(kelvin)
    supposed = "" if report["units"] else f", if units are {style}"
    return f"about {told} towards the end, by forces and distances of a few frames{supposed}"


def _smallest(report: Mapping) -> str | None:
    closest = report["geometry"]["smallest_distance"]
    if closest is None:
        return None
    names, ids = "-".join(closest["names"]), " and ".join(map(str, closest["ids"]))
    return (
        f"{closest['distance']:.4g}{_length(report)}, {names}, atoms {ids} in step {closest['step']} "
        f"(of {report['geometry']['frames']} frames)"
    )


def _digits(report: Mapping) -> str | None:
    digits = report["provenance"].get("digits")
    return f"{digits['positions']} in positions, {digits['forces']} in forces" if digits else None


def _floor(report: Mapping) -> str | None:
    floor, bond = report["force_floor"], report["force_floor"]["stiffest_bond"]
    if floor["floor"] is None or floor["share"] is None:
        return None
    stiffness = f"{bond['stiffness']:.4g}{_force(report)} per {_length(report).strip() or 'length'}"
    size = f"{floor['floor']:.2g}{_force(report)}, {_percent(floor['share'])} of mean |F|"
    return f"{size}: the stiffest bond, {bond['pair']}, gives {stiffness}"


def _net(report: Mapping) -> str:
    net = report["net_force"]
    return f"mean {net['mean']:.3g}, largest {net['max']:.3g}{_force(report)}; {net['share']:.1g} of mean |F| per atom"


def _correlation(report: Mapping) -> str | None:
    found = report["correlation"]
    told = []
    for label, name in (("forces", "forces"), ("structure", found["structure"])):
        curve = found["curves"].get(name)
        if curve is not None:
            known = curve["decay"] is not None and not curve["too_short"]
            told.append(f"{label} {curve['decay']:.3g} frames" if known else f"{label} longer than can be told")
    return ", ".join(told) or None


def _independent(report: Mapping) -> str | None:
    found = report["correlation"]
    if found["independent_forces"] is None:
        return None
    told = f"about {max(1, found['independent_forces']):.0f} by their forces"
    if found["independent_structure"] is not None:
        most = "at most " if found["gap"] is None else ""
        told += f", {most}{max(1, found['independent_structure']):.0f} by their structure"
    if found["gap"] is None:
        return f"{told}; too short to know the gap that a split needs"
    return f"{told}; a split needs gaps of {found['gap']}"


def _length(report: Mapping) -> str:
    return f" {length_unit(report['units'])}" if report["units"] else ""


def _force(report: Mapping) -> str:
    return f" {force_unit(report['units'])}" if report["units"] else ""


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _or_dash(value: float | None, spec: str = ".3g") -> str:
    return "-" if value is None else format(value, spec)


def _bytes(number: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1e3:.0f} kB"


def _seconds(number: float) -> str:
    if number < 60:
        return f"{number:.2g} s"
    return f"{number / 60:.2g} min" if number < 3600 else f"{number / 3600:.2g} h"
