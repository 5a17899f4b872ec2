"""What a fuzzer of one format consists of."""

import contextlib
import random
from abc import ABC, abstractmethod
from pathlib import Path

from fuzzers.guard import Verdict, guarded


class Fuzzer(ABC):
    """Makes broken inputs of one format and reads them.

    Attributes:
        name: of the format, as on the command line.
        file: name of the input in its folder.
    """

    name: str
    file: str

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make the valid inputs that are changed.

        Args:
            folder: for files that are needed to make them.
        """

    @abstractmethod
    def write(self, path: Path, chance: random.Random) -> str:
        """Write a broken input.

        Args:
            path: of the file or folder to be made.
            chance: draws the changes.

        Returns:
            A description of the changes.
        """

    @abstractmethod
    def read(self, path: Path) -> list[str]:
        """Read an input as a command would, and compare what was accepted with an independent reader.

        Args:
            path: of the input.

        Returns:
            Complaints.
        """

    def warm_up(self, path: Path, inputs: int = 5) -> None:
        """Read some inputs without the guard, so that libraries are loaded when it begins.

        Args:
            path: of the inputs.
            inputs: number of them.
        """
        for number in range(inputs):
            self.write(path, random.Random(f"warm {number}"))
            with contextlib.suppress(Exception):
                self.read(path)

    def check(self, path: Path, seconds: float) -> Verdict:
        """Read an input under the guard.

        Args:
            path: of the input.
            seconds: timeout.

        Returns:
            The verdict.
        """
        return guarded(self.read, path, seconds)
