"""The variational, vector-quantised, sparse and stacked autoencoders, and DnCNN."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.inference.codec import Codec
from pellucid.networks.network import Goal
from pellucid.training.checkpoint import make_network
from pellucid.training.export import export_network
from pellucid.training.losses import LOSSES
from tests.tiny import AUTOENCODERS, DNCNN, SPARSE, STACKED, VAE, VQVAE, set_recipe


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def network_of(settings: Any) -> Any:
    torch.manual_seed(0)
    return make_network(set_recipe(network=settings))


# ---- variational ---------------------------------------------------------------------------------


def test_a_variational_code_is_drawn_in_training_and_the_mean_in_use(images: Tensor) -> None:
    network = network_of(VAE)
    one, other = network(images)[0], network(images)[0]
    assert not torch.equal(one, other)
    network.eval()
    assert torch.equal(network(images)[0], network(images)[0])


def test_the_two_terms_of_a_variational_loss_come_apart(images: Tensor) -> None:
    network = network_of(VAE)
    terms = network.eval()(images, Goal(images, LOSSES["mse"]))
    assert list(terms) == ["reconstruction", "kl"]
    assert torch.equal(terms["reconstruction"], LOSSES["mse"](network(images)[0], images))
    with torch.no_grad():
        network.encoder[-1].weight.zero_()  # every image then has the code N(0, 1)
        network.encoder[-1].bias.zero_()
    assert network(images, Goal(images, LOSSES["mse"]))["kl"].abs().max() == 0


def test_the_kl_term_is_that_of_torch(images: Tensor) -> None:
    network = network_of(VAE).eval()
    mean, log_variance = network.encoder(images).chunk(2, 1)
    code = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(code, torch.distributions.Normal(0, 1)).sum(1) / 256
    assert torch.allclose(network(images, Goal(images, LOSSES["mse"]))["kl"], expected, atol=1e-6)


# ---- vector-quantised ----------------------------------------------------------------------------


def test_each_place_of_a_quantised_code_is_a_vector_of_the_codebook(images: Tensor) -> None:
    network = network_of(VQVAE).eval()
    code = network(images)[1]
    assert code.shape == (6, 3, 4, 4)
    distances = torch.cdist(code.movedim(1, -1).reshape(-1, 3), network.codebook.vectors)
    assert distances.amin(1).max() < 1e-6


def test_the_nearest_vector_is_that_of_a_search_through_all(images: Tensor) -> None:
    codebook = network_of(VQVAE).codebook
    torch.nn.init.normal_(codebook.vectors)
    z = torch.randn(2, 3, 4, 4)
    distances = torch.cdist(z.movedim(1, -1).reshape(-1, 3), codebook.vectors)
    expected = codebook.vectors[distances.argmin(1)].reshape(2, 4, 4, 3).movedim(-1, 1)
    assert torch.equal(codebook.nearest(z), expected)


def test_the_gradient_passes_the_codebook_and_moves_it_too(images: Tensor) -> None:
    network = network_of(VQVAE)
    terms = network(images, Goal(images, LOSSES["mse"]))
    assert list(terms) == ["reconstruction", "codebook", "commitment"]
    terms["reconstruction"].mean().backward(retain_graph=True)
    vectors = network.codebook.vectors
    assert not torch.is_tensor(vectors.grad)
    assert network.encoder[0].weight.grad.abs().max() > 0
    terms["codebook"].mean().backward()
    assert vectors.grad.abs().max() > 0


def test_a_code_that_was_drawn_is_decoded_as_the_nearest_of_the_codebook(images: Tensor) -> None:
    network = network_of(VQVAE).eval()
    drawn = torch.randn(2, 3, 4, 4)
    assert torch.equal(network.decode(drawn), network.decode(network.codebook.nearest(drawn)))


# ---- sparse --------------------------------------------------------------------------------------


def test_a_sparse_code_has_as_many_values_as_are_allowed(images: Tensor) -> None:
    code = network_of(SPARSE).encode(images)
    assert code.shape == (6, 4, 4)
    assert (code != 0).flatten(1).sum(1).max() <= 5


def test_all_dimensions_of_a_sparse_code_are_active_at_first(images: Tensor) -> None:
    network, clean = network_of(SPARSE), torch.full_like(images, 0.5)
    learned = []
    for progress in (0.0, 1.0):
        network.zero_grad(set_to_none=True)
        network(images, Goal(clean, LOSSES["mse"], progress))["reconstruction"].mean().backward()
        learned.append(int((network.encoder[1].bias.grad != 0).sum()))
    assert learned[0] >= learned[1]
    network.encoder[1].bias.data.fill_(1)  # so that no value is 0 by the rectifier
    terms = [
        network(images, Goal(clean, LOSSES["mse"], progress))["reconstruction"] for progress in (0.0, 1.0)
    ]
    assert not torch.equal(*terms)


# ---- stacked -------------------------------------------------------------------------------------


def test_each_pair_of_layers_learns_alone_before_the_whole_network(images: Tensor) -> None:
    network = network_of(STACKED)
    learned = []
    for progress in (0.1, 0.5, 0.9):
        network.zero_grad(set_to_none=True)
        network(images, Goal(images, LOSSES["mse"], progress))["reconstruction"].mean().backward()
        learned.append({name for name, each in network.named_parameters() if each.grad is not None})
    first, second, whole = learned
    assert first == {f"{part}.0.{each}" for part in ("encoder.1", "decoder.1") for each in ("weight", "bias")}
    assert second == {
        f"{part}.0.{each}" for part in ("encoder.2", "decoder.0") for each in ("weight", "bias")
    }
    assert whole == first | second


# ---- DnCNN ---------------------------------------------------------------------------------------


def test_dncnn_begins_near_the_unchanged_image_and_takes_any_size(images: Tensor) -> None:
    network = network_of(DNCNN).eval()
    assert (network(images) - images).abs().mean() < 0.1
    assert network(images[..., :7, :11]).shape == (6, 1, 7, 11)


def test_dncnn_sees_a_pixel_further_in_each_layer(tmp_path: Path) -> None:
    recipe = set_recipe(network=DNCNN)
    card = export_network(network_of(DNCNN), recipe, tmp_path / "tiny.onnx", steps=0, figures={})
    assert (card.radius, card.code) == (3, None)


# ---- all with a code -----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", AUTOENCODERS, ids=lambda x: type(x).__name__)
def test_a_file_gives_the_code_and_decodes_it(settings: Any, images: Tensor, tmp_path: Path) -> None:
    network, file = network_of(settings), tmp_path / "tiny.onnx"
    export_network(network, set_recipe(network=settings), file, steps=0, figures={})
    codec = Codec(file)
    codes = codec.encode(images.movedim(1, -1).numpy())
    with torch.no_grad():
        denoised, code = network.eval()(images)
    assert np.allclose(codes, code, atol=1e-3)
    assert np.allclose(codec.decode(codes), denoised.movedim(1, -1), atol=1e-3)
