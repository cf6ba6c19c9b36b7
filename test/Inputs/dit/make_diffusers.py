"""Random DiTTransformer2DModel folders, and what diffusers computes with them.

usage: make_diffusers.py CASE FOLDER          writes the model (standard library only)
       make_diffusers.py --reference FOLDER   writes the expected arrays of all cases:
                                              needs torch and diffusers

Weights are uniform numbers from a seed, so the folder is the same everywhere. The
expected arrays, stored beside this file, are diffusers' prediction of the first step
("-step") and the images after 10 DDIM steps ("-images"), both for labels 0..n-1 from
the noise in "-noise".
"""

import array
import json
import pathlib
import random
import struct
import sys

# heads, head size, layers, channels, output channels, latent size, patch, classes, images
CASES = {
    "dit-64": (4, 16, 2, 4, 8, 6, 2, 10, 3),     # 9 tokens, learned sigma
    "dit-96": (3, 32, 3, 3, 3, 5, 1, 4, 2),      # 25 tokens of one pixel
    "dit-192": (4, 48, 4, 4, 8, 14, 2, 6, 2),    # 49 tokens
}
STEPS = 10


def config(case):
    heads, head, layers, channels, out, size, patch, classes, _ = CASES[case]
    return {"_class_name": "DiTTransformer2DModel", "num_attention_heads": heads,
            "attention_head_dim": head, "in_channels": channels, "out_channels": out,
            "num_layers": layers, "sample_size": size, "patch_size": patch,
            "num_embeds_ada_norm": classes}


def shapes(case):
    """Names and shapes of the tensors, in order."""
    heads, head, layers, channels, out, _, patch, classes, _ = CASES[case]
    width = heads * head

    def linear(name, rows, columns):
        return [(name + ".weight", (rows, columns)), (name + ".bias", (rows,))]

    tensors = [("pos_embed.proj.weight", (width, channels, patch, patch)),
               ("pos_embed.proj.bias", (width,))]
    for i in range(layers):
        block = f"transformer_blocks.{i}."
        tensors += linear(block + "norm1.emb.timestep_embedder.linear_1", width, 256)
        tensors += linear(block + "norm1.emb.timestep_embedder.linear_2", width, width)
        tensors += [(block + "norm1.emb.class_embedder.embedding_table.weight",
                     (classes + 1, width))]
        tensors += linear(block + "norm1.linear", 6 * width, width)
        for part in ("to_q", "to_k", "to_v", "to_out.0"):
            tensors += linear(block + "attn1." + part, width, width)
        tensors += linear(block + "ff.net.0.proj", 4 * width, width)
        tensors += linear(block + "ff.net.2", width, 4 * width)
    return (tensors + linear("proj_out_1", 2 * width, width) +
            linear("proj_out_2", patch * patch * out, width))


def write_model(case, folder):
    """config.json and the weights, uniform within +-1.5 / sqrt(columns)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(case), indent=2))
    generator = random.Random(case)
    header, data = {}, bytearray()
    for name, shape in shapes(case):
        count = 1
        for extent in shape:
            count *= extent
        bound = 1.5 / (count // shape[0]) ** 0.5 if len(shape) > 1 else 0.2
        integers = array.array("i", generator.randbytes(4 * count))
        values = array.array("f", (bound / 2**31 * x for x in integers))
        header[name] = {"dtype": "F32", "shape": list(shape),
                        "data_offsets": [len(data), len(data) + 4 * count]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "diffusion_pytorch_model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_reference(folder):
    import tempfile

    import numpy
    import torch
    from diffusers import DDIMScheduler, DiTTransformer2DModel

    torch.set_grad_enabled(False)
    folder.mkdir(parents=True, exist_ok=True)
    for case, (*_, channels, _, size, _, _, images) in CASES.items():
        with tempfile.TemporaryDirectory() as work:
            write_model(case, pathlib.Path(work))
            model = DiTTransformer2DModel.from_pretrained(work).eval()
        torch.manual_seed(0)
        noise = torch.randn(images, channels, size, size)
        labels = torch.arange(images)
        scheduler = DDIMScheduler(num_train_timesteps=1000, beta_start=1e-4,
                                  beta_end=0.02, beta_schedule="linear",
                                  clip_sample=False)
        scheduler.set_timesteps(STEPS)
        x, first = noise, None
        for t in scheduler.timesteps:
            predicted = model(x, timestep=t.repeat(images), class_labels=labels).sample
            predicted = predicted[:, :channels]
            first = predicted if first is None else first
            x = scheduler.step(predicted, t, x).prev_sample
        for suffix, value in (("noise", noise), ("step", first), ("images", x)):
            numpy.save(folder / f"{case}-{suffix}.npy", value.contiguous().numpy())


if sys.argv[1] == "--reference":
    write_reference(pathlib.Path(sys.argv[2]))
else:
    write_model(sys.argv[1], pathlib.Path(sys.argv[2]))
