"""Where samples go: a file that is encoded row by row, or an array."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from pellucid.io.image import Samples


class Sink(Protocol):
    """Takes the rows of an image from top to bottom; what it made appears with `commit`, or never.

    It is made for a `pellucid.io.source.Source`, whose size, channels, dtype, metadata and encoding it keeps
    as far as it can.
    """

    def write(self, rows: Samples) -> None:
        """Take the next rows (n, width, channels + alpha + extra), in the source's dtype.

        Raises
        ------
        LimitError
            When the disk is full.
        """

    def commit(self) -> None:
        """End the image after its last row, and put it in its place atomically."""

    def abort(self) -> None:
        """Leave nothing behind. After `commit` it does nothing."""


class ArraySink:
    """An array (height, width, n) that is filled from the top with the first n channels."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._filled = 0

    def write(self, rows: Samples) -> None:
        """Copy the next rows (n, width, channels)."""
        self._samples[self._filled : self._filled + len(rows)] = rows[..., : self._samples.shape[2]]
        self._filled += len(rows)

    def commit(self) -> None:
        """Check that no row is missing."""
        assert self._filled == len(self._samples), "rows are missing"

    def abort(self) -> None:
        """Do nothing."""


class AtomicSink:
    """A sink of a file, of an image or a stack, under a temporary name until `commit`.

    Parameters
    ----------
    context : context manager of a Path
        `pellucid.atomic.atomic_write` or `atomic_folder`.
    create : function of the temporary Path
        Makes the sink.
    done : function
        Called when the file has its name.
    """

    def __init__(
        self,
        context: AbstractContextManager[Path],
        create: Callable[[Path], Any],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._stack, self._done = ExitStack(), done
        self._sink: Any = None
        temporary = self._stack.enter_context(context)
        with self._leaving():
            self._sink = create(temporary)

    def write(self, *rows: Any) -> None:
        """Encode the next rows: of a stack its plane, the first of its rows, and the rows."""
        with self._leaving():
            self._sink.write(*rows)

    def commit(self) -> None:
        """Write the end, and give the file its name."""
        with self._leaving():
            self._sink.commit()
        self._stack.close()
        self._done()

    def abort(self) -> None:
        """Remove what has been written."""
        with suppress(_AbortedError), self._leaving():
            raise _AbortedError

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Remove the temporary file after an error; one of the system is raised as one of ours."""
        try:
            yield
        except BaseException as exc:
            if self._sink is not None:
                self._sink.abort()
            if not self._stack.pop_all().__exit__(type(exc), exc, exc.__traceback__):
                raise


class _AbortedError(Exception):
    """The caller has given up the file."""
