"""Trains DiT-digits: first in float, then fine-tuned to ternary weights.

usage: train.py [--minutes=3] [--out=dit-digits.safetensors]

Needs torch, numpy, safetensors and scikit-learn from PyPI; scikit-learn brings the
digits. The model and the training are those of ../dit-fashion/train.py at another size.
Writes OUT with float weights and OUT with -ternary before its ending.
"""

import argparse
import pathlib
import sys

import torch
from sklearn.datasets import load_digits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "dit-fashion"))
from train import DiT, Shape, TernaryLinear, export, train  # noqa: E402

TRAINING = 1500  # the rest judges


def set_ternary(model, on):
    for layer in model.modules():
        if isinstance(layer, TernaryLinear):
            layer.ternary = on


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--out", default="dit-digits.safetensors")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    data = load_digits()
    images = torch.from_numpy(data.images[:TRAINING] / 8 - 1).float()
    labels = torch.from_numpy(data.target[:TRAINING]).long()
    model = DiT(Shape(size=8, patch=2, width=64, depth=4, heads=4))
    set_ternary(model, False)
    model = train(model, images, labels, options.minutes * 2 / 3, rate=2e-3, batch=64)
    export(model, options.out)
    set_ternary(model, True)
    model = train(model.train(), images, labels, options.minutes / 3, rate=1e-3,
                  batch=64)
    export(model, str(pathlib.Path(options.out).with_suffix("")) +
           "-ternary.safetensors")


if __name__ == "__main__":
    main()
