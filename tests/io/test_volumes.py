"""NIfTI, MGH, FITS and NumPy: which axes are slices, what is refused, what is missing."""

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.errors import InputError, MissingExtraError, UsageError
from pellucid.inference.analyse import analyse_file
from pellucid.io.formats.nifti import default_axes
from pellucid.io.stack_files import open_stack
from tests.stacks import volume

MODEL: Any = {"model": "gaussian-instant", "sigma": 0.001}


@pytest.mark.parametrize(
    ("shape", "steps", "axes"),
    [
        ((64, 60, 20), (1, 1, 3), "XYZ"),
        ((20, 64, 60), (3, 1, 1), "ZXY"),
        ((64, 20, 60), (1, 3, 1), "XZY"),
        ((64, 60, 20), (1, 1, 1), "XYZ"),
        ((64, 60, 20, 9), (2, 2, 2.2, 2000), "XYZT"),  # the step of time is no voxel's
        ((1, 64, 60), (9, 1, 1), "ZXY"),
        ((64, 60, 1), (1, 3, 1), "XYZ"),
        ((64, 60), (1, 1), "XY"),
    ],
)
def test_slices_are_along_the_largest_voxel_step(
    shape: tuple[int, ...], steps: tuple[float, ...], axes: str
) -> None:
    assert default_axes(shape, list(steps)) == axes


def nifti(path: Path, array: Any) -> Path:
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(array, np.diag([1, 1, 3, 1])), path)
    return path


def test_slices_along_another_axis_can_be_asked_for(tmp_path: Path) -> None:
    path = nifti(tmp_path / "head.nii", volume(30, 40, 50, dtype="int16"))
    for axes, planes in ((None, 50), ("XYZ", 50), ("ZYX", 30), ("XZY", 40)):
        output = tmp_path / f"{axes}.nii"
        result = pellucid.denoise_file(path, output, axes=axes, **MODEL)
        assert result.channels[0].planes == planes
    with pytest.raises(UsageError, match="does not fit"):
        pellucid.denoise_file(path, tmp_path / "no.nii", axes="YX", **MODEL)


def test_a_compressed_volume_stays_compressed_and_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    path = nifti(tmp_path / "head.nii.gz", volume(30, 40, 5, dtype="int16"))
    outputs = [tmp_path / f"{number}.nii.gz" for number in range(2)]
    for output in outputs:
        pellucid.denoise_file(path, output, **MODEL)
        assert output.read_bytes()[:2] == b"\x1f\x8b"
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize("cut", [100, 2000, -40])
def test_a_damaged_volume_is_refused_and_nothing_is_left(cut: int, tmp_path: Path) -> None:
    path = nifti(tmp_path / "head.nii.gz", volume(30, 40, 5, dtype="int16"))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"head\.nii\.gz"):
        pellucid.denoise_file(path, tmp_path / "out.nii.gz", **MODEL)
    assert [each.name for each in tmp_path.iterdir()] == ["head.nii.gz"]
    plain = nifti(tmp_path / "plain.nii", volume(30, 40, 5, dtype="int16"))
    plain.write_bytes(plain.read_bytes()[:2000])
    with pytest.raises(InputError, match="cut off"):
        pellucid.denoise_file(plain, tmp_path / "out.nii", **MODEL)


def test_rician_noise_of_a_volume_is_found_and_its_bias_taken_back(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    rows, columns = np.mgrid[:96, :96]
    clean = np.where(np.hypot(rows - 48, columns - 48) < 30, 900.0, 0.0)[..., None] * np.ones(8)
    parts = np.random.default_rng(0).normal(0, 40, (2, *clean.shape))
    noisy = np.rint(np.hypot(clean + parts[0], parts[1])).astype(np.int16)
    path = nifti(tmp_path / "head.nii", noisy)
    result = pellucid.denoise_file(path, tmp_path / "out.nii", noise="rician:auto")
    assert result.sigma * 32767 == pytest.approx(40, rel=0.1)
    out = np.asarray(nibabel.load(tmp_path / "out.nii").dataobj)
    assert noisy[:12].mean() > 45
    assert out[:12].mean() < 5
    assert out[40:56, 40:56].mean() == pytest.approx(900, rel=0.01)


def test_labels_are_copied(tmp_path: Path) -> None:
    labels = np.kron(np.random.default_rng(0).integers(0, 40, (8, 8, 6)), np.ones((8, 8, 1))).astype(np.int16)
    path = nifti(tmp_path / "labels.nii", labels)
    assert not pellucid.denoise_file(path, tmp_path / "out.nii").changed
    assert (tmp_path / "out.nii").read_bytes() == path.read_bytes()


def test_a_library_that_is_missing_is_one_line_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = nifti(tmp_path / "head.nii", volume(30, 40, 5))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pellucid\[science\]"'):
        pellucid.denoise_file(path)


def test_what_is_no_image_in_a_numpy_archive_stays(tmp_path: Path) -> None:
    path, output = tmp_path / "all.npz", tmp_path / "out.npz"
    arrays: dict[str, Any] = {
        "image": volume(40, 50),
        "matrix": np.eye(4),
        "flags": np.ones((40, 40), bool),
        "n": np.int64(3),
    }
    np.savez(path, **arrays)
    result = pellucid.denoise_file(path, output, **MODEL)
    assert [each.planes for each in result.channels] == [1]
    with np.load(output) as after:
        assert list(after) == list(arrays)
        assert [name for name in arrays if not np.array_equal(after[name], arrays[name])] == ["image"]
    np.savez(path, matrix=np.eye(4))
    with pytest.raises(InputError, match="no array of images"):
        pellucid.denoise_file(path, tmp_path / "no.npz", **MODEL)


def test_objects_in_a_numpy_file_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}, None], object), allow_pickle=True)
    with pytest.raises(InputError, match="broken NumPy"):
        pellucid.denoise_file(path, tmp_path / "out.npy", **MODEL)


def fits_file(path: Path, *units: Any, **options: Any) -> Path:
    fits = pytest.importorskip("astropy.io.fits")
    fits.HDUList([fits.PrimaryHDU(), *units]).writeto(path, **options)
    return path


def test_masks_and_errors_of_a_fits_file_stay(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    image = volume(64, 64, dtype="float32")
    units = [fits.ImageHDU(image, name=name) for name in ("SCI", "ERR", "DQ")]
    path = fits_file(tmp_path / "sky.fits", *units)
    result = pellucid.denoise_file(path, tmp_path / "out.fits", **MODEL)
    assert [each.planes for each in result.channels] == [1]
    with fits.open(tmp_path / "out.fits") as after:
        assert [bool((unit.data == image).all()) for unit in after[1:]] == [False, True, True]


def test_unsigned_samples_and_blanks_of_a_fits_file_are_known(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    unit = fits.ImageHDU(volume(64, 64, dtype="uint16"))
    stack = open_stack(fits_file(tmp_path / "sky.fits", unit))
    assert stack is not None
    assert stack.parts[0].dtype == np.uint16
    stack.close()
    blank = fits.ImageHDU(volume(64, 64, dtype="int16"))
    blank.data[10:20] = -99
    blank.header["BLANK"] = -99
    path = fits_file(tmp_path / "blank.fits", blank)
    pellucid.denoise_file(path, tmp_path / "out.fits", **MODEL)
    with fits.open(tmp_path / "out.fits", do_not_scale_image_data=True) as after:
        assert (after[1].data[10:20] == -99).all()


def test_a_fits_file_that_cannot_be_replaced_in_place_is_refused(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    packed = fits_file(tmp_path / "packed.fits", fits.CompImageHDU(volume(64, 64, dtype="int16")))
    with pytest.raises(InputError, match="funpack"):
        pellucid.denoise_file(packed, tmp_path / "out.fits", **MODEL)
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.arange(5.0))])
    with pytest.raises(InputError, match="no image"):
        pellucid.denoise_file(fits_file(tmp_path / "table.fits", table), tmp_path / "out.fits", **MODEL)


def test_minc_is_refused_with_what_to_convert_it_to(tmp_path: Path) -> None:
    for content in (b"CDF\1" + bytes(400), b"\x89HDF\r\n\x1a\n" + bytes(400)):
        path = tmp_path / "head.mnc"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"MINC.*NIfTI"):
            analyse_file(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_the_bytes_of_a_volume_become_such_bytes(suffix: str, tmp_path: Path) -> None:
    path = nifti(tmp_path / f"head{suffix}", volume(30, 40, 5))
    output = tmp_path / f"out{suffix}"
    pellucid.denoise_file(path, output, **MODEL)
    result = pellucid.denoise_result(path.read_bytes(), **MODEL)
    assert (result.changed, result.image) == (True, output.read_bytes())


@pytest.mark.parametrize(
    ("shape", "axes", "dtype", "order"),
    [
        ((1, 1, 2, 33, 61), "TCZYX", "<u2", "C"),  # CAREamics' issues 156 and 363: axes of one, odd sizes
        ((2, 1, 1), "ZYX", "<u2", "C"),
        ((2, 3, 101), "ZYX", "<f4", "C"),
        ((3, 35, 40), "ZYX", ">u2", "F"),
    ],
)
def test_any_shape_and_order_of_a_numpy_file_stays(
    shape: tuple[int, ...], axes: str, dtype: str, order: Any, tmp_path: Path
) -> None:
    array = np.asarray(volume(*shape), dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    pellucid.denoise_file(tmp_path / "a.npy", tmp_path / "b.npy", axes=axes, **MODEL)
    made = np.load(tmp_path / "b.npy")
    assert (made.shape, made.dtype, np.isfortran(made)) == (shape, array.dtype, np.isfortran(array))


def test_the_slope_and_whatever_else_surrounds_the_samples_of_a_nifti_stays(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(volume(20, 24, 6, 1, dtype="int16"), np.diag([2, 2, 3, 1]))
    image.header.set_slope_inter(0.061591435, 1839.8748)  # nibabel's issues 832 and 940
    nibabel.save(image, tmp_path / "a.nii")
    data = (tmp_path / "a.nii").read_bytes() + bytes(700)
    (tmp_path / "a.nii").write_bytes(data)
    (tmp_path / "parts.nii.gz").write_bytes(gzip.compress(data[:1000]) + gzip.compress(data[1000:]))
    for name in ("a.nii", "parts.nii.gz"):
        output = tmp_path / f"clean-{name}"
        pellucid.denoise_file(tmp_path / name, output, **MODEL)
        before, after = nibabel.load(tmp_path / "a.nii"), nibabel.load(output)
        assert after.header == before.header
        assert (after.dataobj.slope, after.dataobj.inter) == (before.dataobj.slope, before.dataobj.inter)
    assert len((tmp_path / "clean-a.nii").read_bytes()) == len(data)


def test_a_file_that_is_compressed_as_a_whole_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "slice.dcm.gz").write_bytes(gzip.compress(bytes(128) + b"DICM" + bytes(900)))
    with pytest.raises(InputError, match="gzip"):
        pellucid.denoise_file(tmp_path / "slice.dcm.gz")


@pytest.mark.parametrize("dtype", [np.complex128, np.bool_])
def test_samples_that_no_image_has_are_refused_with_the_name_of_their_file(
    dtype: Any, tmp_path: Path
) -> None:
    np.save(tmp_path / "odd.npy", np.zeros((32, 32), dtype))
    with pytest.raises(InputError, match=r"odd\.npy.*samples"):
        pellucid.denoise_file(tmp_path / "odd.npy", tmp_path / "out.npy", axes="YX")
    assert not (tmp_path / "out.npy").exists()
