"""DICOM: stored values come back exactly; what is written is valid and derived; nothing identifies anyone."""

import io
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pydicom", reason="needs the extra science")

from pydicom import Dataset, Sequence, config, dcmwrite
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    ParametricMapStorage,
    RLELossless,
    RTDoseStorage,
    SegmentationStorage,
    VideoPhotographicImageStorage,
)
from scipy.ndimage import gaussian_filter

from pellucid import denoise_file
from pellucid.batch.plan import make_plan
from pellucid.errors import InputError, PellucidError
from pellucid.io.stack import Derivation, planes_of
from pellucid.io.stack_files import create_stack, open_stack
from tests.io.dicoms import KINDS, SECRETS, dataset, read, second_reader, write

MADE = Derivation("Pellucid 0.1.0", (("gaussian-best 1", "ab" * 32),), "strength=0.5", "gaussian-best 1 0.1")


@pytest.fixture(autouse=True)
def _strict() -> Any:
    """Values that the standard does not allow are errors in what tests write and read."""
    before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.RAISE
    yield
    config.settings.reading_validation_mode, config.settings.writing_validation_mode = before


def values(path: Path) -> NDArray[Any]:
    """All planes of a file, as Pellucid reads them."""
    stack = open_stack(path)
    assert stack is not None
    with closing(stack):
        planes = [
            stack.read(plane, slice(0, stack.parts[0].size("Y")), slice(0, stack.parts[0].size("X")))
            for plane in planes_of(stack)
        ]
    return np.squeeze(np.stack(planes))


def derived(path: Path, made: Derivation = MADE) -> Dataset:
    """Write a file without changing a sample, and read it again."""
    target = path.with_name("derived.dcm")
    stack = open_stack(path)
    assert stack is not None
    height, width = slice(0, stack.parts[0].size("Y")), slice(0, stack.parts[0].size("X"))
    with closing(stack):
        sink = create_stack(target, stack, made, overwrite=True)
        sink.write(planes_of(stack)[-1], 0, stack.read(planes_of(stack)[-1], height, width))
        sink.commit()
    return read(target)


def noisy(shape: tuple[int, ...], dtype: str = "uint16", level: float = 0.1) -> NDArray[Any]:
    """Discs in noise."""
    random = np.random.default_rng(1)
    rows, columns = np.ogrid[: shape[-2], : shape[-1]]
    disc = 0.3 + 0.3 * (np.hypot(rows - shape[-2] / 2, columns - shape[-1] / 3) < shape[-2] / 4)
    top = 4000 if np.dtype(dtype).itemsize > 1 else 255
    made = np.rint(top * (disc + random.normal(0, level, shape))).clip(0, top)
    return np.asarray(made).astype(dtype)


# ---- what is stored ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
@pytest.mark.parametrize("shape", [(5, 7), (3, 4, 5)])
def test_integers_of_any_size_come_back_exactly(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    limits = np.iinfo(dtype)
    samples = np.random.default_rng(0).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    path = write(tmp_path / "image.dcm", "SC" if len(shape) == 2 else "frames", samples)
    assert np.array_equal(values(path), samples)
    new = derived(path)
    assert np.array_equal(new.pixel_array, samples)
    assert np.array_equal(second_reader(tmp_path / "derived.dcm"), samples)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colours_come_back_exactly_in_one_plane(tmp_path: Path, dtype: str, planar: int) -> None:
    samples = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7, 3), dtype)
    stored = np.moveaxis(samples, 2, 0).tobytes() if planar else samples.tobytes()
    stored += b"\0" * (len(stored) % 2)
    path = write(tmp_path / "image.dcm", "US", samples, PlanarConfiguration=planar, PixelData=stored)
    assert np.array_equal(values(path), samples)
    assert derived(path).PlanarConfiguration == 0
    assert np.array_equal(second_reader(tmp_path / "derived.dcm"), samples)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_what_is_compressed_without_loss_is_written_uncompressed(tmp_path: Path, syntax: str) -> None:
    samples = noisy((64, 64))
    made = dataset("CT", samples)
    made.compress(syntax, generate_instance_uid=False)
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    new = derived(path)
    assert not new.file_meta.TransferSyntaxUID.is_compressed
    assert new.get("LossyImageCompression") is None
    assert np.array_equal(second_reader(tmp_path / "derived.dcm"), samples)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("shape", [(33, 35), (3, 32, 35)])
def test_it_can_be_written_compressed_without_loss(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    limits = np.iinfo(dtype)
    samples = np.random.default_rng(0).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    path = write(tmp_path / "image.dcm", "SC" if len(shape) == 2 else "frames", samples)
    new = derived(path, replace(MADE, compress=True))
    assert new.file_meta.TransferSyntaxUID == JPEGLSLossless
    assert new.get("LossyImageCompression") is None
    assert new.SOPInstanceUID == derived(path).SOPInstanceUID
    derived(path, replace(MADE, compress=True))
    assert np.array_equal(new.pixel_array, samples)
    assert np.array_equal(second_reader(tmp_path / "derived.dcm"), samples)
    assert np.array_equal(values(tmp_path / "derived.dcm"), samples)


def test_signed_values_of_12_bits_and_colours_are_compressed_without_loss(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    signed = random.integers(-2048, 2047, (39, 41), "int16", endpoint=True)
    path = write(tmp_path / "image.dcm", "CT", signed, BitsStored=12, HighBit=11)
    assert np.array_equal(derived(path, replace(MADE, compress=True)).pixel_array, signed)
    assert np.array_equal(values(tmp_path / "derived.dcm"), signed)
    colours = random.integers(0, 255, (36, 37, 3), "uint8")
    path = write(tmp_path / "image.dcm", "US", colours, PlanarConfiguration=0)
    assert np.array_equal(derived(path, replace(MADE, compress=True)).pixel_array, colours)


def test_samples_of_32_bits_stay_uncompressed_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "image.dcm", "SC", np.arange(1024, dtype="uint32").reshape(32, 32))
    assert not derived(path, replace(MADE, compress=True)).file_meta.TransferSyntaxUID.is_compressed
    assert "not compressed" in caplog.text


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_other_encodings_of_the_same_values_are_read(tmp_path: Path, syntax: str) -> None:
    samples = noisy((6, 8), "int16")
    made = dataset("CT", samples)
    made.file_meta.TransferSyntaxUID = UID(syntax)
    if syntax == ExplicitVRBigEndian:
        made.PixelData = samples.byteswap().tobytes()
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    assert np.array_equal(values(path), samples)
    assert np.array_equal(derived(path).pixel_array, samples)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_file_without_preamble_is_recognised(tmp_path: Path, syntax: str) -> None:
    samples = noisy((6, 8))
    made = dataset("CT", samples)
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    whole = io.BytesIO()
    dcmwrite(whole, made, enforce_file_format=True)
    path = tmp_path / "image.dcm"
    path.write_bytes(_without_head(whole.getvalue()))
    assert np.array_equal(values(path), samples)
    assert np.array_equal(derived(path).pixel_array, samples)


def _without_head(data: bytes) -> bytes:
    length = int.from_bytes(data[140:144], "little")
    return data[144 + length :]


def test_a_signed_value_of_12_bits_in_the_upper_part_of_a_word_is_understood(tmp_path: Path) -> None:
    samples = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    stored = (samples << 4).astype(np.int16).tobytes()
    path = write(tmp_path / "image.dcm", "CT", samples, BitsStored=12, HighBit=15, PixelData=stored)
    assert np.array_equal(values(path), samples)
    new = derived(path)
    assert (new.BitsAllocated, new.BitsStored, new.HighBit, new.PixelRepresentation) == (16, 12, 11, 1)
    assert np.array_equal(second_reader(tmp_path / "derived.dcm"), samples)


def test_an_overlay_in_unused_bits_becomes_one_of_its_own(tmp_path: Path) -> None:
    samples = noisy((32, 40))
    drawn = np.random.default_rng(2).integers(0, 2, samples.shape, np.uint16)
    made = dataset("CT", samples, BitsStored=12, HighBit=11, PixelData=(samples | drawn << 12).tobytes())
    for element, vr, value in (
        (0x0010, "US", 32),
        (0x0011, "US", 40),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", 12),
    ):
        made.add_new((0x6000, element), vr, value)
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    assert np.array_equal(values(path), samples)
    new = derived(path)
    assert np.array_equal(new.overlay_array(0x6000), drawn)
    assert (new[0x6000, 0x0100].value, new[0x6000, 0x0102].value) == (1, 0)
    assert np.array_equal(new.pixel_array, samples)


@pytest.mark.parametrize(("dtype", "above"), [("uint16", 0x8000), ("int16", 0x7000)])
def test_unused_bits_mean_nothing_and_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dtype: str, above: int
) -> None:
    samples = noisy((8, 8), dtype) - np.dtype(dtype).type(2000 if dtype == "int16" else 0)
    stored = ((samples & 0xFFF) | above).astype(np.uint16)
    made = dataset("CT", samples, BitsStored=12, HighBit=11, PixelData=stored.tobytes())
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    assert np.array_equal(derived(path).pixel_array, samples)
    assert ("bits of its samples" in caplog.text) == (dtype == "uint16")


def test_a_code_stream_that_contradicts_the_sign_is_understood(tmp_path: Path) -> None:
    samples = noisy((64, 64), "int16") - np.int16(2000)
    made = dataset("CT", samples.view(np.uint16) & np.uint16(0x1FFF), BitsStored=13, HighBit=12)
    made.compress(JPEG2000Lossless, generate_instance_uid=False)
    made.PixelRepresentation = 1
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    assert np.array_equal(values(path), samples)


def test_a_palette_becomes_red_green_and_blue(tmp_path: Path) -> None:
    indices = np.arange(48, dtype=np.uint8).reshape(6, 8)
    tables = np.random.default_rng(3).integers(0, 255, (3, 48)).astype(np.uint8)
    names = ("Red", "Green", "Blue")
    palette: dict[str, Any] = {f"{name}PaletteColorLookupTableDescriptor": [48, 0, 8] for name in names}
    palette |= {
        f"{name}PaletteColorLookupTableData": table.tobytes()
        for name, table in zip(names, tables, strict=True)
    }
    path = write(tmp_path / "image.dcm", "US", indices, PhotometricInterpretation="PALETTE COLOR", **palette)
    new = derived(path)
    assert (new.PhotometricInterpretation, new.SamplesPerPixel) == ("RGB", 3)
    assert "RedPaletteColorLookupTableData" not in new
    assert np.array_equal(second_reader(tmp_path / "derived.dcm"), np.moveaxis(tables[:, indices], 0, 2))


# ---- what is derived -----------------------------------------------------------------------------


def test_the_derived_image_says_what_it_is_and_what_it_was_made_from(tmp_path: Path) -> None:
    path = write(tmp_path / "image.dcm", "CT", noisy((16, 16), "int16"))
    old, new = read(path), derived(path)
    assert list(new.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    for words in ("Pellucid 0.1.0", "gaussian-best 1", "abababab", "Not for diagnosis"):
        assert words in new.DerivationDescription
    (source,) = new.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert source.ReferencedSOPClassUID == old.SOPClassUID
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert new.SeriesInstanceUID != old.SeriesInstanceUID
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
    assert new.ContributingEquipmentSequence[-1].ManufacturerModelName == "Pellucid"


KEPT = (
    "PatientName PatientID PatientBirthDate StudyInstanceUID StudyDate StudyID AccessionNumber "
    "FrameOfReferenceUID RescaleSlope RescaleIntercept RescaleType WindowCenter WindowWidth "
    "ImagePositionPatient PixelSpacing SOPClassUID"
)


def test_patient_study_geometry_and_units_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "image.dcm", "CT", noisy((16, 16), "int16"))
    old, new = read(path), derived(path)
    for keyword in KEPT.split():
        assert new[keyword] == old[keyword]


def test_a_rerun_gives_the_same_file_and_other_options_another(tmp_path: Path) -> None:
    path = write(tmp_path / "image.dcm", "CT", noisy((16, 16), "int16"))
    first, again = derived(path), derived(path)
    assert first == again
    others = [
        Derivation("Pellucid 0.1.0", (("gaussian-best 1", "cd" * 32),), "strength=0.5"),
        Derivation("Pellucid 0.1.0", (("gaussian-best 1", "ab" * 32),), "strength=0.6"),
        Derivation("Pellucid 0.2.0", (("gaussian-best 1", "ab" * 32),), "strength=0.5"),
    ]
    for other in others:
        assert derived(path, other).SOPInstanceUID != first.SOPInstanceUID
        assert derived(path, other).SeriesInstanceUID != first.SeriesInstanceUID


def test_stale_values_are_left_out_and_lost_ones_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    path = write(
        tmp_path / "image.dcm",
        "CT",
        noisy((16, 16)),
        SmallestImagePixelValue=0,
        LargestImagePixelValue=9,
        InstanceCreationDate="19010203",
        IconImageSequence=Sequence([icon]),
    )
    new = derived(path)
    for keyword in (
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
        "InstanceCreationDate",
        "IconImageSequence",
    ):
        assert keyword not in new
    assert "its icon will not be" in caplog.text


def test_lossy_compression_stays_named(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs", reason="needs the extra codecs")
    import imagecodecs
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    made = dataset("SC", noisy((64, 64), "uint8"))
    code = imagecodecs.jpeg8_encode(made.pixel_array, level=80)
    made.PixelData = encapsulate([bytes(code)])
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    new = derived(path)
    assert (new.LossyImageCompression, new.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert new.LossyImageCompressionRatio > 1


def test_a_jpeg_with_12_bits_is_read(tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra codecs")
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGExtended12Bit

    samples = noisy((64, 64))
    made = dataset("SC", samples, BitsStored=12, HighBit=11)
    code = imagecodecs.jpeg8_encode(samples, level=95, bitspersample=12)
    made.PixelData = encapsulate([bytes(code)])
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    assert np.array_equal(values(path), imagecodecs.jpeg8_decode(code))


REQUIRED = {
    "every": "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality ImageType "
    "SamplesPerPixel PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit "
    "PixelRepresentation PixelData",
    "CT": "ImagePositionPatient ImageOrientationPatient PixelSpacing FrameOfReferenceUID "
    "RescaleIntercept RescaleSlope",
    "MR": "ImagePositionPatient ImageOrientationPatient PixelSpacing FrameOfReferenceUID ScanningSequence "
    "SequenceVariant",
    "enhanced MR": "NumberOfFrames SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence "
    "ContentDate ContentTime AcquisitionDateTime PixelPresentation VolumetricProperties "
    "ComplexImageComponent ContentQualification "
    "BurnedInAnnotation LossyImageCompression PresentationLUTShape FrameOfReferenceUID ManufacturerModelName "
    "DeviceSerialNumber SoftwareVersions VolumeBasedCalculationTechnique AcquisitionContrast",
    "DX": "PresentationIntentType PixelIntensityRelationship PixelIntensityRelationshipSign RescaleIntercept "
    "RescaleSlope RescaleType PresentationLUTShape LossyImageCompression BurnedInAnnotation ImageLaterality "
    "DetectorType ImagerPixelSpacing PatientOrientation",
    "US": "",
    "NM": "",
    "SC": "ConversionType",
    "frames": "ConversionType NumberOfFrames BurnedInAnnotation PresentationLUTShape RescaleIntercept "
    "RescaleSlope RescaleType FrameIncrementPointer",
}
"""Attributes of type 1 of each kind of image (PS3.3, A.3 to A.36): there, and not empty."""

MAY_BE_EMPTY = {
    "every": "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName "
    "StudyID AccessionNumber SeriesNumber InstanceNumber Manufacturer",
    "CT": "KVP AcquisitionNumber SliceThickness PositionReferenceIndicator",
    "MR": "ScanOptions MRAcquisitionType EchoTime EchoTrainLength SliceThickness PositionReferenceIndicator",
}
"""Attributes of type 2: there."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bare", [False, True])
def test_every_kind_of_image_has_the_attributes_that_the_standard_requires(
    tmp_path: Path, kind: str, bare: bool
) -> None:
    deep = kind in ("frames", "enhanced MR")
    made = dataset(kind, noisy((2, 16, 16) if deep else (16, 16)))
    if bare:  # as anonymisers leave it
        for keyword in MAY_BE_EMPTY["every"].split():
            del made[keyword]
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    new = derived(path)
    for keyword in f"{REQUIRED['every']} {REQUIRED[kind]}".split():
        assert new[keyword].value not in (None, ""), keyword
    for keyword in f"{MAY_BE_EMPTY['every']} {MAY_BE_EMPTY.get(kind, '')}".split():
        assert keyword in new
    again = io.BytesIO()
    dcmwrite(again, new, enforce_file_format=True)  # strictly


def test_an_enhanced_image_says_for_its_frames_that_they_are_derived(tmp_path: Path) -> None:
    new = derived(write(tmp_path / "image.dcm", "enhanced MR", noisy((2, 16, 16))))
    (shared,) = new.SharedFunctionalGroupsSequence
    assert list(shared.MRImageFrameTypeSequence[0].FrameType) == ["DERIVED", "SECONDARY", "VOLUME", "NONE"]
    (derivation,) = shared.DerivationImageSequence
    assert "Not for diagnosis" in derivation.DerivationDescription
    assert derivation.SourceImageSequence[0].ReferencedSOPInstanceUID == "9.8.7.4"


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uid", "words"),
    [
        (SegmentationStorage, "segmentation"),
        (RTDoseStorage, "dose"),
        (ComprehensiveSRStorage, "report"),
        (ParametricMapStorage, "parametric map"),
        (EncapsulatedPDFStorage, "document"),
        (VideoPhotographicImageStorage, "video"),
    ],
)
def test_what_is_no_image_is_refused_in_words(tmp_path: Path, uid: str, words: str) -> None:
    path = write(tmp_path / "image.dcm", "SC", noisy((8, 8)), SOPClassUID=uid)
    with pytest.raises(InputError, match=words):
        open_stack(path)


def test_a_file_without_pixels_is_refused_in_words(tmp_path: Path) -> None:
    made = dataset("SC", noisy((8, 8)))
    del made.PixelData
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    with pytest.raises(InputError, match="without an image"):
        open_stack(path)


@pytest.mark.parametrize("share", [0.3, 0.8, 0.95, 0.999])
def test_a_file_that_is_cut_off_is_refused_and_nothing_is_written(tmp_path: Path, share: float) -> None:
    whole = write(tmp_path / "whole.dcm", "CT", noisy((32, 32))).read_bytes()
    path = tmp_path / "image.dcm"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(PellucidError):
        denoise_file(path, tmp_path / "clean.dcm", sigma=0.1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["image.dcm", "whole.dcm"]


# ---- denoising -----------------------------------------------------------------------------------


def test_noise_goes_and_the_mean_stays(tmp_path: Path) -> None:
    samples = noisy((96, 96), "int16", 0.05) - np.int16(1024)
    path = write(tmp_path / "image.dcm", "CT", samples, RescaleIntercept=0)
    assert denoise_file(path, tmp_path / "clean.dcm", model="gaussian-fast").changed
    clean = second_reader(tmp_path / "clean.dcm")
    assert clean.dtype == np.int16
    assert clean[:, 80:].std() < samples[:, 80:].std() / 3
    assert abs(clean[:, 80:].mean() - samples[:, 80:].mean()) < 0.005 * 1200


def test_padding_stays_and_steers_nothing(tmp_path: Path) -> None:
    results = []
    for value, limit in ((-2000, None), (-2000, -1990), (2047, None)):
        samples = noisy((96, 96), "int16", 0.05) - np.int16(1024)
        samples[:30, :40] = value
        more: dict[str, Any] = {} if limit is None else {"PixelPaddingRangeLimit": limit}
        if limit is not None:
            samples[:10, :10] = limit
        made = dataset("CT", samples)
        for keyword, element in {"PixelPaddingValue": value, **more}.items():
            made.add_new(keyword, "SS", element)
        path = tmp_path / "image.dcm"
        dcmwrite(path, made, enforce_file_format=True)
        denoise_file(path, tmp_path / "clean.dcm", sigma=0.01, model="gaussian-fast", overwrite=True)
        clean = second_reader(tmp_path / "clean.dcm").copy()
        assert np.array_equal(clean[:30, :40], samples[:30, :40])
        clean[:30, :40] = 0
        results.append(clean)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_padding_is_understood_where_its_type_is_not_written(tmp_path: Path) -> None:
    samples = noisy((96, 96), "int16", 0.05)
    samples[:30, :40] = -2000
    made = dataset("CT", samples)
    made.add_new("PixelPaddingValue", "SS", -2000)
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    path = tmp_path / "image.dcm"
    dcmwrite(path, made, enforce_file_format=True)
    stack = open_stack(path)
    assert stack is not None
    with closing(stack):
        assert stack.parts[0].nodata == -2000


def test_values_stay_within_the_bits_that_are_stored(tmp_path: Path) -> None:
    samples = (noisy((64, 64), "uint16", 0.2) > 2000).astype(np.uint16) * np.uint16(4095)
    path = write(tmp_path / "image.dcm", "CT", samples, BitsStored=12, HighBit=11)
    denoise_file(path, tmp_path / "clean.dcm", sigma=0.02, model="gaussian-fast")
    assert second_reader(tmp_path / "clean.dcm").max() <= 4095


def test_a_magnitude_image_of_mri_has_rician_noise_and_a_phase_image_has_not(tmp_path: Path) -> None:
    samples = noisy((96, 96))
    magnitude = write(tmp_path / "m.dcm", "MR", samples)
    phase = write(tmp_path / "p.dcm", "MR", samples, ImageType=["ORIGINAL", "PRIMARY", "P", "SE"])
    assert "Rician" in denoise_file(magnitude, tmp_path / "m2.dcm").why
    assert "Rician" not in denoise_file(phase, tmp_path / "p2.dcm").why
    assert "Rician" not in denoise_file(magnitude, tmp_path / "m3.dcm", sigma=0.01).why


def test_a_slice_of_ct_is_denoised_at_the_level_of_its_noise_and_keeps_its_edges(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:128, :128] - 63.5
    clean = gaussian_filter(np.where(np.hypot(rows, columns) < 40, 1500.0, 1000.0), 0.7)
    noise = gaussian_filter(np.random.default_rng(5).normal(0, 1, clean.shape), 0.6)
    samples = np.rint(clean + 25 * noise / noise.std()).astype(np.int16)
    path = write(tmp_path / "image.dcm", "CT", samples)
    result = denoise_file(path, tmp_path / "clean.dcm")
    assert result.model.startswith("gaussian")
    after = second_reader(tmp_path / "clean.dcm").astype(float)
    inside = np.hypot(rows, columns) < 25
    assert after[inside].std() < 0.85 * samples[inside].std()
    edge = np.abs(np.hypot(rows, columns) - 40) < 0.5
    assert abs(after[edge].mean() - clean[edge].mean()) < 10


# ---- series --------------------------------------------------------------------------------------


def series(folder: Path, count: int = 3, number: int | None = None) -> Path:
    """Slices whose names are in another order than their positions."""
    folder.mkdir()
    samples = noisy((count, 48, 48))
    for k in range(count):
        write(
            folder / f"IM{k}",
            "CT",
            samples[k],
            SOPInstanceUID=f"9.8.7.4.{k}",
            InstanceNumber=number or k + 1,
            ImagePositionPatient=[0, 0, -5 * k],
        )
    return folder


def test_a_folder_is_a_series_in_the_order_of_its_positions(tmp_path: Path) -> None:
    folder = series(tmp_path / "series")
    stack = open_stack(folder)
    assert stack is not None
    with closing(stack):
        assert [(part.axes, part.shape) for part in stack.parts] == [("ZYX", (3, 48, 48))]
    first = second_reader(folder / "IM2")
    assert np.array_equal(values(folder)[0], first)


def test_slices_with_the_same_number_are_ordered_by_their_positions(tmp_path: Path) -> None:
    folder = series(tmp_path / "series", number=1)
    assert np.array_equal(values(folder)[0], second_reader(folder / "IM2"))


def test_slices_of_a_tilted_gantry_are_ordered_along_their_normal(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    samples = noisy((3, 48, 48))
    for k, place in enumerate((20, 0, 10)):
        write(
            folder / f"IM{k}",
            "CT",
            samples[k],
            SOPInstanceUID=f"9.8.7.4.{k}",
            ImageOrientationPatient=[1, 0, 0, 0, 0.97, -0.24],
            ImagePositionPatient=[0, 3, place],
        )
    assert np.array_equal(values(folder), samples[[1, 2, 0]])


def test_slices_whose_samples_have_other_units_have_a_level_of_their_own(tmp_path: Path) -> None:
    folder = series(tmp_path / "series")
    write(folder / "IM9", "CT", noisy((48, 48)), SOPInstanceUID="9.8.7.4.9", RescaleSlope=2)
    stack = open_stack(folder)
    assert stack is not None
    with closing(stack):
        assert [part.shape for part in stack.parts] == [(3, 48, 48), (48, 48)]


def test_a_series_becomes_one_new_series(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = series(tmp_path / "series")
    (folder / "DICOMDIR").write_bytes(b"an index")
    (folder / ".notes").write_text("mine")
    denoise_file(folder, tmp_path / "clean", sigma=0.01, model="gaussian-fast")
    files = sorted((tmp_path / "clean").iterdir())
    assert [each.name for each in files] == [".notes", "IM0", "IM1", "IM2"]
    assert "DICOMDIR" in caplog.text
    made = [read(each) for each in files[1:]]
    assert len({each.SeriesInstanceUID for each in made}) == 1
    assert len({each.SOPInstanceUID for each in made}) == 3
    assert [each.SourceImageSequence[0].ReferencedSOPInstanceUID for each in made] == [
        f"9.8.7.4.{number}" for number in range(3)
    ]


def test_pages_that_are_not_denoised_are_part_of_the_new_series(tmp_path: Path) -> None:
    folder = series(tmp_path / "series")
    denoise_file(folder, tmp_path / "clean", sigma=0.01, model="gaussian-fast", pages="2")
    made = [read(each) for each in sorted((tmp_path / "clean").iterdir())]
    assert len({each.SeriesInstanceUID for each in made}) == 1
    same = [
        np.array_equal(second_reader(folder / f"IM{k}"), second_reader(tmp_path / "clean" / f"IM{k}"))
        for k in range(3)
    ]
    assert same == [True, False, True]


def test_a_series_without_noise_next_to_a_noisy_one_is_copied(tmp_path: Path) -> None:
    folder = series(tmp_path / "series")
    for name in ("A0", "A1"):
        other = {"SOPInstanceUID": f"9.8.7.4.1{name[1]}", "SeriesInstanceUID": "9.8.7.22"}
        write(folder / name, "SC", np.full((48, 48), 9, np.uint16), **other)
    denoise_file(folder, tmp_path / "clean")
    same = [
        (folder / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()
        for name in ("A0", "A1", "IM0", "IM2")
    ]
    assert same == [True, True, False, False]


def test_a_folder_with_a_broken_slice_leaves_nothing(tmp_path: Path) -> None:
    folder = series(tmp_path / "series")
    data = (folder / "IM1").read_bytes()
    (folder / "IM1").write_bytes(data[:-100])
    with pytest.raises(InputError, match="IM1"):
        denoise_file(folder, tmp_path / "clean", sigma=0.01, model="gaussian-fast")
    assert [each.name for each in tmp_path.iterdir()] == ["series"]


def test_a_folder_of_copies_of_one_image_is_no_series(tmp_path: Path) -> None:
    for name in ("a.dcm", "b.dcm"):
        write(tmp_path / name, "CT", noisy((16, 16)))
    with pytest.raises(InputError, match="folder"):
        open_stack(tmp_path)


# ---- nothing identifies --------------------------------------------------------------------------


def test_nothing_that_identifies_is_printed_or_logged(tmp_path: Path) -> None:
    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
    good = write(tmp_path / "good.dcm", "CT", noisy((48, 48)))
    odd = write(
        tmp_path / "odd.dcm",
        "MR",
        noisy((48, 48)),
        StudyDate=f"{SECRETS[0]} 1901",
        PatientBirthDate=f"19010203 {SECRETS[0]}",
        PatientSex=f"{SECRETS[0]}-a-code-that-is-too-long",
        SeriesInstanceUID=f"9.8.7.{SECRETS[0]}",
        PatientID=SECRETS[0] * 20,
    )
    wrong = write(tmp_path / "wrong.dcm", "SC", noisy((8, 8)), SOPClassUID=RTDoseStorage)
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(good.read_bytes()[:-100])
    files = [str(each) for each in (good, odd, wrong, broken)]
    said = ""
    for command in (
        ["denoise", *files, "-o", str(tmp_path / "clean"), "--sigma", "5", "--model", "gaussian-fast"],
        ["denoise", *files, "-o", str(tmp_path / "clean"), "--overwrite", "--json"],
        *(["inspect", file] for file in files[1:3]),
    ):
        done = subprocess.run(
            [sys.executable, "-W", "default", "-m", "pellucid", *command],
            capture_output=True,
            text=True,
            env=os.environ | {"PELLUCID_DEBUG": "1"},
        )
        said += done.stdout + done.stderr
    assert "good.dcm" in said
    assert "dose" in said
    assert not [secret for secret in SECRETS if secret in said]


def test_a_stack_is_shown_without_what_identifies(tmp_path: Path) -> None:
    stack = open_stack(write(tmp_path / "image.dcm", "CT", noisy((16, 16))))
    assert stack is not None
    with closing(stack):
        assert not [secret for secret in SECRETS if secret in repr(stack) + repr(stack.parts)]


def test_a_study_of_folders_and_names_without_suffix_is_denoised(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    series(study / "one")
    series(study / "two", 2)
    write(study / "1.2.840.5", "SC", noisy((48, 48)))
    (study / "README").write_text("no image")
    (study / "DICOMDIR").write_bytes((study / "1.2.840.5").read_bytes())
    plan = make_plan([str(study)], str(tmp_path / "clean"))
    assert [job.output.name for job in plan.jobs] == ["1.2.840.5", "one", "two"]
    assert plan.skipped == 2
    for job in plan.jobs[:1]:
        job.output.parent.mkdir(exist_ok=True)
        denoise_file(job.source, job.output, sigma=0.01, model="gaussian-fast")
        assert read(job.output).SeriesInstanceUID != "9.8.7.2"


def test_a_single_frame_becomes_another_kind_of_image_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "image.dcm", "SC", noisy((48, 48)))
    denoise_file(path, tmp_path / "image.png", sigma=0.01, model="gaussian-fast")
    assert "nothing of its header" in caplog.text
    path = write(tmp_path / "image.dcm", "DX", noisy((48, 48)), PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(InputError, match="MONOCHROME1"):
        denoise_file(path, tmp_path / "other.png", sigma=0.01, model="gaussian-fast")
