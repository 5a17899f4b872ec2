"""Problems of recipes of earlier versions, at the keys that their files have."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.io.json_positions import Path
from gnnzoo.recipe.io.validation_errors import Problem, dotted, short
from gnnzoo.recipe.schema.upgrade import OLD_KEYS, OLD_PATH, old_paths, upgraded

_HINT = (
    f"{dotted(OLD_PATH)} of 0.1.0 is now data.reference, "
    'a list: [{"prior": "lennard_jones", "mixing": "arithmetic"}, ...]'
)


def at_old_keys(problems: list[Problem], raw: dict) -> list[Problem]:
    """Move problems of converted values to the keys that the values have in the file.

    Args:
        problems: of the recipe with today's keys.
        raw: the recipe before `upgraded`.

    Returns:
        The problems, with the unknown keys of an old section in place of the section; each with the new form as hint.
    """
    paths = old_paths(raw)
    return [moved for problem in problems for moved in _moved(problem, raw, paths)]


def _moved(problem: Problem, raw: dict, paths: dict[Path, Path]) -> Iterator[Problem]:
    if problem.path == OLD_PATH:
        yield from _old_section(raw)
        return
    for depth in range(len(problem.path), 0, -1):
        if old := paths.get(problem.path[:depth]):
            yield Problem(old + problem.path[depth:], problem.what, problem.expected, problem.hint or _HINT)
            return
    yield problem


def _old_section(raw: dict) -> Iterator[Problem]:
    """Why the section of 0.1.0 could not be converted."""
    left = upgraded(raw)["data"][OLD_PATH[-1]]
    if "reference" in raw["data"]:
        yield Problem(OLD_PATH, "is the former name of data.reference, which is given as well", "one of both", _HINT)
    elif not isinstance(left, dict):
        expected = f"an object of {', '.join(OLD_KEYS)}, or data.reference in its place"
        yield Problem(OLD_PATH, f"{short(left)} is not possible", expected, _HINT)
    else:
        for key, value in left.items():
            what, expected = f"{short(value)} is not possible", "true or false"  # of charges
            if key not in OLD_KEYS:
                what, expected = "unknown key." + did_you_mean(key, OLD_KEYS), f"one of {', '.join(OLD_KEYS)}"
            yield Problem((*OLD_PATH, key), what, expected, _HINT)
