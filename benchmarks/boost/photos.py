"""Further backgrounds to train on: those of some photographs in which RVM sees nobody.

    python -m benchmarks.boost.photos urban100/*.png sunhays80/*.png bsds500/*.jpg --rvm rvm.onnx --out more

Made for Urban100 and Sun-Hays80 (J.-B. Huang et al., "Single image super-resolution from transformed self-exemplars",
2015; L. Sun and J. Hays, "Super-resolution from internet-scale scene matching", 2012) and BSDS500 (P. Arbelaez et al.,
"Contour detection and hierarchical image segmentation", 2011), in which few photographs show people.
"""

import argparse
import shutil
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torchvision.transforms.functional import to_tensor
from tqdm import tqdm

from benchmarks.boost.stored import alpha_of
from vmatte_pl.models import MattingNetwork, OnnxNetwork

WATCHED = 3  # frames that RVM looks at a photograph for, as it remembers
NOBODY = 1e-3  # share of the pixels that it may take for a person by mistake


def main() -> None:
    """Copy the photographs that show nobody."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--rvm", type=Path, required=True, help="its published ONNX file")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    folder = arguments.out / "Backgrounds" / "train"
    folder.mkdir(parents=True, exist_ok=True)
    rvm = OnnxNetwork(str(arguments.rvm), constants={"downsample_ratio": 1.0})
    for path in tqdm(arguments.photos, "looking for people"):
        if share_of_people(rvm, path) < NOBODY:
            shutil.copy(path, folder / path.name)


def share_of_people(network: MattingNetwork, path: Path) -> float:
    """Return the share of a photograph that a network takes for people."""
    with Image.open(path) as photo:
        frame = to_tensor(ImageOps.fit(photo.convert("RGB"), (512, 288)))
    alpha = alpha_of(network, torch.stack([frame] * WATCHED)[None])[:, -1]
    return float((alpha > 0.5).float().mean())


if __name__ == "__main__":
    main()
