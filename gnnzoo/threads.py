"""Threads that overlap reading, parsing and writing, all of which release the GIL: prefetching and an ordered map."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_POLL = 0.1  # seconds between two checks whether the results are still wanted
_JOIN = 2.0  # seconds to wait for the thread at the end; it may hang on a pipe that no process writes to


class _End:
    """The last entry of the queue: how the work ended."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def prefetch(items: Iterable[T], depth: int = 1) -> Generator[T, None, None]:
    """Produce items in a thread, ahead of their use.

    Closing the iterator stops the thread before the next item.

    Args:
        items: iterated over in the thread.
        depth: number of items that may wait.

    Yields:
        The items in order; an error of the thread is raised here.
    """
    results: queue.Queue[T | _End] = queue.Queue(depth)
    closed = threading.Event()

    def put(item: T | _End) -> bool:
        while not closed.is_set():
            try:
                results.put(item, timeout=_POLL)
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
        except BaseException as error:  # raised again in the thread that uses the items
            put(_End(error))

    thread = threading.Thread(target=work, daemon=True, name="gnnzoo-prefetch")
    thread.start()
    try:
        while not isinstance(item := results.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        closed.set()
        thread.join(_JOIN)


@contextlib.contextmanager
def thread_pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `workers` threads; work that has not started when the block ends is cancelled.

    Yields:
        The pool.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gnnzoo-pool")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def ordered_map(
    work: Callable[[T], R], items: Iterable[T], workers: int = 2, pool: Executor | None = None
) -> Iterator[R]:
    """Apply a function to items in several threads.

    Args:
        work: the function.
        items: iterated over in the calling thread.
        workers: number of items that are worked on ahead of their use.
        pool: threads to use; by default `workers` new ones.

    Yields:
        The results in the order of the items; an error is raised here.
    """
    waiting: deque[Future[R]] = deque()
    with contextlib.nullcontext(pool) if pool is not None else thread_pool(workers) as threads:
        for item in items:
            waiting.append(threads.submit(work, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
