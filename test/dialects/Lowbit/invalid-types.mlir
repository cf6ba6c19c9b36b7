// RUN: lowbit-opt %s -verify-diagnostics -split-input-file

// Encodings on tensors: rules V2 and V5, shapes, and kinds of encoding that are
// known but not supported.

// -----

// An unknown encoding.
// expected-error @+1 {{expected an encoding: leaf<...>, sum<...>, prod<...> or elastic<...>; got 'tree'}}
func.func private @f(!lowbit.tensor<8x64xf32, tree<leaf<uint<4>>>>)

// -----

// Any other attribute.
// expected-error @+1 {{expected an encoding, got "packed"}}
func.func private @f(!lowbit.tensor<8x64xf32, "packed">)

// -----

// Rank.
// expected-error @+1 {{requires a [rows, columns] tensor, got rank 1}}
func.func private @f(!lowbit.tensor<64xf32, #lowbit.leaf<uint<4>>>)

// -----

// Rank.
// expected-error @+1 {{requires a [rows, columns] tensor, got rank 3}}
func.func private @f(!lowbit.tensor<2x8x64xf32, #lowbit.leaf<uint<4>>>)

// -----

// Element type.
// expected-error @+1 {{requires f32 elements, got 'i8'}}
func.func private @f(!lowbit.tensor<8x64xi8, #lowbit.leaf<uint<4>>>)

// -----

// Element types that the semantics do not define yet.
// expected-error @+1 {{requires f32 elements, got 'f16'}}
func.func private @f(!lowbit.tensor<8x64xf16, #lowbit.leaf<uint<4>>>)

// -----

// Columns are static.
// expected-error @+1 {{requires a static number of columns}}
func.func private @f(!lowbit.tensor<?x?xf32, #lowbit.leaf<uint<4>>>)

// -----

// Dimensions are positive.
// expected-error @+1 {{requires dimensions of 1 to 2^40, got 0}}
func.func private @f(!lowbit.tensor<0x64xf32, #lowbit.leaf<uint<4>>>)

// -----

// Dimensions are bounded.
// expected-error @+1 {{requires dimensions of 1 to 2^40, got 2199023255552}}
func.func private @f(!lowbit.tensor<8x2199023255552xf32, #lowbit.leaf<uint<4>>>)

// -----

// V2: dimensions of the map.
// expected-error @+1 {{requires a granularity map of 2 dimensions, got affine_map<(d0) -> (d0)>}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n) -> (n)>]>>)

// -----

// V2: symbols.
// expected-error @+1 {{requires a granularity map of 2 dimensions, got affine_map<(d0, d1)[s0] -> (d0, s0)>}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k)[s] -> (n, s)>]>>)

// -----

// V2: results are d or d floordiv c.
// expected-error @+1 {{requires each granularity result to be 'd' or 'd floordiv c', got d0 mod 2}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n mod 2)>]>>)

// -----

// V2: results are d or d floordiv c.
// expected-error @+1 {{requires each granularity result to be 'd' or 'd floordiv c', got d0 + d1}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n + k)>]>>)

// -----

// V2: results are d or d floordiv c.
// expected-error @+1 {{requires each granularity result to be 'd' or 'd floordiv c', got 0}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n, 0)>]>>)

// -----

// V2: the group divides the dimension.
// expected-error @+1 {{requires the group to divide dimension 1, got 48 and 64}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 48)>]>>)

// -----

// V2 holds for zero points.
// expected-error @+1 {{requires the group to divide dimension 1, got 48 and 64}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, zero = uint<4> per map<(n, k) -> (n, k floordiv 48)>>>)

// -----

// V2 holds for offsets.
// expected-error @+1 {{requires the group to divide dimension 1, got 48 and 64}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, offset = [f16 per map<(n, k) -> (n, k floordiv 48)>]>>)

// -----

// Placements take the granule index.
// expected-error @+1 {{requires a placement of 1 dimensions, got 2}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per row at (g, h) -> (g, h)]>>)

// -----

// V5: placements are injective.
// expected-error @+1 {{scale: two elements share a place (V5: a layout must be injective)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per row at (g) -> (g floordiv 2)]>>)

// -----

// V5: two codes in one place.
// expected-error @+1 {{codes: two elements share a place (V5: a layout must be injective)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (0)>>>)

// -----

// V5: codes that overlap by some bits.
// expected-error @+1 {{codes: two elements share a place (V5: a layout must be injective)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (3 * (k mod 2))>>>)

// -----

// V5: rows that share words.
// expected-error @+1 {{codes: two elements 1 apart in dimension 0 may share a place (V5: a layout must be injective)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (k), bit = (n, k) -> (0)>>>)

// -----

// V5: bits beyond the word.
// expected-error @+1 {{codes: bit 12 plus width 4 leaves the word of 8 bits (V5)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 4), bit = (n, k) -> (4 * (k mod 4))>>>)

// -----

// V5: a period that is not enumerated in time.
// expected-error @+1 {{codes: the layout repeats only after more than 1048576 elements, so V5 (injective) cannot be checked}}
func.func private @f(!lowbit.tensor<1048573x1048571xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n mod 1048573, k mod 1048571), bit = (n, k) -> (0)>>>)

// -----

// Words have 8, 16 or 32 bits.
// expected-error @+1 {{requires words of type i8, i16 or i32, got 64 bits}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i64, word = (n, k) -> (n, k), bit = (n, k) -> (0)>>>)

// -----

// Words are signless.
// expected-error @+1 {{requires words of type i8, i16 or i32, got 8 bits with a sign}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<si8, word = (n, k) -> (n, k), bit = (n, k) -> (0)>>>)

// -----

// Fields fit their words.
// expected-error @+1 {{codes: field of 32 bits in a word of 16}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>, layout = bits<i16, word = (n, k) -> (n, k), bit = (n, k) -> (0)>>>)

// -----

// Maps of a layout take rows and columns.
// expected-error @+1 {{requires word and bit maps of (rows, columns), bit with one result}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (k) -> (k), bit = (n, k) -> (0)>>>)

// -----

// The bit map has one result.
// expected-error @+1 {{requires word and bit maps of (rows, columns), bit with one result}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k), bit = (n, k) -> (0, 0)>>>)

// -----

// Maps are sums of strided terms.
// expected-error @+1 {{requires map results that are sums of 'c * ((d floordiv a) mod b)', got 'd1 ceildiv 2'}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k ceildiv 2), bit = (n, k) -> (0)>>>)

// -----

// Maps are sums of strided terms.
// expected-error @+1 {{requires map results that are sums of 'c * ((d floordiv a) mod b)', got '(d0 + d1) floordiv 2'}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, (n + k) floordiv 2), bit = (n, k) -> (0)>>>)

// -----

// No negative strides.
// expected-error @+1 {{requires non-negative strides in '(d0, d1) -> (d0, d1 * -1 + 63)'}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, 63 - k), bit = (n, k) -> (0)>>>)

// -----

// No symbols.
// expected-error @+1 {{requires a map without symbols}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k)[s] -> (n, k + s), bit = (n, k) -> (0)>>>)

// -----

// Maps stay below 2^48.
// expected-error @+1 {{the map '(d0, d1) -> (d0 * 281474976710656, d1)' reaches beyond 2^48}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n * 281474976710656, k), bit = (n, k) -> (0)>>>)

// -----

// Integer factors have an exact product.
// expected-error @+1 {{encoding: the product of the integer factors may exceed 62 bits}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [uint<32> per row, uint<32> per row]>>)

// -----

// A negated offset needs factors.
// expected-error @+1 {{encoding: a negated offset without factors}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, offset = -[]>>)

// -----

// Caches have two dimensions.
// expected-error @+1 {{expected heads x dim x type}}
func.func private @f(!lowbit.kv<8xf32>)

// -----

// Caches hold f32.
// expected-error @+1 {{requires f32 elements, got 'f16'}}
func.func private @f(!lowbit.kv<4x8xf16>)

// -----

// Caches are not empty.
// expected-error @+1 {{requires 1 to 2^20 heads and elements a head, got 0 and 8}}
func.func private @f(!lowbit.kv<0x8xf32>)

// -----

// Caches are bounded.
// expected-error @+1 {{requires 1 to 2^20 heads and elements a head, got 4 and 2097152}}
func.func private @f(!lowbit.kv<4x2097152xf32>)

// -----

// V1: the vec of a table divides the shape.
// expected-error @+1 {{vec 3x1 does not divide 8 x 64 (V1)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<lut<2, f16, vec = 3x1>>>)

// -----

// V2: granules of a table hold whole vecs.
// expected-error @+1 {{a vec lies in more than one granule (V2)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<lut<2, f16, vec = 1x4> per map<(n, k) -> (n, k floordiv 2)>>>)

// -----

// V3: per block needs blocks.
// expected-error @+1 {{requires a block or nm pattern where a number is given per block (V3)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per block]>>)

// -----

// V3: diagonal blocks are no stored blocks.
// expected-error @+1 {{requires a block or nm pattern where a number is given per block (V3)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per block], pattern = blockdiag<2>>>)

// -----

// V4: blocks divide the tensor.
// expected-error @+1 {{blocks of 3x16 do not divide a tensor of 8 x 64 (V4)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, pattern = block<3x16, index = csr<i32, i8>, nnz = 4>>>)

// -----

// V4: block columns fit the index.
// expected-error @+1 {{512 block columns do not fit indices of 8 bits (V4)}}
func.func private @f(!lowbit.tensor<8x512xf32, #lowbit.leaf<uint<4>, pattern = block<1x1, index = csr<i32, i8>, nnz = 4>>>)

// -----

// V4: not more blocks than there are.
// expected-error @+1 {{33 stored blocks of 32 (V4)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, pattern = block<1x16, index = bitmap, nnz = 33>>>)

// -----

// V4: n below m.
// expected-error @+1 {{requires 0 < n < m <= 256 (V4)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, pattern = nm<4:4>>>)

// -----

// V4: n above 0.
// expected-error @+1 {{requires 0 < n < m <= 256 (V4)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, pattern = nm<0:4>>>)

// -----

// V4: groups of m.
// expected-error @+1 {{64 columns are not a multiple of m = 5 (V4)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, pattern = nm<2:5>>>)

// -----

// V5: digits fit the word.
// expected-error @+1 {{6 digits of base 3 do not fit 8 bits (V5: levels^n <= 2^word)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<ternary, layout = radix<3, 6, i8>>>)

// -----

// V5: levels fit the base.
// expected-error @+1 {{8 levels do not fit a digit of base 5 (V5)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<3>, layout = radix<5, 3, i8>>>)

// -----

// V5: each digit once.
// expected-error @+1 {{V5: a layout must be injective}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<ternary, layout = radix<3, 5, i8, word = (n, k) -> (n, k floordiv 5), digit = (n, k) -> (0)>>>)

// -----

// V6: a plane for each bit, none twice.
// expected-error @+1 {{V5: a layout must be injective}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<2>, layout = planes<i32, word = (p, n, k) -> (n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>>)

// -----

// V6: planes of integers.
// expected-error @+1 {{requires an integer code in planes<> (V6)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f16>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>>)

// -----

// Names of fragments.
// expected-error @+1 {{unknown order 'wmma'}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = fragment<wmma>>>)

// -----

// Widths of a fragment.
// expected-error @+1 {{requires codes of 1, 2, 4 or 8 bits, got 3}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<3>, layout = fragment<mma_m16n8k32>>>)

// -----

// Coders.
// expected-error @+1 {{requires the coder 'prefix', got 'arithmetic'}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<uint<4>, layout = entropy<arithmetic, 64, bytes = 9>>>)

// -----

// Symbols.
// expected-error @+1 {{requires codes of at most 8 bits, or bf16}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.leaf<fp<f32>, layout = entropy<prefix, 64, bytes = 9>>>)

// -----

// V7: a sum of one.
// expected-error @+1 {{requires at least two terms (V7)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.sum<leaf<uint<4>>>>)

// -----

// V7: supports of a partition.
// expected-error @+1 {{partition requires a leaf with a pattern and a leaf with its complement}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.sum<leaf<uint<4>>, leaf<uint<4>>, partition>>)

// -----

// V7: a complement of something dense.
// expected-error @+1 {{complement<0> of term 1 requires another term that is a leaf with a pattern (V7)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.sum<leaf<uint<4>>, leaf<uint<4>, pattern = complement<0>>>>)

// -----

// V7: complements stand in sums.
// expected-error @+1 {{complement<> stands in a sum only (V7)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.sum<leaf<uint<4>, pattern = nm<2:4>>, prod<leaf<fp<f16>>, leaf<fp<f16>, pattern = complement<0>> inner [4]>>>)

// -----

// V8: diagonal blocks divide.
// expected-error @+1 {{3 diagonal blocks do not divide a tensor of 8 x 4 (V8)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.prod<leaf<fp<f16>, pattern = blockdiag<3>>, leaf<fp<f16>> inner [4]>>)

// -----

// V9: min.
// expected-error @+1 {{requires 1 <= min <= 4 planes, got 5 (V9)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.elastic<leaf<uint<4>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = msb>>, axis = planes, min = 5>>)

// -----

// V9: highest planes first.
// expected-error @+1 {{a prefix of planes is not contiguous}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.elastic<leaf<uint<4>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>, axis = planes, min = 2>>)

// -----

// V9: columns of a row-major factor are no prefix.
// expected-error @+1 {{a prefix along rank is not contiguous in the codes (V9)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.elastic<prod<leaf<fp<f16>>, leaf<fp<f16>> inner [4]>, axis = rank, min = 2>>)

// -----

// V9: terms of a sum.
// expected-error @+1 {{axis terms requires a sum without partition (V9)}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.elastic<leaf<uint<4>>, axis = terms, min = 1>>)

// -----

// Terms keep the rules of leaves, each with its own shape.
// expected-error @+1 {{requires the group to divide dimension 1, got 48 and 64}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.sum<leaf<int<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 48)>]>, leaf<fp<f16>>>>)

// -----

// expected-error @+1 {{requires the group to divide dimension 1, got 8 and 4}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.prod<leaf<int<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 8)>]>, leaf<fp<f16>> inner [4]>>)

// -----

// expected-error @+1 {{requires the group to divide dimension 1, got 48 and 64}}
func.func private @f(!lowbit.tensor<8x64xf32, #lowbit.elastic<sum<leaf<int<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 48)>]>, leaf<fp<f16>>>, axis = terms, min = 1>>)
