"""Denoising a document: the scans of its pages, one by one; the document is written once, atomically."""

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.atomic import atomic_write, refuse_existing
from pellucid.errors import UsageError
from pellucid.inference.auto import Auto
from pellucid.inference.bilevel import keep_bilevel
from pellucid.inference.card import Card
from pellucid.inference.denoiser import Decision, Denoiser, denoise_array
from pellucid.inference.overview import Overview
from pellucid.inference.pages import PageModel
from pellucid.inference.registry import denoiser_for
from pellucid.inference.stacks import FileResult
from pellucid.inference.stream import Progress
from pellucid.io.files import copy_file
from pellucid.io.pdf.document import SMALLEST, Document, Scan
from pellucid.io.pdf.samples import NotDecodedError
from pellucid.io.stack import parse_numbers
from pellucid.options import DenoiseOptions

log = logging.getLogger("pellucid")

UNCHANGED = "unchanged"
NO_SCAN = f"{UNCHANGED}: no scan of {SMALLEST} pixels or more covers it"

NO_PAGE = "it shows no page of ink on paper (--model page-fast cleans it anyway)"

PARTS = 100
"""Of a page, for the progress."""


def denoise_document(
    source: Path,
    target: Path,
    model: str | Path | Denoiser,
    options: DenoiseOptions,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FileResult:
    """Clean the scans of a PDF into another PDF; text, links, forms, boxes and metadata stay.

    Parameters
    ----------
    source, target : Path
        They may be the same file.
    model : str, Path or Denoiser
        ``auto`` takes the network for pages where a scan is one, unless the noise is given.
    options : DenoiseOptions
    overwrite : bool
        Replace a target that exists.
    progress : function of (done, total), optional
        Called as the pages proceed.

    Returns
    -------
    FileResult
        With the size of the largest scan; `why` says which pages stay unchanged and why, and what could not
        be stored as it was.

    Raises
    ------
    UsageError
        When the target exists, or has no name of a PDF, or for pages that are not there, axes and channels.
    InputError
        When the file is broken, or is encrypted or signed: a change would break what protects it.
    LimitError
        When a scan has too many pixels.
    MissingExtraError
        When the extra `pdf` is not installed.
    """
    if target.suffix.lower() != ".pdf":
        raise UsageError(f"{source} is a PDF, and {target} is not named like one", "Name the output .pdf")
    if options.axes or options.channel:
        raise UsageError(f"{source} is a PDF", "Leave axes and channel out")
    refuse_existing(target, overwrite)
    denoiser = denoiser_for(model, options)
    if isinstance(denoiser, Auto) and options.sigma is None and options.noise is None:
        denoiser = _Scans(denoiser.pages)
    denoiser.check(options)
    notes: dict[str, list[int]] = {}
    done: dict[object, _Done] = {}
    with closing(Document(source)) as document:
        numbers = sorted(set(parse_numbers(options.pages or f"1-{document.pages}", document.pages)))
        for index, number in enumerate(numbers):
            scans = document.scans(number, max_pixels=options.max_pixels)
            report = _part_of(progress, index, len(numbers))
            for scan in scans:
                if scan.key not in done:  # else it is on an earlier page, too
                    done[scan.key] = _clean(document, scan, denoiser, options, report)
            for note in _notes([done[scan.key] for scan in scans]):
                notes.setdefault(note, []).append(number + 1)
            report(1, 1)
        count = sum(each.changed for each in done.values())
        if count:
            with atomic_write(target, overwrite=overwrite) as temporary:
                document.save(temporary)
                document.close()  # some systems let no open file be replaced
    if not count:
        copy_file(source, target, overwrite=overwrite)
    largest = max((each.size for each in done.values()), key=lambda size: size[0] * size[1], default=(0, 0))
    for note, pages in notes.items():
        if not note.startswith(UNCHANGED):
            log.warning("%s: %s %s", source, _pages(pages), note)
    words = [f"{count} scan{'s' * (count > 1)} cleaned"] if count else []
    return FileResult(
        source=source,
        output=target,
        sigma=max((each.sigma for each in done.values()), default=0.0),
        changed=count > 0,
        model=", ".join(dict.fromkeys(each.model for each in done.values() if each.changed)) or "none",
        why="; ".join([*words, *(f"{_pages(pages)} {note}" for note, pages in notes.items())]),
        width=largest[0],
        height=largest[1],
    )


class _Scans(Denoiser):
    """The network for pages, which leaves images unchanged that are none, such as photographs."""

    takes_sigma = False

    def __init__(self, pages: PageModel) -> None:
        self.pages, self.name, self.channels = pages, pages.name, pages.channels

    def card(self, channels: int) -> Card:
        return self.pages.card(channels)

    def check(self, options: DenoiseOptions) -> None:
        self.pages.check(options)

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        return self.pages.recognise(image, options, strict=False) or Decision("none", why=NO_PAGE)


class _Done(NamedTuple):
    """What was done to a scan."""

    size: tuple[int, int]
    changed: bool
    notes: Sequence[str]
    sigma: float = 0.0
    model: str = ""


def _clean(
    document: Document, scan: Scan, denoiser: Denoiser, options: DenoiseOptions, progress: Progress
) -> _Done:
    """Clean a scan in place, or say why it stays unchanged."""
    try:
        parts = document.read(scan)
        pixels = parts[0].pixels if len(parts) == 1 else np.concatenate([part.pixels for part in parts])
        bilevel = parts[0].kind == "bilevel"
        chosen = denoiser.pages if bilevel and isinstance(denoiser, _Scans) else denoiser
        result = denoise_array(chosen, pixels, options, progress)
        clean = keep_bilevel(pixels, result.image) if bilevel else result.image
        if not result.changed or np.array_equal(clean, pixels):
            return _Done(scan.size, False, [result.why or "there is nothing to remove"], result.sigma)
        lost = document.replace(scan, parts, clean)
        return _Done(scan.size, True, lost, result.sigma, result.model)
    except NotDecodedError as exc:
        return _Done(scan.size, False, [f"it {exc.problem}"])


def _notes(scans: Sequence[_Done]) -> Sequence[str]:
    """What there is to say about a page."""
    unchanged = f"{UNCHANGED} in part" if any(scan.changed for scan in scans) else UNCHANGED
    notes = [note if scan.changed else f"{unchanged}: {note}" for scan in scans for note in scan.notes]
    return list(dict.fromkeys(notes)) if scans else [NO_SCAN]


def _part_of(progress: Progress | None, page: int, pages: int) -> Progress:
    """The progress of one of so many pages as that of all."""

    def report(done: int, of: int) -> None:
        if progress:
            progress(PARTS * page + PARTS * done // of, PARTS * pages)

    return report


def _pages(numbers: Sequence[int]) -> str:
    """``pages 1-3, 5`` for 1, 2, 3 and 5."""
    known = set(numbers)
    starts = [each for each in numbers if each - 1 not in known]
    ends = [each for each in numbers if each + 1 not in known]
    spans = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    return f"page{'s' * (len(numbers) > 1)} {', '.join(spans)}"
