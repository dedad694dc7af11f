"""How an image was made from another: what formats that record it write."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """What made an image from a source.

    Parameters
    ----------
    program : str
        Its name and version, such as "Pellucid 0.1.0".
    model : str
        The network's name and version.
    digest : str
        The SHA-256 of the network's file, in hexadecimal digits.
    options : str
        What was asked for, in words that are equal for equal options.
    treatment : str
        What was found and done, such as the level of the noise, likewise.
    """

    program: str
    model: str
    digest: str
    options: str = ""
    treatment: str = ""

    @property
    def words(self) -> str:
        """One sentence for a human reader."""
        how = f" with {self.model} (SHA-256 {self.digest[:16]})" if self.model else ""
        return f"Noise removed by {self.program}{how}. Not for diagnosis"
