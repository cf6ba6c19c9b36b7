"""Judges images by the class whose mean image is nearest.

usage: nearest_class.py IMAGES.npy REFERENCE.npy --agreement=A

Both are f32 [n, height, width] whose image i is of class i mod 10. The means are those
of REFERENCE. Prints the share of IMAGES that are nearest to the mean of their own class
and exits 1 when it is below A. With the standard library alone.
"""

import argparse
import sys

from compare import load

CLASSES = 10


def images(path):
    shape, values = load(path)
    size = shape[1] * shape[2]
    clipped = [min(max(x, -1.0), 1.0) for x in values]
    return [clipped[i * size:(i + 1) * size] for i in range(shape[0])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images")
    parser.add_argument("reference")
    parser.add_argument("--agreement", type=float, required=True)
    options = parser.parse_args()
    reference = images(options.reference)
    means = []
    for label in range(CLASSES):
        mine = reference[label::CLASSES]
        means.append([sum(column) / len(mine) for column in zip(*mine)])
    judged = images(options.images)
    right = 0
    for i, image in enumerate(judged):
        distances = [sum((a - b) ** 2 for a, b in zip(image, mean)) for mean in means]
        right += distances.index(min(distances)) == i % CLASSES
    agreement = right / len(judged)
    print(f"{len(judged)} images: class agreement {agreement:.3f}")
    return 0 if agreement >= options.agreement else 1


if __name__ == "__main__":
    sys.exit(main())
