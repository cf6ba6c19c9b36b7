#===- systems.py - The catalogue, read by generate.py -----------------------===#
#
# Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===------------------------------------------------------------------------===#
# Numbers of rows, widths and groups are those of the systems' papers or of models
# that they are used on; where a paper leaves a choice open, the usual one.

# --- Binary, ternary, several bases -----------------------------------------

# The storage claims: 99.5 % of 16-bit weights become so many bits.
for bits, ratio in ((2.000, 7.73), (2.0104, 7.69), (1.6, 9.57), (1.6120, 9.50)):
    assert round(16 / (0.995 * bits + 0.005 * 16), 2) == ratio, (bits, ratio)

N, K = 4, 32
t = codes(-1, 1, (N, K))
s = scales((N,))
SCALED = t * s[:, None]
system("flux-1.58bit-2bit", [
    "1.58-bit FLUX: ternary in 2 bits, an f32 scale a row of 3072.",
    "16 / (0.995 * 2.010 + 0.005 * 16) = 7.69; with one scale a tensor 7.73."],
    [((12288, 3072), leaf("ternary, scale = [f32 per row], " + CRUMBS)),
     ((12288, 3072), leaf("ternary, scale = [f32 per tensor], " + CRUMBS))],
    ((N, K), leaf("ternary, scale = [f32 per row], " + CRUMBS)),
    [(pack_fields(t, 2, 32), "i32"), (s, "f32")], SCALED, [2.010, 2.000])
system("flux-1.58bit-base3", [
    "1.58-bit FLUX in base 3, 5 trits a byte (3072 = 614.4 bytes a row).",
    "16 / (0.995 * 1.612 + 0.005 * 16) = 9.50; with one scale a tensor 9.57 at",
    "1.6 bits, which a width that 5 divides attains."],
    [((12288, 3072), leaf("ternary, scale = [f32 per row], "
                          "layout = radix<3, 5, i8>")),
     ((3072, 15360), leaf("ternary, scale = [f32 per tensor], "
                          "layout = radix<3, 5, i8>"))],
    ((N, K), leaf("ternary, scale = [f32 per row], layout = radix<3, 5, i8>")),
    [(pack_radix(t + 1, 3, 5), "i8"), (s, "f32")], SCALED, [1.612, 1.600])
t = codes(-1, 1, (N, K))
s = scales((1,))
system("spectra-trilm", [
    "Spectra / TriLM: ternary, one scale for each shard of the matrix's rows",
    "(model-parallel training); 2 bits."],
    [((3072, 3072), leaf("ternary, scale = [f16 per map<(n, k) -> (n floordiv 512)>], "
                         + CRUMBS))],
    ((N, K), leaf("ternary, scale = [f16 per map<(n, k) -> (n floordiv 4)>], "
                  + CRUMBS)),
    [(pack_fields(t, 2, 32), "i32"), (s, "f16")], t * s[0], [2.000])
q = codes(-3, 3, (N, 128))
s = scales((N, 1))
system("spectra-quantlm3", ["QuantLM of the Spectra suite: symmetric int3, group 128."],
       [((3072, 3072), leaf("int<3, -3:3>, scale = [f16 per %s], layout = "
                            "planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), "
                            "bit = (p, n, k) -> (k mod 32), order = lsb>" % group(128)))],
       ((N, 128), leaf("int<3, -3:3>, scale = [f16 per %s], layout = "
                       "planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), "
                       "bit = (p, n, k) -> (k mod 32), order = lsb>" % group(128))),
       [(pack_planes(q, 3, reverse=False), "i32"), (s, "f16")], q * s, [3.125])
b = codes(0, 1, (N, K))
s = scales((N,))
PM1 = 2 * b - 1
system("binary-nlg", ["Binary and Ternary NLG: +-1 with a scale a row (binary BART)."],
       [((1024, 1024), leaf("bin<pm1>, scale = [f16 per row], " + SIGNS))],
       ((N, K), leaf("bin<pm1>, scale = [f16 per row], " + SIGNS)),
       [(pack_fields(b, 1, 32), "i32"), (s, "f16")], PM1 * s[:, None], [1.016])
t = codes(-1, 1, (N, K))
s = scales((N,))
system("ternary-nlg", [
    "Binary and Ternary NLG: ternary as two planes, two's complement: plane 1 is",
    "negative."],
    [((1024, 1024), leaf("ternary, scale = [f16 per row], " + ABQ_PLANES))],
    ((N, K), leaf("ternary, scale = [f16 per row], " + ABQ_PLANES)),
    [(pack_planes(t, 2), "i32"), (s, "f16")], t * s[:, None], [2.016])
b = [codes(0, 1, (N, K)) for _ in range(2)]
s = [scales((N,)) for _ in range(2)]
term = "leaf<bin<pm1>, scale = [f16 per row], %s>" % SIGNS
system("binarydm", ["BinaryDM: a sum of binary bases with free scales."],
       [((1024, 1024), "#lowbit.sum<%s, %s>" % (term, term))],
       ((N, K), "#lowbit.sum<%s, %s>" % (term, term)),
       [(pack_fields(b[0], 1, 32), "i32"), (s[0], "f16"),
        (pack_fields(b[1], 1, 32), "i32"), (s[1], "f16")],
       sum((2 * b[i] - 1) * s[i][:, None] for i in range(2)), [2.031])
b = [codes(0, 1, (N, 64)) for _ in range(2)]
s = [scales((N, 1)) for _ in range(2)]
term = "leaf<bin<01>, scale = [f16 per %s], %s>" % (group(64), BITS01)
system("db-llm", ["DB-LLM: two binary {0, 1} sets with own group scales, no 2^i."],
       [((4096, 4096), "#lowbit.sum<%s, %s>" % (term, term))],
       ((N, 64), "#lowbit.sum<%s, %s>" % (term, term)),
       [(pack_fields(b[0], 1, 32), "i32"), (s[0], "f16"),
        (pack_fields(b[1], 1, 32), "i32"), (s[1], "f16")],
       b[0] * s[0] + b[1] * s[1], [2.500])
mask = RNG.random((N, K)) < 0.2
mask[0, 3] = True
kept, starts, places = blocks_of(mask, 1, 1)
nnz = len(places)
q = np.array([codes(-127, 127, ()) for _ in places])
s = scales((N,), 2)
b = codes(0, 1, (N, K))
u = scales((N,))
dense = np.where(mask, 0.0, (2 * b - 1) * u[:, None])
for value, (i, j) in zip(q, places):
    dense[i, j] = value * s[i]
PB = ("#lowbit.sum<leaf<int<8>, scale = [f16 per row], pattern = block<1x1, index = "
      "csr<i32, %s>, nnz = %d>>, leaf<bin<pm1>, scale = [f16 per row], "
      "pattern = complement<0>, " + SIGNS + ">, partition>")
system("pb-llm", [
    "PB-LLM: 10 % of the weights in 8 bits, the others binary; supports disjoint.",
    "The binary plane stores a bit at every place, as the published code does."],
    [((4096, 4096), PB % ("i16", 1677722))], ((N, K), PB % ("i8", nnz)),
    [(q[:, None], "i8"), (starts, "i32"), ([j for _, j in places], "i8"), (s, "f16"),
     (pack_fields(b, 1, 32), "i32"), (u, "f16")], dense, [3.416])
b = codes(0, 1, (N, K))
s = scales((1,))
system("bibert", ["BiBERT: sign weights with one scale a matrix."],
       [((768, 768), leaf("bin<pm1>, scale = [f32 per tensor], " + SIGNS))],
       ((N, K), leaf("bin<pm1>, scale = [f32 per tensor], " + SIGNS)),
       [(pack_fields(b, 1, 32), "i32"), (np.float64(s[0]), "f32")],
       (2 * b - 1) * s[0], [1.000])
b = codes(0, 1, (N, K))
s = scales((N,))
system("bivit", ["BiViT: binary attention codes {0, 1}, a scale a row."],
       [((384, 384), leaf("bin<01>, scale = [f32 per row], " + BITS01))],
       ((N, K), leaf("bin<01>, scale = [f32 per row], " + BITS01)),
       [(pack_fields(b, 1, 32), "i32"), (s, "f32")], b * s[:, None], [1.083])

# --- Any-bit integers ---------------------------------------------------------

q = codes(0, 4, (N, 64))
s = scales((N,))
z = codes(0, 4, (N,))
W2STAR = "w2star, scale = [f16 per row], zero = uint<8> per row, "
system("abq-llm-w2star", ["ABQ-LLM W2*: five levels, a zero point a row, three planes."],
       [((4096, 4096), leaf(W2STAR + ABQ_PLANES))], ((N, 64), leaf(W2STAR + ABQ_PLANES)),
       [(pack_planes(q, 3), "i32"), (s, "f16"), (z, "i8")],
       (q - z[:, None]) * s[:, None], [3.006])
system("abq-llm-w2star-base5", [
    "The same five levels in base 5: 3 codes in 7 bits (4608 = 192 groups of 24)."],
    [((4096, 4608), leaf(W2STAR + "layout = radix<5, 3, i7>"))],
    ((N, 48), leaf(W2STAR + "layout = radix<5, 3, i7>")),
    [(np.stack([pack_fields(pack_radix(q[:, :48], 5, 3) >> bit & 1, 1, 8)
                for bit in range(7)], -1), "i8"), (s, "f16"), (z, "i8")],
    (q[:, :48] - z[:, None]) * s[:, None], [2.339])
q = codes(0, 63, (N, 128))
s = scales((N, 1))
z = codes(0, 63, (N, 1))
FLEXQ = "uint<6>, scale = [f16 per %s], zero = uint<8> per %s, " % (group(128),
                                                                  group(128))
system("flexq-w6", ["FlexQ W6: six planes, group 128 (its open kernel has no zero)."],
       [((4096, 4096), leaf(FLEXQ + ABQ_PLANES))], ((N, 128), leaf(FLEXQ + ABQ_PLANES)),
       [(pack_planes(q, 6), "i32"), (s, "f16"), (z, "i8")], (q - z) * s, [6.188])
q = codes(-8, 7, (N, 128))
s = scales((N, 1))
INT4 = "int<4>, scale = [f16 per %s], " % group(128)
system("comet-w4", ["COMET W4A4KV4: int4 weights, group 128."],
       [((4096, 4096), leaf(INT4 + NIBBLES))], ((N, 128), leaf(INT4 + NIBBLES)),
       [(pack_fields(q, 4, 8), "i8"), (s, "f16")], q * s, [4.125])
q = codes(-7, 7, (N, K))
s, u = scales((1,), 2), scales((N,), 2)
FIREQ = "int<4, -7:7>, scale = [f32 per tensor, f16 per row], "
system("fireq", ["FireQ: int4, per-tensor times channel-wise scale."],
       [((4096, 4096), leaf(FIREQ + NIBBLES))], ((N, K), leaf(FIREQ + NIBBLES)),
       [(pack_fields(q, 4, 8), "i8"), (np.float64(s[0]), "f32"), (u, "f16")],
       q * s[0] * u[:, None], [4.004])
q = codes(-127, 127, (N, K))
s = scales((N,), 2)
system("mixdq", ["MixDQ: int8 weights per output channel."],
       [((1280, 1280), leaf("int<8>, scale = [f32 per row]"))],
       ((N, K), leaf("int<8>, scale = [f32 per row]")),
       [(q, "i8"), (s, "f32")], q * s[:, None], [8.025])
q = codes(0, 3, (N, 64))
s, o = scales((N, 1)), RNG.integers(-64, 64, (N, 1)) / 16.0
DECOUPLEQ = "uint<2>, scale = [f16 per %s], offset = [f16 per %s], " % (group(64),
                                                                       group(64))
system("decoupleq", ["decoupleQ: 2-bit integers, a float scale and a float offset."],
       [((4096, 4096), leaf(DECOUPLEQ + CRUMBS))], ((N, 64), leaf(DECOUPLEQ + CRUMBS)),
       [(pack_fields(q, 2, 32), "i32"), (s, "f16"), (o, "f16")], q * s + o, [2.500])
q = codes(-8, 7, (N, 64))
s = scales((N, 1))
HP = "int<4>, scale = [f16 per %s], " % group(64)
system("hierarchicalprune", ["HierarchicalPrune: int4 in the kept MMDiT blocks, group 64."],
       [((2432, 2432), leaf(HP + NIBBLES))], ((N, 64), leaf(HP + NIBBLES)),
       [(pack_fields(q, 4, 8), "i8"), (s, "f16")], q * s, [4.250])

# --- Small floats -------------------------------------------------------------

q = codes(0, 15, (N, K))
s = codes(124, 130, (N, 1))
system("zeroquant-fp", ["ZeroQuant-FP: FP4 weights, scales that are powers of two."],
       [((4096, 4096), leaf("fp<f4E2M1FN>, scale = [f8E8M0FNU per %s], %s"
                            % (group(256), NIBBLES)))],
       ((N, K), leaf("fp<f4E2M1FN>, scale = [f8E8M0FNU per %s], %s"
                     % (group(32), NIBBLES))),
       [(pack_fields(q, 4, 8), "i8"), (s, "i8")], E2M1[q] * 2.0 ** (s - 127.0), [4.031])
q = RNG.integers(0, 0x60, (N, K)) | RNG.integers(0, 2, (N, K)) << 7
s = scales((N,), 2)
system("low-bit-fp-diffusion", ["Low-bitwidth FP diffusion: e4m3 weights, a scale a row."],
       [((1280, 1280), leaf("fp<f8E4M3FN>, scale = [f32 per row]"))],
       ((N, K), leaf("fp<f8E4M3FN>, scale = [f32 per row]")),
       [(q, "i8"), (s, "f32")], minifloat(q, 4, 3) * s[:, None], [8.025])
q = codes(0, 15, (N, K))
s = codes(120, 132, (N, 1))
system("quartet-mxfp4", ["Quartet: MXFP4, e2m1 in blocks of 32 with an e8m0 scale."],
       [((4096, 4096), leaf("mxfp4, " + NIBBLES))], ((N, K), leaf("mxfp4, " + NIBBLES)),
       [(pack_fields(q, 4, 8), "i8"), (s, "i8")], E2M1[q] * 2.0 ** (s - 127.0), [4.250])
q = codes(0, 15, (N, K))
s = RNG.integers(0x20, 0x50, (N, K // 16))
g = np.float64(0.5)
system("arcquant-nvfp4", [
    "ARCQuant: NVFP4; the outlier channels' residual is 128 further columns."],
    [((4096, 4096 + 128), leaf("nvfp4, " + NIBBLES))],
    ((N, K), leaf("nvfp4, " + NIBBLES)),
    [(pack_fields(q, 4, 8), "i8"), (s, "i8"), (g, "f32")],
    E2M1[q] * spread(minifloat(s, 4, 3), K) * g, [4.500])
q = codes(0, 63, (N, K))
s = scales((N,), 2)
system("w6-e3m2", ["FP6 weights (e3m2) with a scale a row."],
       [((4096, 4096), leaf("fp<f6E3M2FN>, scale = [f16 per row], "
                            "layout = fragment<rows_in_lanes>"))],
       ((N, K), leaf("fp<f6E3M2FN>, scale = [f16 per row]")),
       [(q, "i8"), (s, "f16")], minifloat(q, 3, 2) * s[:, None], [6.004])

# --- Tables, prefix codes -----------------------------------------------------

q = codes(0, 7, (N, K))
table = RNG.integers(-64, 64, (8,)) / 16.0
LUT3 = ("layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), "
        "bit = (p, n, k) -> (k mod 32), order = lsb>")
system("edkm", ["eDKM: 3-bit palette, one table a tensor."],
       [((4096, 4096), leaf("lut<3, f16>, " + LUT3))],
       ((N, K), leaf("lut<3, f16>, " + LUT3)),
       [(pack_planes(q, 3, reverse=False), "i32"), (table[None], "f16")], table[q],
       [3.000])
q = codes(0, 15, (N, K))
table = RNG.integers(-64, 64, (N, 1, 16)) / 16.0
mask = RNG.random((N, K)) < 0.1
mask[1, 5] = True
kept, starts, places = blocks_of(mask, 1, 1)
v = RNG.integers(1, 512, (len(places),)) / 8.0
dense = np.take_along_axis(table[:, 0], q, -1)
for value, (i, j) in zip(v, places):
    dense[i, j] += value
SQ = ("#lowbit.sum<leaf<lut<4, f16> per row, " + NIBBLES + ">, leaf<fp<f16>, "
      "pattern = block<1x1, index = csr<i32, %s>, nnz = %d>>>")
bits16 = v.astype(np.float16).view(np.uint16)
system("squeezellm", ["SqueezeLLM: a 4-bit table for each row plus 0.45 % outliers."],
       [((4096, 4096), SQ % ("i16", 75497))], ((N, K), SQ % ("i8", len(places))),
       [(pack_fields(q, 4, 8), "i8"), (table, "f16"), (bits16[:, None], "i16"),
        (starts, "i32"), ([j for _, j in places], "i8")], dense, [4.214])
q = codes(0, 15, (N, K // 8, 2))
books = RNG.integers(-64, 64, (2, 16, 8)) / 16.0
s = scales((N,), 2)
AQLM = "lut<%d, f16, vec = 1x8, books = 2>, scale = [f16 per row]"
system("aqlm-pv-tuning", [
    "AQLM / PV-Tuning 2x8: each 8 weights of a row are the sum of an entry of each",
    "of two tables of 256."],
    [((4096, 4096), leaf(AQLM % 8))], ((N, K), leaf(AQLM % 4)),
    [(q.reshape(N, -1), "i8"), (books, "f16"), (s, "f16")],
    (books[0][q[..., 0]] + books[1][q[..., 1]]).reshape(N, K) * s[:, None], [2.008])
NF4 = np.array([-64, -45, -34, -25, -18, -12, -6, 0, 5, 10, 16, 22, 28, 36, 46, 64]) / 64
q = codes(0, 15, (N, 64))
s = scales((N, 1), 4)
a, b = RNG.integers(-8, 8, (N, 2)) / 4.0, RNG.integers(-8, 8, (2, 64)) / 4.0
LQ = ("#lowbit.sum<leaf<lut<4, f16>, scale = [f16 per %s], %s>, "
      "prod<leaf<fp<f16>>, leaf<fp<f16>> inner [%%d]>>" % (group(64), NIBBLES))


def half_bits(values):
    return np.asarray(values).astype(np.float16).view(np.uint16)


system("lq-lora", ["LQ-LoRA: NormalFloat-like table, group 64, plus rank 64."],
       [((4096, 4096), LQ % 64)], ((N, 64), LQ % 2),
       [(pack_fields(q, 4, 8), "i8"), (NF4[None], "f16"), (s, "f16"),
        (half_bits(a), "i16"), (half_bits(b), "i16")], NF4[q] * s + a @ b, [4.750])


def prefix_code(symbols, count):
    """Lengths by package-free Huffman, canonical words, bits most significant
    first."""
    import heapq
    counts = np.bincount(symbols, minlength=count)
    heap = [(int(c), i, (i,)) for i, c in enumerate(counts) if c]
    heapq.heapify(heap)
    lengths = np.zeros(count, int)
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    serial = count
    while len(heap) > 1:
        c0, _, left = heapq.heappop(heap)
        c1, _, right = heapq.heappop(heap)
        for leaf_symbol in left + right:
            lengths[leaf_symbol] += 1
        heapq.heappush(heap, (c0 + c1, serial, left + right))
        serial += 1
    word, words, previous = 0, {}, 0
    for length, symbol in sorted((l, i) for i, l in enumerate(lengths) if l):
        word <<= length - previous
        words[symbol] = format(word, "0%db" % length)
        word, previous = word + 1, length
    return lengths, words


values = (RNG.integers(1, 256, (N, K)) / 16.0) * np.where(codes(0, 1, (N, K)), 1, -1)
bf16 = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.int64)
exponent = (bf16 >> 7 & 255).reshape(-1)
lengths, words = prefix_code(exponent, 256)
stream, block_starts = [], [0]
for at in range(0, N * K, 64):
    text = "".join(words[e] for e in exponent[at:at + 64])
    text += "0" * (-len(text) % 8)
    stream += [int(text[i:i + 8], 2) for i in range(0, len(text), 8)]
    block_starts.append(len(stream))
DF11 = "fp<bf16>, layout = entropy<prefix, %d, bytes = %d>"
system("dfloat11", [
    "DFloat11: bf16 with the exponent in a prefix code, lossless; sign and mantissa",
    "in a byte. 2.6 bits an exponent, as the paper measures, gives 10.7."],
    [((4096, 4096), leaf(DF11 % (4096, 4096 * 4096 * 26 // 80)))],
    ((N, K), leaf(DF11 % (64, len(stream)))),
    [(stream, "i8"), ((bf16 >> 8 & 128 | bf16 & 127), "i8"), (lengths, "i8"),
     (block_starts, "i32")], values, [10.608])

# --- Low rank, products, elastic ----------------------------------------------

q = codes(-8, 7, (N, 128))
s = scales((N, 1))
a, b = RNG.integers(-8, 8, (N, 2)) / 4.0, RNG.integers(-8, 8, (2, 128)) / 4.0
LORC = "#lowbit.sum<leaf<%s>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [%%d]>>" % (
    INT4 + NIBBLES)
system("lorc", ["ZeroQuant-V2 LoRC: int4 group 128 plus a low-rank compensation."],
       [((4096, 4096), LORC % 8)], ((N, 128), LORC % 2),
       [(pack_fields(q, 4, 8), "i8"), (s, "f16"), (half_bits(a), "i16"),
        (half_bits(b), "i16")], q * s + a @ b, [4.188])
q = codes(1, 7, (N, 64))
places24 = np.sort(np.argsort(RNG.random((N, 32, 4)), -1)[..., :2], -1)
s = scales((N, 1))
dense = np.zeros((N, 32, 4))
np.put_along_axis(dense, places24, q.reshape(N, 32, 2).astype(float), -1)
a, b = RNG.integers(-8, 8, (N, 2)) / 4.0, RNG.integers(-8, 8, (2, 128)) / 4.0
EORA = ("#lowbit.sum<leaf<int<4>, scale = [f16 per %s], pattern = nm<2:4>, %s>, "
        "prod<leaf<fp<f16>>, leaf<fp<f16>> inner [%%d]>>" % (group(128), NIBBLES))
system("eora", ["EoRA: 2:4 int4 plus rank 64."],
       [((4096, 4096), EORA % 64)], ((N, 128), EORA % 2),
       [(pack_fields(q, 4, 8), "i8"), (pack_fields(places24.reshape(N, 64), 2, 8), "i8"),
        (s, "f16"), (half_bits(a), "i16"), (half_bits(b), "i16")],
       dense.reshape(N, 128) * s + a @ b, [3.625])
r = 2
b = [codes(0, 1, (N, K)) for _ in range(2)]
u = [RNG.integers(-8, 8, (N, r)) / 4.0 for _ in range(2)]
v = [RNG.integers(-8, 8, (r, K)) / 4.0 for _ in range(2)]


def bitstack(rank):
    term = "leaf<bin<pm1>, scale = [f16 per rank<%d>], %s>" % (rank, SIGNS)
    return "#lowbit.elastic<sum<%s, %s>, axis = terms, min = 1>" % (term, term)


system("bitstack", ["BitStack: sum of signs times rank-16 magnitudes, any prefix usable."],
       [((4096, 4096), bitstack(16))], ((N, K), bitstack(r)),
       [part for i in range(2) for part in
        ((pack_fields(b[i], 1, 32), "i32"), (u[i], "f16"), (v[i], "f16"))],
       sum((2 * b[i] - 1) * (u[i] @ v[i]) for i in range(2)), [2.250])
mask = RNG.random((N, K)) < 0.1
mask[2, 2] = True
kept, starts, places = blocks_of(mask, 1, 1)
v = RNG.integers(1, 512, (len(places),)) / 8.0
a, b = RNG.integers(-8, 8, (N, 2)) / 4.0, RNG.integers(-8, 8, (2, K)) / 4.0
dense = a @ b
for value, (i, j) in zip(v, places):
    dense[i, j] += value
SLTRAIN = ("#lowbit.sum<leaf<fp<f16>, pattern = block<1x1, index = csr<i32, %s>, "
           "nnz = %d>>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [%d]>>")
system("sltrain", ["SLTrain: 3 % random support plus low rank."],
       [((2048, 2048), SLTRAIN % ("i16", 125829, 512))],
       ((N, K), SLTRAIN % ("i8", len(places), 2)),
       [(half_bits(v)[:, None], "i16"), (starts, "i32"), ([j for _, j in places], "i8"),
        (half_bits(a), "i16"), (half_bits(b), "i16")], dense, [8.976])
a, b = RNG.integers(-8, 8, (N, 3)) / 4.0, RNG.integers(-8, 8, (3, K)) / 4.0
LORD = "#lowbit.prod<leaf<fp<f16>>, leaf<fp<f16>> inner [%d]>"
system("lord", ["LoRD, PELA, FlashSVD: W = A B kept as two factors (rank cut by 39.58 %)."],
       [((6144, 6144), LORD % 3712)], ((N, K), LORD % 3),
       [(half_bits(a), "i16"), (half_bits(b), "i16")], a @ b, [19.333])
a, b = codes(-8, 7, (N, 4)), codes(-8, 7, (4, K))
s, u = scales((N,), 2), scales((4,), 2)
WELORE = ("#lowbit.prod<leaf<int<4>, scale = [f16 per row], %s>, "
          "leaf<int<4>, scale = [f16 per row], %s> inner [%%d]>" % (NIBBLES, NIBBLES))
system("welore", ["WeLore: a rank for each layer, here with int4 factors."],
       [((4096, 4096), WELORE % 1024)], ((N, K), WELORE % 4),
       [(pack_fields(a, 4, 8), "i8"), (s, "f16"), (pack_fields(b, 4, 8), "i8"),
        (u, "f16")], (a * s[:, None]) @ (b * u[:, None]), [2.005])
a, b = RNG.integers(-8, 8, (N, 4)) / 4.0, RNG.integers(-8, 8, (4, K)) / 4.0
UNIQL = ("#lowbit.elastic<prod<leaf<fp<f16>, layout = bits<i16, word = (n, k) -> (k, n), "
         "bit = (n, k) -> (0)>>, leaf<fp<f16>> inner [%d]>, axis = rank, min = %d>")
system("uniql", ["UniQL: ranks sorted by weight, the device cuts a prefix of them."],
       [((4096, 4096), UNIQL % (2048, 512))], ((N, K), UNIQL % (4, 2)),
       [(half_bits(a).T, "i16"), (half_bits(b), "i16")], a @ b, [16.000])


def block_diagonal(blocks):
    count, height, width = blocks.shape
    full = np.zeros((count * height, count * width))
    for i in range(count):
        full[i * height:(i + 1) * height, i * width:(i + 1) * width] = blocks[i]
    return full


a, b = RNG.integers(-4, 4, (2, 4, 4)) / 2.0, RNG.integers(-4, 4, (4, 4, 4)) / 2.0
q = codes(1, 7, (8, 8))
places24 = np.sort(np.argsort(RNG.random((8, 4, 4)), -1)[..., :2], -1)
core = np.zeros((8, 4, 4))
np.put_along_axis(core, places24, q.reshape(8, 4, 2).astype(float), -1)
s = scales((8,), 2)
ARMOR = ("#lowbit.prod<leaf<fp<f16>, pattern = blockdiag<%d>>, leaf<int<4>, "
         "scale = [f16 per row], pattern = nm<2:4>, " + NIBBLES + ">, "
         "leaf<fp<f16>, pattern = blockdiag<%d>> inner [%d, %d]>")
system("armor", ["ARMOR: block diagonal x 2:4 core x block diagonal."],
       [((4096, 4096), ARMOR % (64, 64, 4096, 4096))], ((8, 16), ARMOR % (2, 4, 8, 16)),
       [(half_bits(a.reshape(8, 4)), "i16"), (pack_fields(q, 4, 8), "i8"),
        (pack_fields(places24.reshape(8, 8), 2, 8), "i8"), (s, "f16"),
        (half_bits(b.reshape(16, 4)), "i16")],
       block_diagonal(a) @ (core.reshape(8, 16) * s[:, None]) @ block_diagonal(b),
       [3.504])
rows, atoms = 4, 16
support = np.sort(np.stack([RNG.permutation(atoms)[:4] for _ in range(rows)]), -1)
coefficient = RNG.integers(-8, 8, (rows, 4)) / 4.0
sparse = np.zeros((rows, atoms))
np.put_along_axis(sparse, support, coefficient, -1)
dictionary = RNG.integers(-8, 8, (atoms, K)) / 4.0
COSPADI = ("#lowbit.prod<leaf<fp<f16>, pattern = block<1x1, index = fixed<%d, %s>>>, "
           "leaf<fp<f16>> inner [%d]>")
system("cospadi", [
    "CoSpaDi: the same number of dictionary atoms for every output (stored",
    "transposed: sparse rows times a dense dictionary)."],
    [((4096, 4096), COSPADI % (512, "i16", 1024))],
    ((rows, K), COSPADI % (4, "i8", atoms)),
    [(half_bits(coefficient).reshape(-1, 1), "i16"), (support, "i8"),
     (half_bits(dictionary), "i16")], sparse @ dictionary, [8.000])
b = RNG.integers(-4, 4, (3, 16, 8)) / 2.0
SFFN = ("#lowbit.prod<leaf<fp<f16>>, leaf<fp<f16>, pattern = blockdiag<%d>> "
        "inner [%d]>")
a = RNG.integers(-8, 8, (4, 48)) / 4.0
system("structured-ffn", ["Structured FFN: low rank times block diagonal."],
       [((4096, 1024), SFFN % (8, 512))], ((4, 24), SFFN % (3, 48)),
       [(half_bits(a), "i16"), (half_bits(b.reshape(48, 8)), "i16")],
       a @ block_diagonal(b), [8.250])
q = codes(-8, 7, (8, K))
s = scales((8,), 2)
MATFORMER = ("#lowbit.elastic<leaf<int<4>, scale = [f16 per row], %s>, axis = width, "
             "min = %%d>" % NIBBLES)
system("matformer", ["MatFormer: nested FFN widths, here of int4 rows."],
       [((16384, 2048), MATFORMER % 8192)], ((8, K), MATFORMER % 2),
       [(pack_fields(q, 4, 8), "i8"), (s, "f16")], q * s[:, None], [4.008])
q = codes(0, 255, (N, K))
s = scales((N,), 2)
D2MOE = ("#lowbit.elastic<leaf<uint<8>, scale = [f16 per row], %s>, axis = planes, "
         "min = 2>" % MSB_PLANES)
system("d2moe", ["D2MoE: bit-nested expert weights, planes from the highest bit on."],
       [((4096, 4096), D2MOE)], ((N, K), D2MOE),
       [(pack_planes(q, 8, msb_first=True), "i32"), (s, "f16")], q * s[:, None],
       [8.004])
EQNET = ("#lowbit.elastic<leaf<uint<8>, scale = [f16 per %s], zero = uint<8> per %s, "
         "%s>, axis = planes, min = 4>" % (group(32), group(32), MSB_PLANES))
z = codes(0, 255, (N, 1))
g = scales((N, 1), 2)
system("eq-net", ["EQ-Net, One QuantLLM: one weight for 4 to 8 bits, group 32 or row."],
       [((4096, 4096), EQNET)], ((N, K), EQNET),
       [(pack_planes(q, 8, msb_first=True), "i32"), (g, "f16"), (z, "i8")],
       (q - z) * g, [8.750])

# --- Sparse groups ------------------------------------------------------------


def gqsa(shape, index, nnz, bits):
    return leaf("uint<4>, scale = [f16 per block], zero = uint<4> per block packed, "
                "pattern = block<1x16, index = %s, nnz = %d>, %s" % (
                    index, nnz, NIBBLES))


mask = np.zeros((N, 64), bool)
for i, j in ((0, 0), (0, 3), (1, 1), (2, 0), (2, 1), (3, 2)):
    mask[i, 16 * j:16 * j + 16] = True
kept, starts, places = blocks_of(mask, 1, 16)
q = codes(0, 15, (6, 16))
s, z = scales((6,), 2), codes(0, 15, (6,))
dense = np.zeros((N, 64))
for block, (i, j) in enumerate(places):
    dense[i, 16 * j:16 * j + 16] = (q[block] - z[block]) * s[block]
column = [j for _, j in places]
for name, index, array, bits in (
        ("csr16", "csr<i32, i16>", (column, "i16"), 3.133),
        ("csr8", "csr<i32, i8>", (column, "i8"), 2.883),
        ("bitmap", "bitmap",
         ((kept * 2 ** np.arange(4)).sum(1)[:, None], "i32"), 2.695)):
    system("gqsa-" + name, [
        "GQSA W4 g16 50 %: the sparsity block is the quantization group; 32-bit row",
        "starts, " + index + "."],
        [((4096, 4096), gqsa(None, index, 524288, bits))],
        ((N, 64), gqsa(None, index, 6, bits)),
        [(pack_fields(q, 4, 8), "i8"), (starts, "i32"), array, (s, "f16"),
         (packed_zeros(z, 4), "i8")], dense, [bits])
support = np.array([[0, 2], [1, 3]])
dense = np.zeros((32, 64))
blocks = codes(-8, 7, (4, 256))
u = scales((4,), 2)
for block in range(4):
    row, at = divmod(block, 2)
    column = support[row, at]
    dense[16 * row:16 * row + 16, 16 * column:16 * column + 16] = (
        blocks[block].reshape(16, 16) * u[block])
FIXED = ("int<4>, scale = [f16 per block], pattern = block<16x16, index = "
         "fixed<%d, i8>>, " + NIBBLES)
system("blockffn-tiles", [
    "Tiles of 16x16, the same number in every block row (block sparse FFN)."],
    [((4096, 4096), leaf(FIXED % 128))], ((32, 64), leaf(FIXED % 2)),
    [(pack_fields(blocks, 4, 8), "i8"), (support, "i8"), (u, "f16")], dense, [2.047])
q, d = codes(-127, 127, (N, K)), codes(-1, 1, (N, K))
s, u = scales((N,), 2), scales((N,), 2)
DELTA = ("#lowbit.sum<leaf<int<8>, scale = [f16 per row]>, "
         "leaf<ternary, scale = [f16 per row], " + CRUMBS + ">>")
system("robust-weight-signatures", ["A quantized additive patch on an int8 base."],
       [((4096, 4096), DELTA)], ((N, K), DELTA),
       [(q, "i8"), (s, "f16"), (pack_fields(d, 2, 32), "i32"), (u, "f16")],
       q * s[:, None] + d * u[:, None], [10.008])

# --- Files that exist -----------------------------------------------------------

t = codes(-1, 1, (4, 256))
s = scales((4, 1), 2)
lanes = np.zeros((4, 2, 32), np.int64)
for k in range(256):
    lanes[:, k // 128, k % 32] |= (t[:, k] + 1) << (2 * (k % 128 // 32))
TQ2 = ("ternary, scale = [f16 per %s], layout = bits<i8, word = (n, k) -> "
       "(n, k floordiv 128, k mod 32), bit = (n, k) -> (2 * (k floordiv 32 mod 4)), "
       "store = biased>" % group(256))
system("tq2-0", ["TQ2_0 of GGUF: four crumbs of a byte lie 32 columns apart."],
       [((4096, 4096), leaf(TQ2))], ((4, 256), leaf(TQ2)),
       [(lanes, "i8"), (s, "f16")], t * s, [2.062])
trits = codes(-1, 1, (4, 40))
s = scales((4, 1), 2)
fraction = np.zeros((4, 8), np.int64)
for i in range(5):
    fraction = fraction * 3 + (trits.reshape(4, 8, 5)[..., i] + 1)
TQ1 = ("ternary, scale = [f16 per %s], layout = radix<3, 5, i8, store = scaled>")
system("tq1-0-words", ["Words of TQ1_0: 5 trits as a fixed-point fraction of 256."],
       [((4096, 5120), leaf(TQ1 % group(256)))], ((4, 40), leaf(TQ1 % group(40))),
       [(-(-fraction * 256 // 243), "i8"), (s, "f16")], trits * s, [1.662])
t = codes(-1, 1, (8, 16))
s = scales((1,), 2)
packed = sum((t[2 * i:2 * i + 2] + 1) << (2 * i) for i in range(4))
BITNET = ("ternary, scale = [f32 per tensor], layout = bits<i8, word = (n, k) -> "
          "(n mod %d, k), bit = (n, k) -> (2 * (n floordiv %d)), store = biased>")
system("bitnet-hf", ["BitNet on Hugging Face: byte row r holds rows r, r + R, ..."],
       [((2560, 2560), leaf(BITNET % (640, 640)))], ((8, 16), leaf(BITNET % (2, 2))),
       [(packed, "i8"), (np.float64(s[0]), "f32")], t * s[0], [2.000])
q = codes(0, 15, (2, 256))
d, m = scales((2, 1), 2), scales((2, 1), 2)
sub, minimum = codes(0, 63, (2, 8)), codes(0, 63, (2, 8))
Q4K = ("uint<4>, scale = [f16 per {0}, uint<6> per {1}], offset = -[f16 per {0}, "
       "uint<6> per {1}], ".format(group(256), group(32)) + NIBBLES)
system("q4-k", ["Q4_K of GGUF: 6-bit sub-scales and minima (a byte each here)."],
       [((4096, 4096), leaf(Q4K))], ((2, 256), leaf(Q4K)),
       [(pack_fields(q, 4, 8), "i8"), (d, "f16"), (sub, "i8"), (m, "f16"),
        (minimum, "i8")],
       q * (d * spread(sub, 256)) - m * spread(minimum, 256), [4.625])
q = codes(0, 15, (8, 16))
s, z = scales((1, 16), 2), codes(0, 15, (1, 16))
order = [0, 2, 4, 6, 1, 3, 5, 7]
words = np.zeros((8, 2), np.uint64)
for n in range(16):
    at = order.index(n % 8)
    words[:, n // 8] |= q[:, n].astype(np.uint64) << np.uint64(4 * at)
AWQ = ("uint<4>, scale = [f16 per map<(n, k) -> (k floordiv %d, n) >], zero = uint<4> "
       "per map<(n, k) -> (k floordiv %d, n)>, layout = bits<i32, word = (n, k) -> "
       "(k, n floordiv 8), bit = (n, k) -> (4 * ((n floordiv 2) mod 4) + 16 * (n mod 2))>")
system("awq", [
    "AWQ: packed along the outputs in the order 0, 2, 4, 6, 1, 3, 5, 7; the tensor is",
    "[out, in], words are [in, out / 8]."],
    [((4096, 4096), leaf(AWQ % (128, 128)))], ((16, 8), leaf(AWQ % (8, 8))),
    [(words, "i32"), (s, "f16"), (z, "i8")], ((q - z) * s).T, [4.188])
