"""All noises by name, and the parser of their text form: a new noise is a class and its name here."""

from collections.abc import Mapping

from pellucid.errors import UsageError
from pellucid.noise.base import Noise, read_parameter
from pellucid.noise.camera import Camera
from pellucid.noise.jpeg import Jpeg
from pellucid.noise.scan import Scan
from pellucid.noise.sensor import Gaussian, Poisson, PoissonGaussian, Rician, SaltAndPepper, Speckle, Uniform

NOISES: Mapping[str, type[Noise]] = {
    each.kind: each
    for each in (
        Gaussian,
        Poisson,
        PoissonGaussian,
        Speckle,
        SaltAndPepper,
        Uniform,
        Rician,
        Jpeg,
        Camera,
        Scan,
    )
}


def parse_noise(text: str) -> Noise:
    """Read a noise from its text form.

    Parameters
    ----------
    text : str
        ``kind:value`` or ``kind:value,value``, such as ``gaussian:25``, ``gaussian:0-50``, ``poisson:100``,
        ``poisson-gaussian:30,5``, ``uniform:0.11``, ``camera:iso=3200``. A sigma of 1 or more counts grey
        levels of 255. The parameter's name may precede its value, and must where the parameter may be
        left out: ``gaussian:0.5,mean=0.5``, ``poisson:100,read=1.6,black=0.02``.

    Raises
    ------
    UsageError
        When the kind is unknown or a value cannot be read or is outside its limits.

    Examples
    --------
    >>> parse_noise("gaussian:51")
    Gaussian(sigma=0.2, mean=0.0)
    >>> str(parse_noise("poisson-gaussian:30-60,5"))
    'poisson-gaussian:30-60,5'
    """
    name, _, rest = text.strip().lower().partition(":")
    if name not in NOISES:
        raise UsageError(f"Unknown noise {text!r}", f"Choose among {', '.join(NOISES)}, as in gaussian:25")
    kind = NOISES[name]
    limits = kind.limits()
    try:
        return kind(
            **{each: read_parameter(value, limits[each].levels) for each, value in _named(rest, kind).items()}
        )
    except (LookupError, TypeError, ValueError, ArithmeticError) as exc:  # decimal's errors are arithmetic
        raise UsageError(f"{text!r} cannot be read as {name} noise", kind.usage()) from exc


def _named(values: str, kind: type[Noise]) -> dict[str, str]:
    """The text of each parameter's value.

    A parameter with a default must be named: ``gaussian:2,5`` may mean 2.5, so it is no mean of 5.
    """
    needed = [name for name in kind.limits() if name not in kind.defaults()]
    named: dict[str, str] = {}
    for place, part in enumerate(values.split(",")):
        name, equals, value = map(str.strip, part.rpartition("="))
        name = name if equals else needed[place]
        if name in named:
            raise ValueError(name)
        named[name] = value
    return named
