"""What is recorded in a file about how it was made."""

from collections.abc import Sequence
from dataclasses import fields

from pellucid.inference.denoiser import Decision
from pellucid.io.derivation import Derivation
from pellucid.options import DenoiseOptions

_NO_MATTER = "model", "axes", "channel_axis", "device", "threads", "memory", "max_pixels"
"""The model is recorded by its own digest; the others do not change what is made."""


def derivation(options: DenoiseOptions, decisions: Sequence[Decision]) -> Derivation:
    """Describe what was asked for and decided: equal words for equal options, models and levels."""
    from pellucid import __version__

    asked = [
        f"{each.name}={getattr(options, each.name)}"
        for each in fields(options)
        if each.name not in _NO_MATTER and getattr(options, each.name) != each.default
    ]
    made = [each for each in decisions if each.changed]
    return Derivation(
        program=f"Pellucid {__version__}",
        model=", ".join(dict.fromkeys(each.network for each in made)),
        digest=", ".join(dict.fromkeys(each.digest for each in made)),
        options=", ".join(asked),
        treatment="; ".join(f"{each.network} {each.sigma:.6g}" for each in decisions),
    )
