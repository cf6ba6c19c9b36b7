"""Loops of diffusers' DDIM scheduler and of rectified flow, for SamplersTest.cpp.

usage: make_samplers.py FOLDER    (needs torch and diffusers; the result is stored)

predictions.npy      f32 [10, 16]: what "the model" says at each step
noise.npy            f32 [16]: the latent before the first step
ddim-SPACING.npy     f32 [10, 17]: the timestep, then the latent after each step
alphas.npy           f32 [1000]: the scheduler's alphas_cumprod
euler.npy            f32 [10, 17]: the same for x += v / 10
guided.npy           f32 [16]: u + 2.5 (c - u), u and c the first two predictions
"""

import sys

import numpy
import torch
from diffusers import DDIMScheduler


def main():
    folder = sys.argv[1]
    torch.manual_seed(11)
    noise = torch.randn(1, 16)
    predictions = torch.randn(10, 16)
    numpy.save(folder + "/noise.npy", noise[0].numpy())
    numpy.save(folder + "/predictions.npy", predictions.numpy())
    for spacing, offset, to_one in (("leading", 0, True), ("leading", 1, False),
                                    ("trailing", 0, True), ("linspace", 0, True)):
        scheduler = DDIMScheduler(clip_sample=False, timestep_spacing=spacing,
                                  steps_offset=offset, set_alpha_to_one=to_one)
        scheduler.set_timesteps(10)
        x, rows = noise, []
        for i, t in enumerate(scheduler.timesteps):
            x = scheduler.step(predictions[i:i + 1], t, x).prev_sample
            rows.append(numpy.concatenate(([float(t)], x[0].numpy())))
        name = spacing + ("-offset" if offset else "")
        numpy.save(f"{folder}/ddim-{name}.npy",
                   numpy.stack(rows).astype(numpy.float32))
    numpy.save(folder + "/alphas.npy", scheduler.alphas_cumprod.numpy())
    x, rows = noise, []
    for i in range(10):
        x = x + predictions[i:i + 1] / 10
        rows.append(numpy.concatenate(([i / 10], x[0].numpy())))
    numpy.save(folder + "/euler.npy", numpy.stack(rows).astype(numpy.float32))
    u, c = predictions[0], predictions[1]
    numpy.save(folder + "/guided.npy", (u + 2.5 * (c - u)).numpy())


if __name__ == "__main__":
    main()
