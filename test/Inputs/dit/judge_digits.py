"""Judges images of DiT-digits: class agreement and Frechet distance.

usage: judge_digits.py IMAGES.npy [--labels=FILE.npy] [--digits=digits.csv.gz]
                       [--agreement=A --distance=D]

IMAGES is f32 [n, 8, 8] (or [n, 1, 8, 8]) in [-1, 1], clipped before judging; the
label of image i is i mod 10 unless --labels is given. A support vector machine (RBF,
gamma 0.05, C 5) trained on images 0..1499 of the optdigits test set says the class;
the Frechet distance is that of Gaussians fitted in the 64-d pixel space to IMAGES
and to images 1500..1796 of it. The digits come with scikit-learn.
With --agreement and --distance exits 1 when the agreement is more than 0.005, or the
distance more than 0.05, away from them (--slack-agreement, --slack-distance).
"""

import argparse
import sys

import numpy
from sklearn.datasets import load_digits
from sklearn.svm import SVC

TRAINING = 1500


def digits(path):
    """All 1797 images as [n, 64] in [-1, 1] and their classes."""
    if path:
        table = numpy.loadtxt(path, delimiter=",")
        return table[:, :64] / 8 - 1, table[:, 64].astype(int)
    data = load_digits()
    return data.data / 8 - 1, data.target


def symmetric_root(matrix):
    values, vectors = numpy.linalg.eigh(matrix)
    return (vectors * numpy.sqrt(numpy.maximum(values, 0))) @ vectors.T


def frechet_distance(a, b):
    """Of Gaussians fitted to the rows: |ma - mb|^2 + tr(Ca + Cb - 2 (Ca Cb)^1/2).

    tr (Ca Cb)^1/2 is the sum of the roots of the eigenvalues of Ca^1/2 Cb Ca^1/2.
    """
    ca, cb = numpy.cov(a.T), numpy.cov(b.T)
    root = symmetric_root(ca)
    cross = numpy.linalg.eigvalsh(root @ cb @ root)
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(mean + numpy.trace(ca) + numpy.trace(cb)
                 - 2 * numpy.sqrt(numpy.maximum(cross, 0)).sum())


def judge(images, labels, path=None):
    """(class agreement, Frechet distance) of images [n, 64]."""
    x, y = digits(path)
    classifier = SVC(kernel="rbf", gamma=0.05, C=5).fit(x[:TRAINING], y[:TRAINING])
    images = numpy.clip(images.astype(numpy.float64), -1, 1)
    agreement = float((classifier.predict(images) == labels).mean())
    return agreement, frechet_distance(images, x[TRAINING:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images")
    parser.add_argument("--labels")
    parser.add_argument("--digits")
    parser.add_argument("--agreement", type=float)
    parser.add_argument("--distance", type=float)
    parser.add_argument("--slack-agreement", type=float, default=0.005)
    parser.add_argument("--slack-distance", type=float, default=0.05)
    options = parser.parse_args()
    images = numpy.load(options.images)
    images = images.reshape(len(images), -1)
    labels = (numpy.load(options.labels) if options.labels
              else numpy.arange(len(images)) % 10)
    agreement, distance = judge(images, labels, options.digits)
    print(f"{len(images)} images: class agreement {agreement:.4f}, "
          f"Frechet distance {distance:.3f}")
    good = True
    if options.agreement is not None:
        good &= abs(agreement - options.agreement) <= options.slack_agreement + 1e-9
    if options.distance is not None:
        good &= abs(distance - options.distance) <= options.slack_distance
    if not good:
        print(f"expected {options.agreement} and {options.distance}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
