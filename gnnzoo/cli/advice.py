"""Advice of errors in the options of the command that runs.

The readers of data advise to declare what the data do not: --units, --types, --column. Commands that take a recipe
declare these there, and the others take converted data.
"""

import json
import re
import shlex
from collections.abc import Collection, Iterator

NEXT = "  next: "
# Option that declares metadata of data -> key of the recipe.
_KEYS = {"--units": "data.units", "--types": "data.types", "--column": "data.columns"}
_END = (",", ";", ":", ".")  # of the word that ends a command in a sentence
_WORD = re.compile(r"(?:'[^']*'|\S)+")


def in_terms_of(text: str, options: Collection[str]) -> str:
    """Replace advised options that a command does not have by what declares the same.

    Args:
        text: of an error; its lines of advice are changed.
        options: of the command.

    Returns:
        The text with `--set data.units=real` in the place of `--units real`, or, for a command without --set, with the
        conversion that declares it.
    """
    if set(_KEYS) <= set(options):
        return text
    changed = (
        NEXT + _replaced(line.removeprefix(NEXT), options) if line.startswith(NEXT) else line
        for line in text.splitlines()
    )
    return "\n".join(changed)


def _replaced(advice: str, options: Collection[str]) -> str:
    words, done, inside = _WORD.findall(advice), [], False
    remaining: Iterator[str] = iter(words)
    for word in remaining:
        inside = word == "gnnzoo" or inside  # a whole command, which stays
        if inside or word not in _KEYS or word in options:
            done.append(word)
            inside = inside and not word.endswith(_END) and word != "or"
            continue
        value = next(remaining, "")
        bare = value.rstrip("".join(_END))
        end = value[len(bare) :]
        if bare == "out" or done[-2:] == ["leave", "out"]:
            done.append(_KEYS[word] + (f" {value}" if bare == "out" else end))
        elif "--set" in options:
            done.append(f"--set {shlex.quote(_override(word, bare))}{end}")
        elif done[-2:-1] and done[-2] in _KEYS:
            done += [word, value]  # of the conversion that was begun
        else:
            done += ["gnnzoo convert DATA", word, value]
    return " ".join(done)


def _override(option: str, value: str) -> str:
    """The change of a recipe that declares the same as an option."""
    value = "".join(shlex.split(value))
    if option == "--types":
        pairs = [pair.partition("=") for pair in value.split(",")]
        return f"{_KEYS[option]}={json.dumps({number: name or 'NAME' for number, _, name in pairs})}"
    if option == "--column":
        return f"{_KEYS[option]}.{value}"
    return f"{_KEYS[option]}={value}"
