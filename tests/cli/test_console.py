"""Messages of the commands on the terminal."""

import logging

import pytest
from absl import logging as absl_logging

from gnnzoo.cli.console import Verbosity, note, reporting, say, table, warn
from gnnzoo.tensorflow_env import root_logger_kept


def test_a_library_that_logs_through_absl_does_not_print_our_messages_again(monkeypatch, capsys):
    """absl gives a root logger without handlers one that prints the messages of all libraries."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with reporting(Verbosity()):
        absl_logging.info("a SavedModel was written")
        logging.getLogger("gnnzoo").info("once")
    with root_logger_kept():
        absl_logging.info("a SavedModel was loaded")
    assert capsys.readouterr().err == "once\n"
    assert not logging.getLogger().handlers


TERMINAL = ["\x1b[2J", "\x07", "a\rb", "\x9b31m", "\u202eabc", "\udcff", "\x00"]


@pytest.mark.parametrize("text", TERMINAL, ids=ascii)
def test_what_a_terminal_would_obey_is_escaped(capsys, monkeypatch, text):
    # pytest would report the text that it captures of the log, and no worker can pass on a lone surrogate
    monkeypatch.setattr(logging.getLogger("gnnzoo"), "propagate", False)
    say(text)
    note(text)
    warn(text)
    table(f"title {text}", ["name", f"of {text}"], [[text, 1]])
    with reporting(Verbosity()):
        logging.getLogger("gnnzoo").warning(text)
    printed = "".join(capsys.readouterr())
    assert text not in printed
    assert printed.count(text.encode("unicode_escape").decode()) == 7
    assert all(character == "\n" or character.isprintable() for character in printed)


def test_line_ends_tabs_and_names_of_any_language_are_printed(capsys):
    say("a\tb\nЗолото 金 é")
    assert capsys.readouterr().out == "a\tb\nЗолото 金 é\n"
