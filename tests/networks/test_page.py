"""The network for pages."""

import pytest
import torch

from pellucid.errors import UsageError
from pellucid.networks.families import PageSettings
from pellucid.networks.page import FOLD, PageUNet

SMALL = PageSettings(widths=(4, 6, 6, 8), encoder=(0, 1, 1), body=1, decoder=(1, 1, 1))


def network(channels: int = 1, doubt: float = 0.25) -> PageUNet:
    torch.manual_seed(0)
    settings = PageSettings(
        widths=SMALL.widths, encoder=SMALL.encoder, body=1, decoder=SMALL.decoder, doubt=doubt
    )
    return PageUNet(settings, channels).eval()


@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_a_page_keeps_its_shape_and_range_and_doubt_has_an_eighth(channels: int) -> None:
    noisy = torch.rand(2, channels, 48, 80)
    denoised, doubt = network(channels)(noisy, torch.ones(1, channels, 1, 1))
    assert denoised.shape == noisy.shape
    assert denoised.min() >= 0
    assert denoised.max() <= 1
    assert doubt.shape == (2, 1, 48 // FOLD, 80 // FOLD)
    assert doubt.min() > 0


@torch.no_grad()
def test_paper_is_the_tone_of_white_in_the_result() -> None:
    noisy, net = torch.rand(1, 1, 32, 32), network(doubt=9.0)
    white, _ = net(noisy, torch.ones(1, 1, 1, 1))
    grey, _ = net(noisy, torch.full((1, 1, 1, 1), 0.8))
    torch.testing.assert_close(grey, 0.8 * white)


@torch.no_grad()
def test_where_the_expected_error_is_high_the_page_stays_unchanged() -> None:
    noisy = torch.rand(1, 1, 32, 32)
    denoised, _ = network(doubt=1e-4)(noisy, torch.ones(1, 1, 1, 1))
    torch.testing.assert_close(denoised, noisy)


def test_while_training_values_outside_the_range_keep_a_gradient() -> None:
    net = network().train()
    with torch.no_grad():
        assert net.tail.bias is not None
        net.tail.bias.fill_(2)
    denoised, _ = net(torch.rand(1, 1, 32, 32), torch.ones(1, 1, 1, 1))
    denoised.mean().backward()
    assert net.tail.bias.grad is not None
    assert float(net.tail.bias.grad.abs().sum()) > 0


def test_numbers_of_blocks_must_fit_the_levels() -> None:
    with pytest.raises(UsageError, match="do not fit"):
        PageSettings(widths=(4, 6, 6, 8), encoder=(1, 1), body=1, decoder=(1, 1, 1))
