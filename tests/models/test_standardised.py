import copy
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vmatte_pl.models.standardised import Standardisation, StandardisedConv2d, standardise


@pytest.fixture(params=get_args(Standardisation))
def convolution(request: pytest.FixtureRequest) -> StandardisedConv2d:
    return StandardisedConv2d(nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2), request.param)


def test_filters_have_zero_mean_and_unit_variance(convolution: StandardisedConv2d) -> None:
    filters = convolution.filters().flatten(1)
    torch.testing.assert_close(filters.mean(1), torch.zeros(6), atol=1e-6, rtol=0)
    torch.testing.assert_close(filters.var(1), torch.ones(6), atol=0.03, rtol=0)


def test_the_formulas_differ_where_filters_are_small() -> None:
    plain = nn.Conv2d(4, 6, 3, bias=False)
    plain.weight.data *= 1e-2 / plain.weight.data.flatten(1).std(1).view(-1, 1, 1, 1)
    spread = {f: StandardisedConv2d(plain, f).filters().flatten(1).std(1) for f in get_args(Standardisation)}
    torch.testing.assert_close(spread["2020"], torch.full((6,), 1e-2 / (1e-2 + 1e-5)))
    unbiased = (36 / 35) ** 0.5
    torch.testing.assert_close(spread["2021"] / unbiased, torch.full((6,), (1e-4 / (1e-4 + 36 / 35 * 1e-5)) ** 0.5))


def test_it_convolves_as_the_plain_one_it_replaces() -> None:
    plain = nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2)
    network = nn.Sequential(plain, nn.ReLU())
    standardise(network, "2020")
    standardised = network[0]
    assert isinstance(standardised, StandardisedConv2d)
    x = torch.rand(1, 4, 11, 12)
    direct = F.conv2d(x, standardised.filters(), plain.bias, stride=2, padding=2, dilation=2)
    assert torch.equal(standardised(x), direct)
    assert standardised.weight is plain.weight


def test_the_raw_filters_are_left_alone_however_often_the_mode_is_set(
    convolution: StandardisedConv2d,
) -> None:
    raw = convolution.weight.detach().clone()
    x = torch.rand(1, 4, 8, 8)
    first = convolution.eval()(x)
    again = convolution.train().eval()(x)
    assert torch.equal(convolution.weight, raw)
    assert torch.equal(first, again)


def test_kept_filters_follow_the_raw_ones(convolution: StandardisedConv2d) -> None:
    convolution.requires_grad_(False)
    stale = convolution.filters()
    assert convolution.filters() is stale  # kept, or there would be nothing to follow

    with torch.no_grad():
        convolution.weight[0, 0, 0, 0] += 1
    assert not torch.equal(convolution.filters(), stale)

    convolution.load_state_dict(nn.Conv2d(4, 6, 3).state_dict())
    fresh = copy.deepcopy(convolution)
    fresh._kept = None
    assert torch.equal(convolution.filters(), fresh.filters())
    assert convolution.double().filters().dtype == torch.float64


def test_gradients_reach_the_raw_filters(convolution: StandardisedConv2d) -> None:
    convolution(torch.rand(1, 4, 8, 8)).square().sum().backward()
    assert convolution.weight.grad is not None
    assert convolution.weight.grad.abs().sum() > 0


def test_filters_kept_in_inference_serve_where_gradients_flow(convolution: StandardisedConv2d) -> None:
    convolution.requires_grad_(False)
    with torch.inference_mode():
        convolution(torch.rand(1, 4, 8, 8))
    x = torch.rand(1, 4, 8, 8, requires_grad=True)
    convolution(x).sum().backward()
    assert x.grad is not None
