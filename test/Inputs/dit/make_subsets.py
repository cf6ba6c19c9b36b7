"""Cuts small pieces from the reference arrays of the shared folder.

usage: make_subsets.py SHARED FOLDER     (needs numpy; the result is stored)

For tests that run without the shared folder: noise, first velocity and images of the
first 20 (digits) and 10 (fashion) samples; labels are i mod 10.
"""

import sys

import numpy

PIECES = {
    "dit-digits-reference": (20, {
        "noise": "digits-noise",
        "ternary_velocity0": "digits-velocity0",
        "ternary_images": "digits-images",
        "ternary_cfg2_images": "digits-images-cfg2"}),
    "dit-fashion-reference": (10, {
        "noise": "fashion-noise",
        "velocity0": "fashion-velocity0",
        "images_cfg1": "fashion-images",
        "images_cfg2": "fashion-images-cfg2"}),
}


def main():
    shared, folder = sys.argv[1:3]
    for source, (count, names) in PIECES.items():
        for name, target in names.items():
            array = numpy.load(f"{shared}/models/{source}/{name}.npy")
            numpy.save(f"{folder}/{target}.npy", array[:count].astype(numpy.float32))


if __name__ == "__main__":
    main()
