"""Work done one step ahead, in a thread: reading, parsing and writing overlap, because all three release the GIL."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 0.1  # seconds between two looks at whether anybody still wants the results


class _End:
    """The last thing in the queue: how the work ended."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
    """The items, made in a thread, at most `depth` of them waiting; an error there is raised here.

    Leaving the loop early stops the thread before the next item.
    """
    results: queue.Queue = queue.Queue(depth)
    left = threading.Event()

    def put(item) -> bool:
        while not left.is_set():
            try:
                results.put(item, timeout=_PATIENCE)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End())
        except BaseException as error:  # whatever it is, it belongs to the one who asked for the items
            put(_End(error))

    thread = threading.Thread(target=work, daemon=True, name="gnnzoo-ahead")
    thread.start()
    try:
        while not isinstance(item := results.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        thread.join()
