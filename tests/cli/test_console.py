"""Messages of the commands on the terminal."""

import logging

from absl import logging as absl_logging

from gnnzoo.cli.console import Verbosity, reporting
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
