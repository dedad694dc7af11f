"""A DICOM file for an image that was made from another: a new instance in a new series of the same study.

References
----------
DICOM PS3.3: C.7.6.1 (General Image), C.7.6.3 (Image Pixel), C.12.4 (General Reference).
"""

import hashlib
import io
import logging
import math
import uuid
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.dicom_frames import DicomFrames, discreet, values_of
from pellucid.io.image import Samples
from pellucid.io.stack import Derivation

log = logging.getLogger("pellucid")

_IMPLEMENTATION = "2.25.91663326983650268141934284093648139675"
LARGEST = 2**32 - 2  # bytes of an element

FEW_PIXELS = 1024
"""Frames with fewer pixels than this become larger by compression, beyond what the library allows for."""

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

_LOST = {
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


def derived_header(frames: DicomFrames, made: Derivation) -> Any:
    """The header of an image that was made from another.

    Parameters
    ----------
    frames : DicomFrames
        The source.
    made : Derivation

    Returns
    -------
    pydicom.Dataset
        With its file meta information; without pixels.

    Raises
    ------
    InputError
        When the source has no identity of its own, so that nothing can refer to it, or is broken.
    """
    with discreet(frames.name):
        new, meta = _copied(frames.header), frames.header.file_meta
        source_class = new.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID")
        source = new.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID")
        if not source or not source_class:
            raise InputError(
                f"{frames.name} has no SOP Class UID or no SOP Instance UID, so that nothing can refer to it",
                "Give a complete DICOM file",
            )
        lost = dict.fromkeys(words for keyword, words in _LOST.items() if keyword in new)
        if lost:
            log.warning("%s: its %s will not be in a changed image", frames.name, " and ".join(lost))
        for keyword in (*_STALE, *_LOST):
            if keyword in new:
                del new[keyword]
        for keyword, vr in _MAY_BE_EMPTY.items():
            if keyword not in new:
                new.add_new(keyword, vr, None)
        _identify(new, str(source), made)
        new.SOPClassUID = source_class
        new.ImageType = ["DERIVED", "SECONDARY", *values_of(new.get("ImageType"))[2:]]
        _describe(new, str(source_class), str(source), made)
        _describe_pixels(new, frames)
        new.file_meta = _meta(new, compressed=is_compressed(frames, made))
    return new


def is_compressed(frames: DicomFrames, made: Derivation) -> bool:
    """Whether the samples are to be compressed, and JPEG-LS takes such, and makes them smaller."""
    small = frames.height * frames.width < FEW_PIXELS
    return made.compress and frames.dtype.itemsize <= 2 and frames.bits >= 2 and not small


def _copied(header: Any) -> Any:
    """A copy of which the elements may be replaced; what stays untouched is not decoded."""
    from pydicom import Dataset

    new: Any = Dataset()
    new.update(dict(header._dict))
    implicit, little = header.original_encoding
    new.set_original_encoding(implicit, little, header.original_character_set)
    for tag in [tag for tag in dict(header._dict) if tag.group in (0x0000, 0x0002)]:
        del new[tag]
    return new


def _identify(new: Any, source: str, made: Derivation) -> None:
    """Give new identifiers: equal ones for equal sources, networks and options."""
    if "StudyInstanceUID" not in new or not new.StudyInstanceUID:
        new.StudyInstanceUID = _uid("study", source)
    series = str(new.get("SeriesInstanceUID") or new.StudyInstanceUID)
    how = made.software, *(digest for _, digest in made.models), made.options
    new.SOPInstanceUID = _uid("instance", source, *how, made.treatment)
    new.SeriesInstanceUID = _uid("series", series, *how)


def _uid(*parts: str) -> str:
    """A UID of the kind that is made of a UUID (PS3.5, B.2), from a digest of words."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def _sentence(made: Derivation) -> str:
    names = ", ".join(f"{name} (SHA-256 {digest[:16]})" for name, digest in made.models)
    return f"Noise removed by {made.software}{f' with {names}' if names else ''}. Not for diagnosis"


def _code(value: str, meaning: str) -> Any:
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _describe(new: Any, source_class: str, source: str, made: Derivation) -> None:
    """Say what the image was made from, how, and by what."""
    from pydicom import Dataset, Sequence

    words = _sentence(made)
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
    equipment.SoftwareVersions = made.software.rpartition(" ")[2]
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
                kind = values_of(item.get("FrameType"))
                if kind:
                    item.FrameType = ["DERIVED", "SECONDARY", *kind[2:]]
    derivation = Dataset()
    derivation.DerivationDescription = words
    derivation.DerivationCodeSequence = Sequence([_code("113087", "Smoothing")])
    derivation.SourceImageSequence = Sequence([image])
    of_frames = [frame for frame in frames if "DerivationImageSequence" in frame]
    for group in of_frames or [shared[0]]:
        group.DerivationImageSequence = Sequence([*(group.get("DerivationImageSequence") or ()), derivation])


def _describe_pixels(new: Any, frames: DicomFrames) -> None:
    new.SamplesPerPixel = frames.channels
    if frames.channels == 3:
        for keyword in _PALETTE:
            if keyword in new:
                del new[keyword]
        new.PhotometricInterpretation, new.PlanarConfiguration = "RGB", 0
    else:
        new.PhotometricInterpretation = frames.photometric
        if "PlanarConfiguration" in new:
            del new.PlanarConfiguration
    new.PixelRepresentation = int(frames.dtype.kind == "i")
    new.BitsAllocated, new.BitsStored = 8 * frames.dtype.itemsize, frames.bits
    new.HighBit = frames.bits - 1
    if frames.lossy and new.get("LossyImageCompression") != "01":
        new.LossyImageCompression = "01"
        new.LossyImageCompressionMethod, ratio = frames.lossy
        new.LossyImageCompressionRatio = f"{ratio:.2f}"


def _meta(new: Any, *, compressed: bool) -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGLSLossless

    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = new.SOPClassUID
    meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    meta.TransferSyntaxUID = JPEGLSLossless if compressed else ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = "PELLUCID"
    return meta


class DicomFile:
    """A DICOM file that is written frame by frame: uncompressed, or without loss as JPEG-LS.

    Parameters
    ----------
    path : Path
    frames : DicomFrames
        The source.
    made : Derivation

    Raises
    ------
    InputError
        When the source cannot be understood, or the file would be too large for the format.
    MissingExtraError
        When the library that compresses is missing.
    """

    def __init__(self, path: Path, frames: DicomFrames, made: Derivation) -> None:
        header = derived_header(frames, made)
        self._frames, self._dtype = frames, frames.dtype.newbyteorder("<")
        self._least = -(1 << (frames.bits - 1)) if frames.dtype.kind == "i" else 0
        self._largest = self._least + (1 << frames.bits) - 1
        self._compressed = is_compressed(frames, made)
        if self._compressed:
            require("jpeg_ls", "science", "to write compressed DICOM")
        elif made.compress:
            log.warning("%s: such samples are not compressed (JPEG-LS has 2 to 16 bits)", frames.name)
        self._rows: list[Samples] = []  # of the frame that is compressed when it is complete
        self._length = (
            math.prod((frames.count, frames.height, frames.width, frames.channels)) * self._dtype.itemsize
        )
        if self._length > LARGEST and not self._compressed:
            raise InputError(
                f"{frames.name} needs {self._length:,} bytes uncompressed, and a DICOM file holds 4 GB",
                "Give its frames in several files",
            )
        with discreet(frames.name, "has a header that cannot be written"):
            from pydicom import dcmwrite

            head = io.BytesIO()
            dcmwrite(head, header, enforce_file_format=True)
        self._file: BinaryIO = path.open("wb")
        self._file.write(head.getvalue())
        if self._compressed:  # of unknown length, and with an empty table of offsets
            self._file.write(_PIXEL_DATA + b"OB\0\0\xff\xff\xff\xff" + _ITEM + bytes(4))
            return
        vr = b"OB" if self._dtype.itemsize == 1 else b"OW"
        length = (self._length + self._length % 2).to_bytes(4, "little")
        self._file.write(_PIXEL_DATA + vr + b"\0\0" + length)

    def write(self, rows: Samples) -> None:
        """Write the next rows (n, width, channels) of the next frame; values beyond its bits are limited."""
        values = rows.clip(self._least, self._largest).astype(self._dtype)
        if not self._compressed:
            self._file.write(np.ascontiguousarray(values).tobytes())
            return
        self._rows.append(values)
        if sum(map(len, self._rows)) == self._frames.height:
            frame = self._encoded(np.concatenate(self._rows))
            self._rows.clear()
            self._file.write(_ITEM + len(frame).to_bytes(4, "little") + frame)

    def _encoded(self, values: Samples) -> bytes:
        """A frame (height, width, channels) as JPEG-LS, of an even number of bytes."""
        from pydicom.pixels.encoders.base import JPEGLSLosslessEncoder

        frames = self._frames
        with discreet(frames.name, "has a frame that cannot be compressed"):
            stream = JPEGLSLosslessEncoder.encode(
                values if frames.channels == 3 else values[..., 0],
                rows=frames.height,
                columns=frames.width,
                samples_per_pixel=frames.channels,
                number_of_frames=1,
                bits_allocated=8 * frames.dtype.itemsize,
                bits_stored=frames.bits,
                pixel_representation=int(frames.dtype.kind == "i"),
                photometric_interpretation="RGB" if frames.channels == 3 else frames.photometric,
                planar_configuration=0,
            )
        return bytes(stream) + b"\0" * (len(stream) % 2)

    def commit(self) -> None:
        """Write the end."""
        self._file.write(_END if self._compressed else b"\0" * (self._length % 2))
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()


_PIXEL_DATA, _ITEM, _END = b"\xe0\x7f\x10\0", b"\xfe\xff\0\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
"""The tag of the pixels; with compressed ones, that of an item, and what follows the last item."""
