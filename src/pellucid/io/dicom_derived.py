"""A DICOM file for an image that was made from another: a new instance in a new series of the same study.

References
----------
DICOM PS3.3: C.7.6.1 (General Image), C.7.6.3 (Image Pixel), C.12.4 (General Reference).
"""

import hashlib
import io
import uuid
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, UsageError
from pellucid.io.derivation import Derivation
from pellucid.io.dicom_frames import discreet
from pellucid.io.image import Samples

_IMPLEMENTATION = "2.25.91663326983650268141934284093648139675"
LARGEST = 2**32 - 2  # bytes of an element

_STALE = (
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "SmallestPixelValueInSeries",
    "LargestPixelValueInSeries",
    "SmallestImagePixelValueInPlane",
    "LargestImagePixelValueInPlane",
    "InstanceCreationDate",
    "InstanceCreationTime",
    "InstanceCreatorUID",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
"""What is true of the pixels or of the file as they were, and may be missing."""

LOST = {
    "IconImageSequence": "icon",
    "DigitalSignaturesSequence": "digital signatures",
    "MACParametersSequence": "digital signatures",
}
"""What other pixels make wrong, and its name in a warning."""

_PALETTE = [
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue", "Alpha")
    for part in ("Data", "Descriptor")
]
_PALETTE += [f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue", "Alpha")]
_PALETTE += ["PaletteColorLookupTableUID"]

_MAY_BE_EMPTY = {
    "PatientName": "PN",
    "PatientID": "LO",
    "PatientBirthDate": "DA",
    "PatientSex": "CS",
    "StudyDate": "DA",
    "StudyTime": "TM",
    "ReferringPhysicianName": "PN",
    "StudyID": "SH",
    "AccessionNumber": "SH",
    "SeriesNumber": "IS",
    "InstanceNumber": "IS",
    "Manufacturer": "LO",
}
"""Attributes of type 2 of every image: they must be there, and may be empty."""


def derived_header(header: Any, name: str, made: Derivation | None, *, channels: int, bits: int) -> Any:
    """The header of an image that was made from another.

    Parameters
    ----------
    header : pydicom.Dataset
        Of the source; it is not changed.
    name : str
        Of the source, for messages.
    made : Derivation, optional
        Without it, nothing is known of the pixels, and the identifiers are random.
    channels : int
        Of the samples that will be written: 1 or 3.
    bits : int
        Stored in each.

    Returns
    -------
    pydicom.Dataset
        With its file meta information; without pixels.

    Raises
    ------
    UsageError
        When the source has no identity of its own, so that nothing can refer to it.
    InputError
        When it cannot be understood.
    """
    with discreet(name):
        new = _copied(header)
        meta = header.file_meta
        source_class = header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID")
        source = header.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID")
        if not source or not source_class:
            raise UsageError(
                f"{name} has no SOP Class UID or SOP Instance UID, to which a derived DICOM could refer",
                "Give a complete DICOM file, or write another format",
            )
        for keyword in (*_STALE, *LOST):
            if keyword in new:
                del new[keyword]
        for keyword, vr in _MAY_BE_EMPTY.items():
            if keyword not in new:
                new.add_new(keyword, vr, None)
        _identify(new, str(source), made)
        new.SOPClassUID = source_class
        kind = [str(each) for each in _values(header.get("ImageType"))]
        new.ImageType = ["DERIVED", "SECONDARY", *kind[2:]]
        _describe(new, str(source_class), str(source), made)
        _describe_pixels(new, channels, bits)
        new.file_meta = _meta(new, made)
    return new


def _copied(header: Any) -> Any:
    """A copy of which the elements may be replaced; what stays untouched is not decoded."""
    from pydicom import Dataset

    new = Dataset()
    new.update(dict(header._dict))
    new.set_original_encoding(*header.original_encoding, header.original_character_set)
    for group in (0x0000, 0x0002):
        for tag in [tag for tag in new.keys() if tag.group == group]:  # noqa: SIM118
            del new[tag]
    return new


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _identify(new: Any, source: str, made: Derivation | None) -> None:
    """Give new identifiers: equal ones for equal sources, networks and options."""
    if "StudyInstanceUID" not in new or not new.StudyInstanceUID:
        new.StudyInstanceUID = _uid("study", source)
    series = str(new.get("SeriesInstanceUID") or new.StudyInstanceUID)
    if made is None:
        new.SOPInstanceUID, new.SeriesInstanceUID = f"2.25.{uuid.uuid4().int}", f"2.25.{uuid.uuid4().int}"
        return
    how = made.program, made.digest, made.options
    new.SOPInstanceUID = _uid("instance", source, *how, made.treatment)
    new.SeriesInstanceUID = _uid("series", series, *how)


def _uid(*parts: str) -> str:
    """A UID of the kind that is made of a UUID (PS3.5, B.2), from a digest of words."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def _code(value: str, meaning: str) -> Any:
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _describe(new: Any, source_class: str, source: str, made: Derivation | None) -> None:
    """Say what the image was made from, how, and by what."""
    from pydicom import Dataset, Sequence

    from pellucid import __version__

    words = made.words if made else f"Written by Pellucid {__version__}. Not for diagnosis"
    before = str(new.get("DerivationDescription") or "")
    new.DerivationDescription = f"{before}; {words}"[-1024:] if before else words
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = source_class, source
    purpose = _code("121322", "Source image for image processing operation")
    image.PurposeOfReferenceCodeSequence = Sequence([purpose])
    new.SourceImageSequence = Sequence([image])
    series = str(new.get("SeriesDescription") or "").strip()
    new.SeriesDescription = f"{series[:53]} (denoised)".strip()
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = Sequence([_code("109102", "Processing Equipment")])
    equipment.Manufacturer = "The Pellucid developers"
    equipment.ManufacturerModelName = "Pellucid"
    equipment.SoftwareVersions = __version__
    equipment.ContributionDescription = "Noise removal"
    new.ContributingEquipmentSequence = Sequence(
        [*(new.get("ContributingEquipmentSequence") or ()), equipment]
    )
    _describe_frames(new, words, image)


_FRAME_TYPES = (
    "MRImageFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XAXRFFrameCharacteristicsSequence",
    "XRay3DFrameTypeSequence",
    "WholeSlideMicroscopyImageFrameTypeSequence",
    "USImageDescriptionSequence",
    "EnhancedUSVolumeFrameTypeSequence",
)


def _describe_frames(new: Any, words: str, image: Any) -> None:
    """Say the same where a multi-frame image says it for its frames."""
    from pydicom import Dataset, Sequence

    shared = new.get("SharedFunctionalGroupsSequence")
    if not shared:
        return
    frames = list(new.get("PerFrameFunctionalGroupsSequence") or ())
    for group in [shared[0], *frames]:
        for keyword in _FRAME_TYPES:
            for item in group.get(keyword) or ():
                kind = _values(item.get("FrameType"))
                if kind:
                    item.FrameType = ["DERIVED", "SECONDARY", *kind[2:]]
    derivation = Dataset()
    derivation.DerivationDescription = words
    derivation.DerivationCodeSequence = Sequence([_code("113087", "Smoothing")])
    derivation.SourceImageSequence = Sequence([image])
    of_frames = [frame for frame in frames if "DerivationImageSequence" in frame]
    for group in of_frames or [shared[0]]:
        group.DerivationImageSequence = Sequence(
            [*(group.get("DerivationImageSequence") or ()), derivation]
        )


def _describe_pixels(new: Any, channels: int, bits: int) -> None:
    allocated = 8 if bits <= 8 else 16 if bits <= 16 else 32
    grey = channels == 1
    new.SamplesPerPixel = channels
    if not grey:
        for keyword in _PALETTE:
            if keyword in new:
                del new[keyword]
        new.PhotometricInterpretation, new.PlanarConfiguration = "RGB", 0
        new.PixelRepresentation = 0
    else:
        allocated = int(new.BitsAllocated)
        new.PhotometricInterpretation = str(new.get("PhotometricInterpretation") or "MONOCHROME2")
        new.PixelRepresentation = int(new.get("PixelRepresentation") or 0)
        if "PlanarConfiguration" in new:
            del new.PlanarConfiguration
    new.BitsAllocated, new.BitsStored, new.HighBit = allocated, bits, bits - 1


def _meta(new: Any, made: Derivation | None) -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = new.SOPClassUID
    meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = "PELLUCID"
    return meta


SYNTAXES = {
    "rle": "1.2.840.10008.1.2.5",
    "jpeg2000": "1.2.840.10008.1.2.4.90",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
}
"""The lossless compressions that are written."""


class DicomFile:
    """A DICOM file that is written frame by frame.

    Parameters
    ----------
    path : Path
    header : pydicom.Dataset
        As `derived_header` makes it.
    name : str
        Of the source, for messages.
    compression : str, optional
        "rle", "jpeg2000" or "jpeg-ls".
    """

    def __init__(self, path: Path, header: Any, name: str, compression: str | None = None) -> None:
        self._name, self._header = name, header
        size = int(header.Rows) * int(header.Columns) * int(header.SamplesPerPixel)
        signed, wide = bool(header.PixelRepresentation), int(header.BitsAllocated) // 8
        bits = int(header.BitsStored)
        self._dtype = np.dtype(f"<{'i' if signed else 'u'}{wide}")
        self._least = -(1 << (bits - 1)) if signed else 0
        self._largest = self._least + (1 << bits) - 1
        self._length = size * wide * int(header.get("NumberOfFrames") or 1)
        self._encoder: Any = None
        if self._length > LARGEST:
            raise UsageError(
                f"{name} would need {self._length:,} bytes, and a DICOM file holds 4 GB",
                "Write another format",
            )
        with discreet(name, "has a header that cannot be written"):
            from pydicom import dcmwrite
            from pydicom.pixels import get_encoder

            if compression in SYNTAXES and wide < 4:
                header.file_meta.TransferSyntaxUID = SYNTAXES[compression]
                self._encoder = get_encoder(SYNTAXES[compression])
            head = io.BytesIO()
            dcmwrite(head, header, enforce_file_format=True)
        self._file: BinaryIO = path.open("wb")
        self._file.write(head.getvalue())
        vr = b"OB" if self._encoder or wide == 1 else b"OW"
        length = 0xFFFFFFFF if self._encoder else self._length + self._length % 2
        self._file.write(b"\xe0\x7f\x10\0" + vr + b"\0\0" + length.to_bytes(4, "little"))
        if self._encoder:
            self._file.write(b"\xfe\xff\0\xe0\0\0\0\0")  # an empty table of offsets

    def write(self, frame: Samples) -> None:
        """Write a frame, or if nothing is compressed any rows of it (n, width, channels)."""
        if frame.dtype.kind == "f":
            frame = np.rint(frame)
        values = frame.clip(self._least, self._largest).astype(self._dtype)
        if self._encoder is None:
            self._file.write(np.ascontiguousarray(values).tobytes())
            return
        from pydicom.pixels.utils import as_pixel_options

        with discreet(self._name, "has a frame that cannot be compressed"):
            options = as_pixel_options(self._header, number_of_frames=1)
            values = values[..., 0] if values.shape[2] == 1 else values
            code = self._encoder.encode(values, **options)
        code += b"\0" * (len(code) % 2)
        self._file.write(b"\xfe\xff\0\xe0" + len(code).to_bytes(4, "little") + code)

    def commit(self) -> None:
        """Write the end."""
        if self._encoder:
            self._file.write(b"\xfe\xff\xdd\xe0\0\0\0\0")
        elif self._length % 2:
            self._file.write(b"\0")
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()
