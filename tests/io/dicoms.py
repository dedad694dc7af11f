"""Small DICOM files with everything that a scanner writes, made by pydicom."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, Sequence, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    NuclearMedicineImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

SECRET = "Zzyzx"
"""In every value that identifies someone."""

SECRETS = (SECRET, "19010203", "111213", "9.8.7")

ANYONE = {
    "PatientName": f"{SECRET}^Quill",
    "PatientID": f"{SECRET}-1",
    "PatientBirthDate": "19010203",
    "PatientSex": "O",
    "StudyDate": "19010203",
    "StudyTime": "111213",
    "SeriesDate": "19010203",
    "ReferringPhysicianName": f"{SECRET}^Doctor",
    "StudyID": SECRET,
    "AccessionNumber": SECRET,
    "InstitutionName": f"{SECRET} hospital",
    "SeriesDescription": f"head of {SECRET}",
    "StudyInstanceUID": "9.8.7.1",
    "SeriesInstanceUID": "9.8.7.2",
    "FrameOfReferenceUID": "9.8.7.3",
    "SOPInstanceUID": "9.8.7.4",
    "Manufacturer": "Nobody",
    "SeriesNumber": 3,
    "InstanceNumber": 1,
}

_POSITION = {
    "ImagePositionPatient": [0, 0, 10],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.5, 0.5],
    "SliceThickness": 1,
    "PositionReferenceIndicator": "",
}

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "CT": (
        CTImageStorage,
        {
            **_POSITION,
            "Modality": "CT",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "KVP": 120,
            "AcquisitionNumber": 1,
            "RescaleIntercept": -1024,
            "RescaleSlope": 1,
            "RescaleType": "HU",
            "WindowCenter": 40,
            "WindowWidth": 400,
            "PatientPosition": "HFS",
        },
    ),
    "MR": (
        MRImageStorage,
        {
            **_POSITION,
            "Modality": "MR",
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "SE"],
            "ScanningSequence": "SE",
            "SequenceVariant": "NONE",
            "ScanOptions": "",
            "MRAcquisitionType": "2D",
            "EchoTime": 20,
            "EchoTrainLength": 1,
            "RepetitionTime": 500,
            "PatientPosition": "HFS",
        },
    ),
    "enhanced MR": (
        EnhancedMRImageStorage,
        {
            "Modality": "MR",
            "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            "ComplexImageComponent": "MAGNITUDE",
            "AcquisitionContrast": "T1",
            "PixelPresentation": "MONOCHROME",
            "VolumetricProperties": "VOLUME",
            "VolumeBasedCalculationTechnique": "NONE",
            "ContentQualification": "PRODUCT",
            "ContentDate": "19010203",
            "ContentTime": "111213",
            "ManufacturerModelName": "None",
            "DeviceSerialNumber": SECRET,
            "SoftwareVersions": "1",
            "BurnedInAnnotation": "NO",
            "LossyImageCompression": "00",
            "PresentationLUTShape": "IDENTITY",
            "AcquisitionDateTime": "19010203111213",
        },
    ),
    "DX": (
        DigitalXRayImageStorageForPresentation,
        {
            "Modality": "DX",
            "ImageType": ["ORIGINAL", "PRIMARY", ""],
            "PresentationIntentType": "FOR PRESENTATION",
            "PixelIntensityRelationship": "LOG",
            "PixelIntensityRelationshipSign": -1,
            "RescaleIntercept": 0,
            "RescaleSlope": 1,
            "RescaleType": "US",
            "PresentationLUTShape": "INVERSE",
            "LossyImageCompression": "00",
            "BurnedInAnnotation": "NO",
            "ImageLaterality": "U",
            "DetectorType": "DIRECT",
            "ImagerPixelSpacing": [0.1, 0.1],
            "PatientOrientation": ["L", "F"],
            "BodyPartExamined": "CHEST",
        },
    ),
    "US": (
        UltrasoundImageStorage,
        {"Modality": "US", "ImageType": ["ORIGINAL", "PRIMARY"], "Laterality": ""},
    ),
    "NM": (NuclearMedicineImageStorage, {"Modality": "NM", "ImageType": ["ORIGINAL", "PRIMARY", "STATIC"]}),
    "SC": (
        SecondaryCaptureImageStorage,
        {"Modality": "OT", "ConversionType": "WSD", "PatientOrientation": ""},
    ),
    "frames": (
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        {
            "Modality": "OT",
            "ConversionType": "WSD",
            "BurnedInAnnotation": "NO",
            "PresentationLUTShape": "IDENTITY",
            "RescaleIntercept": 0,
            "RescaleSlope": 1,
            "RescaleType": "US",
            "FrameIncrementPointer": 0x00181063,
            "FrameTime": 40,
        },
    ),
}


def dataset(kind: str, samples: NDArray[Any], **attributes: Any) -> Dataset:
    """A dataset of a kind for samples (h, w), (h, w, 3) or (n, h, w) of integers."""
    uid, own = KINDS[kind]
    made, deep = Dataset(), samples.ndim == 3 and samples.shape[2] != 3
    made.update(_elements({**ANYONE, **own}))
    made.SOPClassUID = uid
    if deep:
        made.NumberOfFrames = len(samples)
    made.Rows, made.Columns = samples.shape[1:] if deep else samples.shape[:2]
    colour = samples.ndim == 3 and not deep
    made.SamplesPerPixel = 3 if colour else 1
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    size = 8 * samples.dtype.itemsize
    made.BitsAllocated, made.BitsStored, made.HighBit = size, size, size - 1
    made.PixelRepresentation = int(samples.dtype.kind == "i")
    if kind == "enhanced MR":
        made.update(_groups(len(samples)))
    made.add_new("PixelData", "OB" if size == 8 else "OW", _padded(samples))
    made.update(_elements(attributes))
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _elements(values: dict[str, Any]) -> Dataset:
    part = Dataset()
    for keyword, value in values.items():
        setattr(part, keyword, value)
    return part


def _groups(count: int) -> Dataset:
    """The functional groups of an enhanced image."""
    part, shared = Dataset(), Dataset()
    kind = _elements(
        {"FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], "PixelPresentation": "MONOCHROME"}
    )
    shared.MRImageFrameTypeSequence = Sequence([kind])
    part.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for number in range(count):
        frame = Dataset()
        frame.PlanePositionSequence = Sequence([_elements({"ImagePositionPatient": [0, 0, number]})])
        frames.append(frame)
    part.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return part


def _padded(samples: NDArray[Any]) -> bytes:
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    return data + b"\0" * (len(data) % 2)


def write(path: Path, kind: str, samples: NDArray[Any], **attributes: Any) -> Path:
    """Write such a file."""
    dcmwrite(path, dataset(kind, samples, **attributes), enforce_file_format=True)
    return path


def read(path: Path) -> Dataset:
    """Read a file; values that the standard does not allow are errors."""
    found = dcmread(path)
    for element in found.iterall():
        assert element.value is not element
    return found


def second_reader(path: Path) -> NDArray[Any]:
    """The stored values by GDCM, a library of its own: (h, w), (n, h, w) or with colours behind."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    form = image.GetPixelFormat()
    signed = form.GetPixelRepresentation()
    dtype = np.dtype(f"{'i' if signed else 'u'}{form.GetBitsAllocated() // 8}")
    raw = image.GetBuffer().encode("utf-8", "surrogateescape")
    width, height, *depth = image.GetDimensions()
    colours = [form.GetSamplesPerPixel()] if form.GetSamplesPerPixel() > 1 else []
    return np.frombuffer(raw, dtype).reshape(*depth, height, width, *colours)
