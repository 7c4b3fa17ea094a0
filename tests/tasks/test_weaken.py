import torch

from vmatte_pl.tasks.weaken import weaken


def test_damage_stays_an_alpha_and_is_steady_over_the_frames() -> None:
    torch.manual_seed(0)
    alpha = torch.zeros(8, 3, 1, 96, 96)
    alpha[..., 24:72, 24:72] = 1
    damaged = weaken(alpha, probability=1)
    assert damaged.shape == alpha.shape
    assert damaged.min() >= 0
    assert damaged.max() <= 1
    assert torch.equal(damaged[:, 0], damaged[:, 2])
    holes, patches = (damaged < alpha - 0.5).float().mean(), (damaged > alpha + 0.5).float().mean()
    assert 0.005 < holes < 0.25
    assert 0.005 < patches < 0.25


def test_some_windows_are_left_alone() -> None:
    torch.manual_seed(0)
    alpha = torch.rand(64, 1, 1, 48, 48)
    same = [torch.equal(a, b) for a, b in zip(weaken(alpha, probability=0.5), alpha, strict=True)]
    assert 16 < sum(same) < 48
    torch.testing.assert_close(weaken(alpha, probability=0), alpha)
