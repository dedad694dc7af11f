"""An autoencoder as an estimator of scikit-learn: principal component analysis, but not linear.

PCA finds the k directions from which the rows of a table can be rebuilt with the least squared error, when
both ways are linear. Here both ways are small dense networks, and the error that is made least is the same.

References: Kramer 1991 (nonlinear principal component analysis using autoassociative neural networks); Hinton
and Salakhutdinov 2006 (deep autoencoders compared with PCA); Loshchilov and Hutter 2017 (the cosine).
"""

import copy
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.networks.autoencoder import glorot
from pellucid.networks.unet import ACTIVATIONS

FLOATS = (np.float64, np.float32)
Rows = NDArray[Any]
"""A table (rows, columns), float32 or float64."""


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Encode each row of a table in a few dimensions, and rebuild the row from them; also to denoise rows.

    As for PCA, a column of larger numbers counts for more: put a ``StandardScaler`` before it where columns
    have different units. Inside, each column's mean is subtracted and all are divided by one number.

    Parameters
    ----------
    code : int
        Dimensions of the code, as PCA's ``n_components``.
    hidden : tuple of int
        Widths of the layers between the columns and the code; the way back has them in reverse.
    activation : str
        Between layers: ``relu``, ``elu``, ``gelu`` or ``leaky``.
    epochs : int
        How often all rows are seen. A table of some hundred rows wants ten times the default.
    batch : int
        Rows a step.
    learning_rate : float
        Of Adam, at the beginning; half of a cosine leads from it to zero.
    stop_after : int, optional
        Early stopping: end after so many epochs without a lower error on a tenth of the rows, which do not
        train, and keep the best network.
    random_state : int, RandomState or None
        The same integer gives the same network.

    Attributes
    ----------
    encoder_, decoder_ : torch.nn.Sequential
        From standardised rows to codes, and back.
    mean_ : array (columns,)
    scale_ : float
        Root of the mean variance of the columns.
    loss_curve_ : list of float
        Mean squared error in each epoch, or call of `partial_fit`, of standardised rows.
    validation_curve_ : list of float
        The same of the rows that `stop_after` sets aside; empty without.
    n_features_in_, feature_names_in_
        As in all estimators.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> model = AutoencoderTransformer(2, hidden=(16,), random_state=0).fit(X)
    >>> model.transform(X).shape
    (150, 2)
    >>> model.inverse_transform(model.transform(X)).shape
    (150, 4)
    """

    encoder_: nn.Sequential
    decoder_: nn.Sequential
    loss_curve_: list[float]
    validation_curve_: list[float]

    def __init__(
        self,
        code: int = 16,
        *,
        hidden: tuple[int, ...] = (512, 256),
        activation: str = "gelu",
        epochs: int = 20,
        batch: int = 256,
        learning_rate: float = 2e-3,
        stop_after: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.code = code
        self.hidden = hidden
        self.activation = activation
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.stop_after = stop_after
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, *, clean: ArrayLike | None = None) -> Self:
        """Train the network on rows.

        Parameters
        ----------
        X : array (rows, columns)
        y : array (rows, columns), optional
            The same rows without noise: the network learns to rebuild these, and `denoise` then does. Of any
            other shape, such as classes, it is ignored.
        clean : array (rows, columns), optional
            The same by a name, of which the shape is checked.

        Raises
        ------
        UsageError
            When a parameter is out of its range, or `clean` has another shape than `X`.
        ValueError, TypeError
            When `X` is not such an array, is sparse, or contains NaN or infinity.
        """
        rows = validate_data(self, X, dtype=FLOATS)
        self._check_parameters()
        targets = _targets(rows, y, clean)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(seed)
            self._begin(rows)
            pairs = (torch.from_numpy(self._standardised(each)).float() for each in (rows, targets))
            self.loss_curve_ = self._train(*pairs)
        # Single precision trains faster; in double precision no code depends on the other rows.
        self.encoder_.double(), self.decoder_.double()
        return self

    def partial_fit(self, X: ArrayLike, y: object = None, *, clean: ArrayLike | None = None) -> Self:
        """Learn once from each of these rows, for tables that do not fit into memory.

        The first call begins a network and standardises by its rows: give it a good sample. The learning rate
        stays constant, and there is no early stopping.

        Parameters
        ----------
        X, y, clean
            As for `fit`.

        Raises
        ------
        UsageError, ValueError, TypeError
            As `fit`.
        """
        begun = hasattr(self, "optimizer_")
        rows = validate_data(self, X, dtype=FLOATS, reset=not begun)
        self._check_parameters()
        targets = _targets(rows, y, clean)
        with torch.random.fork_rng(devices=[]):
            if not begun:
                self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
                torch.manual_seed(self._seed)
                self._begin(rows)
                self.encoder_.double(), self.decoder_.double()
                weights = [*self.encoder_.parameters(), *self.decoder_.parameters()]
                self.optimizer_ = torch.optim.Adam(weights, lr=self.learning_rate)
            torch.manual_seed(self._seed + len(self.loss_curve_))
            pairs = (torch.from_numpy(self._standardised(each)).double() for each in (rows, targets))
            self.loss_curve_.append(self._epoch(self.optimizer_, *pairs))
        return self

    def transform(self, X: ArrayLike) -> Rows:
        """Make codes of rows.

        Parameters
        ----------
        X : array (rows, columns)

        Returns
        -------
        array (rows, code)
            In the rows' type of float.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            Scikit-learn's own: before `fit`, or where the rows have another width, NaN or no numbers.
        """
        check_is_fitted(self)
        rows: Rows = validate_data(self, X, dtype=FLOATS, reset=False)
        codes: Rows = run(self.encoder_, self._standardised(rows)).astype(rows.dtype)
        return codes

    def inverse_transform(self, X: ArrayLike) -> Rows:
        """Rebuild rows from codes.

        Parameters
        ----------
        X : array (rows, code)

        Returns
        -------
        array (rows, columns)
            In the codes' type of float and the units of the rows.

        Raises
        ------
        UsageError
            When a code has another length.
        NotFittedError, ValueError, TypeError
            As `transform`.
        """
        check_is_fitted(self)
        codes: Rows = check_array(X, dtype=FLOATS)
        if codes.shape[1] != self._n_features_out:
            raise UsageError(
                f"A code has {self._n_features_out} dimensions, and these have {codes.shape[1]}",
                "Give what transform gave",
            )
        rows: Rows = run(self.decoder_, codes) * self.scale_ + self.mean_
        return rows.astype(codes.dtype)

    def denoise(self, X: ArrayLike) -> Rows:
        """Rebuild rows through the code; of noisy rows the clean ones, after a `fit` with `clean`."""
        return self.inverse_transform(self.transform(X))

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Give the mean squared error of the rebuilt rows, with a minus: higher is better.

        In the squared units of `X`, over all rows and columns.
        """
        rows = validate_data(self, X, dtype=FLOATS, reset=False)
        return -float(np.mean((self.denoise(rows) - rows) ** 2))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        last = self.encoder_[-1]
        assert isinstance(last, nn.Linear)
        return last.out_features

    def _check_parameters(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise UsageError(
                f"There is no activation {self.activation!r}", f"Choose among {', '.join(ACTIVATIONS)}"
            )
        least = {
            "code": self.code,
            "epochs": self.epochs,
            "batch": self.batch,
            "hidden": min(self.hidden, default=1),
            "stop_after": 1 if self.stop_after is None else self.stop_after,
        }
        for name, value in least.items():
            if value < 1:
                raise UsageError(f"{name} is {value}", "Give a number from 1")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate is {self.learning_rate}", "Give a number above 0")

    def _standardised(self, rows: Rows) -> Rows:
        standardised: Rows = (rows - self.mean_) / self.scale_
        return standardised

    def _begin(self, rows: Rows) -> None:
        """Standardise by these rows, and make a network with its first weights."""
        self.mean_ = rows.mean(axis=0)
        self.scale_ = float(np.sqrt(rows.var(axis=0).mean())) or 1.0  # of equal rows it would be zero
        widths = (rows.shape[1], *self.hidden, self.code)
        self.encoder_ = layers(widths, self.activation)
        self.decoder_ = layers(widths[::-1], self.activation)
        self.loss_curve_, self.validation_curve_ = [], []

    def _train(self, rows: Tensor, targets: Tensor) -> list[float]:
        """Train encoder and decoder on standardised rows; give the mean loss of each epoch."""
        network = nn.Sequential(self.encoder_, self.decoder_)
        optimizer = torch.optim.Adam(network.parameters(), lr=self.learning_rate, fused=True)
        held_out = 0 if self.stop_after is None else max(1, len(rows) // 10)
        if held_out >= len(rows):
            raise UsageError("stop_after sets a row aside, and there is only one", "Give more rows")
        order = torch.randperm(len(rows)) if held_out else torch.arange(len(rows))
        aside, chosen = order[:held_out], order[held_out:]
        steps = self.epochs * -(-len(chosen) // self.batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        curve, best = [], copy.deepcopy(network.state_dict())
        for _ in range(self.epochs):
            curve.append(self._epoch(optimizer, rows[chosen], targets[chosen], schedule))
            if self.stop_after is None:
                continue
            with torch.no_grad():
                self.validation_curve_.append(F.mse_loss(network(rows[aside]), targets[aside]).item())
            at = self.validation_curve_.index(min(self.validation_curve_))
            if at == len(self.validation_curve_) - 1:
                best = copy.deepcopy(network.state_dict())
            elif len(self.validation_curve_) - 1 - at >= self.stop_after:
                break
        if self.stop_after is not None:
            network.load_state_dict(best)
        return curve

    def _epoch(
        self, optimizer: torch.optim.Optimizer, rows: Tensor, targets: Tensor, schedule: Any = None
    ) -> float:
        """See all rows once; give their mean loss."""
        total = 0.0
        for chosen in torch.randperm(len(rows)).split(self.batch):
            loss = F.mse_loss(self.decoder_(self.encoder_(rows[chosen])), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
            total += loss.item() * len(chosen)
        return total / len(rows)


def _targets(rows: Rows, y: object, clean: ArrayLike | None) -> Rows:
    """What is to be rebuilt: the clean rows, or the rows themselves."""
    if clean is None and rows.shape[1] > 1 and getattr(y, "shape", None) == rows.shape:
        clean = y  # type: ignore[assignment]  # it has a shape
    targets: Rows = rows if clean is None else check_array(clean, dtype=FLOATS)
    if targets.shape != rows.shape:
        raise UsageError(
            f"X has the shape {rows.shape}, and clean has {targets.shape}",
            "Give both the same rows and columns",
        )
    return targets


def layers(widths: tuple[int, ...], activation: str) -> nn.Sequential:
    """Dense layers from the first width to the last, with an activation between each two."""
    made: list[nn.Module] = []
    for before, after in pairwise(widths):
        made += [glorot(nn.Linear(before, after)), ACTIVATIONS[activation]()]
    return nn.Sequential(*made[:-1])  # codes and rows may have any values


@torch.no_grad()
def run(network: nn.Module, rows: Rows) -> Rows:
    """Send rows through a network of double precision."""
    out: Rows = network(torch.from_numpy(rows.astype(np.float64))).numpy()
    return out
