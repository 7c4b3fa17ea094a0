import torch

from vmatte_pl.models.images import groups, imagenet_normalised, padded


def test_groups_keep_every_image_once_and_in_order() -> None:
    images, trimaps = torch.rand(5, 3, 200, 300), torch.rand(5, 1, 200, 300)
    pairs = list(groups(images, trimaps))
    assert [len(image) for image, _ in pairs] == [2, 2, 1]
    assert torch.equal(torch.cat([image for image, _ in pairs]), images)
    assert torch.equal(torch.cat([trimap for _, trimap in pairs]), trimaps)


def test_the_largest_images_go_one_by_one() -> None:
    assert [len(image) for (image,) in groups(torch.zeros(2, 1, 1080, 1920))] == [1, 1]


def test_the_mean_colour_becomes_zero() -> None:
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    assert imagenet_normalised(mean.expand(2, 3, 4, 5)).abs().max() < 1e-6


def test_padding_repeats_the_last_row_and_column() -> None:
    image = torch.rand(1, 2, 5, 7)
    larger = padded(image, 4)
    assert larger.shape == (1, 2, 8, 8)
    assert torch.equal(larger[..., :5, :7], image)
    assert torch.equal(larger[..., 5:, :7], image[..., 4:, :].expand(1, 2, 3, 7))
    assert torch.equal(padded(image, 1), image)
