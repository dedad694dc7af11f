import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.training.losses import LOSSES, Loss, bce, charbonnier, l1, mse, pinball, rmse

CLEAN = torch.full((2, 3, 4, 5), 0.5)
OFF = torch.tensor([0.1, -0.3]).reshape(2, 1, 1, 1)


def test_each_image_has_its_own_loss() -> None:
    torch.testing.assert_close(l1(CLEAN + OFF, CLEAN), torch.tensor([0.1, 0.3]))
    torch.testing.assert_close(mse(CLEAN + OFF, CLEAN), torch.tensor([0.01, 0.09]))


@settings(deadline=None)  # the first example waits for torch
@given(st.floats(-1, 1, width=32))
def test_charbonnier_is_a_smooth_absolute_error(error: float) -> None:
    loss = charbonnier(CLEAN + error, CLEAN)
    torch.testing.assert_close(loss, ((CLEAN + error - CLEAN)[:, 0, 0, 0] ** 2 + 1e-6).sqrt())
    assert (loss - abs(error)).abs().max() <= 1.001e-3


@settings(deadline=None)  # the first example waits for torch
@given(st.floats(-1, 1, width=32))
def test_rmse_is_the_root_of_mse(error: float) -> None:
    root, square = rmse(CLEAN + error * OFF, CLEAN), mse(CLEAN + error * OFF, CLEAN)
    torch.testing.assert_close(root**2, square, rtol=1e-4, atol=1.1e-8)


@pytest.mark.parametrize("loss", [charbonnier, rmse])
def test_a_root_has_a_gradient_where_there_is_no_error(loss: Loss) -> None:
    denoised = CLEAN.clone().requires_grad_()
    loss(denoised, CLEAN).sum().backward()
    assert denoised.grad is not None
    assert not denoised.grad.any()


def test_an_underestimate_counts_one_and_a_half_times_an_overestimate() -> None:
    truth = torch.tensor([[0.2], [0.2]])
    low, high = pinball(torch.tensor([[0.1], [0.3]]), truth)
    assert low.item() == pytest.approx(1.5 * high.item(), rel=1e-5)


def test_the_pinball_loss_is_least_at_the_quantile_0_6() -> None:
    truth = torch.linspace(0, 1, 1001).reshape(-1, 1)
    guesses = torch.linspace(0, 1, 101)
    losses = [pinball(guess.expand_as(truth), truth).mean().item() for guess in guesses]
    assert guesses[losses.index(min(losses))] == pytest.approx(0.6)


def test_an_estimate_may_have_any_shape_and_has_one_loss_a_image() -> None:
    truth = torch.rand(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    losses = pinball(truth + torch.tensor([0.0, 0.1, -0.1]).reshape(3, 1, 1, 1), truth)
    torch.testing.assert_close(losses, torch.tensor([0.0, 0.04, 0.06]))


def test_bce_is_least_at_the_clean_pixel_and_learns_where_a_sigmoid_saturates() -> None:
    clean = torch.full((1, 1, 1, 1), 0.3)
    guesses = torch.linspace(0.01, 0.99, 99)
    losses = [bce(guess.expand_as(clean), clean).item() for guess in guesses]
    assert guesses[losses.index(min(losses))].item() == pytest.approx(0.3)
    slopes = {}
    for name in ("bce", "mse"):
        logit = torch.full((1, 1, 1, 1), -12.0, requires_grad=True)
        LOSSES[name](logit.sigmoid(), torch.ones(1, 1, 1, 1)).sum().backward()
        assert logit.grad is not None
        slopes[name] = abs(logit.grad.item())
    assert slopes["bce"] == pytest.approx(1, abs=1e-3)
    assert slopes["mse"] < 1e-4


@pytest.mark.parametrize("name", LOSSES)
def test_no_error_has_the_least_loss_and_a_larger_error_a_larger_one(name: str) -> None:
    loss = LOSSES[name]
    least = math.log(2) if name == "bce" else 0  # that of a grey pixel, taken as a probability
    assert (loss(CLEAN, CLEAN) - least).abs().max() <= 1.001e-3
    near, far = loss(CLEAN + OFF / 2, CLEAN), loss(CLEAN + OFF, CLEAN)
    assert (near < far).all()
