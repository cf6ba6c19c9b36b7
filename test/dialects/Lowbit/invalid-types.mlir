// RUN: lowbit-opt %s -verify-diagnostics -split-input-file

// Encodings on tensors: rules V2 and V5, shapes, and kinds of encoding that are
// known but not supported.

// -----

// Sums.
// expected-error @+1 {{encoding 'sum' is not supported yet}}
func.func private @f(!lowbit.tensor<8x64xf32, sum<leaf<uint<4>>, leaf<uint<4>>>>)

// -----

// Products.
// expected-error @+1 {{encoding 'prod' is not supported yet}}
func.func private @f(!lowbit.tensor<8x64xf32, prod<leaf<fp<f16>>, leaf<fp<f16>>>>)

// -----

// Elastic encodings.
// expected-error @+1 {{encoding 'elastic' is not supported yet}}
func.func private @f(!lowbit.tensor<8x64xf32, elastic<leaf<uint<4>>>>)

// -----

// An unknown encoding.
// expected-error @+1 {{expected an encoding: leaf<...>; got 'tree'}}
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
