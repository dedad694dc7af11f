"""The noises of one formula: of sensors, of counting, of transmission."""

from dataclasses import dataclass, field

from pellucid.noise.arrays import Pixels
from pellucid.noise.base import MEAN, PEAK, READ, SHARE, SIGMA, SPREAD, Noise, Parameter, Random


@dataclass(frozen=True)
class Gaussian(Noise):
    """Additive white Gaussian noise of standard deviation sigma; a mean brightens the whole image."""

    kind = "gaussian"
    sigma: Parameter = field(metadata=SIGMA)
    mean: Parameter = field(default=0.0, metadata=MEAN)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = x + mean + sigma n``, with n standard normal."""
        noisy: Pixels = pixels + self.mean + self.sigma * random.normal(pixels)
        return noisy


@dataclass(frozen=True)
class Poisson(Noise):
    """Photon (shot) noise, and the read noise and black level that a detector adds to it.

    Photons is the mean count for a step of 1 in pixel value: the electrons of one grey level times the
    largest level, 255 or 65,535. Read is the standard deviation of the read noise in photons; black is the
    pixel value of no light. The variance is ``(pixel - black) / photons + (read / photons)^2``.
    """

    kind = "poisson"
    photons: Parameter = field(metadata=PEAK)
    read: Parameter = field(default=0.0, metadata=READ)
    black: Parameter = field(default=0.0, metadata=MEAN)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = black + (k + read n) / photons``, with k a Poisson count of mean photons (x - black)."""
        counts = random.poisson((pixels - self.black).clip(0, None) * self.photons)
        noisy: Pixels = self.black + (counts + self.read * random.normal(pixels)) / self.photons
        return noisy


@dataclass(frozen=True)
class PoissonGaussian(Noise):
    """Shot noise and then read noise, the usual model of a sensor (Foi and others 2008).

    The same as `Poisson` with a read noise of ``sigma * peak`` photons, and no black level.
    """

    kind = "poisson-gaussian"
    peak: Parameter = field(metadata=PEAK)
    sigma: Parameter = field(metadata=SIGMA)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = k / peak + sigma n``: a Poisson count k of mean peak x, then `Gaussian`."""
        return Poisson(self.peak, self.sigma * self.peak).formula(pixels, random)


@dataclass(frozen=True)
class Speckle(Noise):
    """Multiplicative noise of radar and ultrasound; sigma is relative to the brightness, without unit."""

    kind = "speckle"
    sigma: Parameter = field(metadata=SPREAD)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = x + sigma x n``, with n standard normal."""
        noisy: Pixels = pixels + pixels * self.sigma * random.normal(pixels)
        return noisy


@dataclass(frozen=True)
class SaltAndPepper(Noise):
    """A share of the values becomes 0 or 1 with equal chance; each channel is drawn independently."""

    kind = "salt-and-pepper"
    share: Parameter = field(metadata=SHARE)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = 1 or 0`` where a uniform number u < share (1 where u < share / 2), and x elsewhere."""
        chance = random.uniform(pixels)
        noisy: Pixels = pixels * (chance >= self.share) + (chance < self.share / 2)
        return noisy


@dataclass(frozen=True)
class Uniform(Noise):
    """A share of the values becomes uniform numbers in [0, 1); each channel is drawn independently."""

    kind = "uniform"
    share: Parameter = field(metadata=SHARE)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = v``, uniform, where a uniform number u < share, and x elsewhere."""
        hit = random.uniform(pixels) < self.share
        noisy: Pixels = pixels * ~hit + random.uniform(pixels) * hit
        return noisy


@dataclass(frozen=True)
class Rician(Noise):
    """Magnitude images in MRI, with noise of sigma in each of two parts (Gudbjartsson and Patz 1995)."""

    kind = "rician"
    sigma: Parameter = field(metadata=SIGMA)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = sqrt((x + sigma n1)^2 + (sigma n2)^2)``, with n1 and n2 standard normal."""
        real, imaginary = pixels + self.sigma * random.normal(pixels), self.sigma * random.normal(pixels)
        magnitude: Pixels = (real**2 + imaginary**2) ** 0.5
        return magnitude
