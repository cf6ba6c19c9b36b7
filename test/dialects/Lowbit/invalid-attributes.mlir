// RUN: lowbit-opt %s -verify-diagnostics -split-input-file

// Codes, factors and layouts: rule V1 and every refusal of the parser.

// -----

// V1: the range is not empty.
// expected-error @+1 {{requires lo <= hi, got 3:2}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4, 3:2>>}

// -----

// V1: the range fits the bits.
// expected-error @+1 {{requires the range to fit int<4>, got -9:7}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4, -9:7>>}

// -----

// V1: an unsigned code has no negative values.
// expected-error @+1 {{requires the range to fit uint<4>, got -1:7}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4, -1:7>>}

// -----

// V1: the upper end, too.
// expected-error @+1 {{requires the range to fit uint<4>, got 0:16}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4, 0:16>>}

// -----

// V1: at least two levels.
// expected-error @+1 {{requires at least 2 levels, got 3:3}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4, 3:3>>}

// -----

// V1: widths.
// expected-error @+1 {{requires a code of 1 to 32 bits, got 0}}
func.func private @f() attributes {enc = #lowbit.leaf<int<0>>}

// -----

// V1: widths of parameters.
// expected-error @+1 {{requires a code of 1 to 32 bits, got 33}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4>, scale = [uint<33> per row]>}

// -----

// A code of the leaf has at most 8 bits.
// expected-error @+1 {{requires an integer code of at most 8 bits, got 9}}
func.func private @f() attributes {enc = #lowbit.leaf<int<9>>}

// -----

// Integers only in a range.
// expected-error @+1 {{expected integer value}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4, a:b>>}

// -----

// Float codes.
// expected-error @+1 {{requires f32, f16, bf16, f8E4M3FN, f8E5M2, f8E8M0FNU, f6E2M3FN, f6E3M2FN or f4E2M1FN as a float code, got 'f64'}}
func.func private @f() attributes {enc = #lowbit.leaf<fp<f64>>}

// -----

// Float codes are floats.
// expected-error @+1 {{expected a float type in fp<>, got 'i32'}}
func.func private @f() attributes {enc = #lowbit.leaf<fp<i32>>}

// -----

// Float parameters.
// expected-error @+1 {{requires f32, f16, bf16, f8E4M3FN, f8E5M2, f8E8M0FNU, f6E2M3FN, f6E3M2FN or f4E2M1FN as a float code, got 'f64'}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4>, scale = [f64 per row]>}

// -----

// Parameters have a number type.
// expected-error @+1 {{expected a float type or an integer code}}
func.func private @f() attributes {enc = #lowbit.leaf<int<4>, scale = [tensor<4xf32> per row]>}

// -----

// An unknown code.
// expected-error @+1 {{expected a code: int, uint, ternary, w2star, bin, fp or lut; got 'float'}}
func.func private @f() attributes {enc = #lowbit.leaf<float<8>>}

// -----

// An unknown granularity.
// expected-error @+1 {{expected a granularity: tensor, row, col, map<...>, block or rank<r>; got 'column'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, scale = [f16 per column]>}

// -----

// A granularity is needed.
// expected-error @+1 {{expected 'per'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, scale = [f16]>}

// -----

// An unknown layout.
// expected-error @+1 {{expected a layout: bits<...>, planes<...>, radix<...>, fragment<name> or entropy<...>; got 'words'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, layout = words<i32>>}

// -----

// An unknown key.
// expected-error @+1 {{expected scale, zero, offset, pattern or layout; got 'scales'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, scales = [f16 per row]>}

// -----

// A key given twice.
// expected-error @+1 {{'scale' is given twice}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, scale = [f16 per row], scale = [f16 per row]>}

// -----

// Zero points are integers.
// expected-error @+1 {{requires an integer zero point, got #lowbit.float_code<fp<f16>>}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, zero = f16 per row>}

// -----

// Zero points belong to integer codes.
// expected-error @+1 {{a zero point requires an integer code}}
func.func private @f() attributes {enc = #lowbit.leaf<fp<f16>, zero = uint<4> per row>}

// -----

// A layout holds every bit of the code.
// expected-error @+1 {{requires the fields of the layout to hold the 5 bits of the code, got 4}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<5>, layout = bits<[i8 x 4, word = (n, k) -> (n, k), bit = (n, k) -> (0)]>>}

// -----

// A field has at most 32 bits.
// expected-error @+1 {{requires a field of at most 32 bits}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<5>, layout = bits<[i8 x 33, word = (n, k) -> (n, k), bit = (n, k) -> (0)]>>}

// -----

// Floats are not stored biased.
// expected-error @+1 {{a biased store requires an integer code}}
func.func private @f() attributes {enc = #lowbit.leaf<fp<f16>, layout = bits<i16, word = (n, k) -> (n, k), bit = (n, k) -> (0), store = biased>>}

// -----

// An unknown store.
// expected-error @+1 {{expected one of [twos, biased] for how an integer code is stored, got: gray}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k), bit = (n, k) -> (0), store = gray>>}

// -----

// An unknown strategy.
// expected-error @+2 {{expected ::mlir::lowbit::StrategyKind to be one of: elementwise, float_lanes, pairwise_madd, widen_multiply, dot4, attention}}
// expected-error @+1 {{failed to parse Lowbit_StrategyAttr parameter 'kind' which is to be a `::mlir::lowbit::StrategyKind`}}
func.func private @f() attributes {s = #lowbit.strategy<target = "cpu", kind = magic, max_tokens = 0, cost = 0>}

// -----

// Binary codes.
// expected-error @+1 {{expected bin<01> or bin<pm1>}}
func.func private @f() attributes {enc = #lowbit.leaf<bin<02>>}

// -----

// V1: whole steps.
// expected-error @+1 {{requires a range of whole steps, got 0:7 in steps of 2}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<3, 0:7, step = 2>>}

// -----

// V1: positions fit the bits.
// expected-error @+1 {{requires the values 0:8 in steps of 2 to fit 2 bits}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<2, 0:8, step = 2>>}

// -----

// Tables.
// expected-error @+1 {{requires a table code of 1 to 8 bits, got 9}}
func.func private @f() attributes {enc = #lowbit.leaf<lut<9, f16>>}

// -----

// Tables have a vec of two extents.
// expected-error @+1 {{requires vec = rows x columns}}
func.func private @f() attributes {enc = #lowbit.leaf<lut<4, f16, vec = 8>>}

// -----

// Tables of tables.
// expected-error @+1 {{requires numbers as entries of a table}}
func.func private @f() attributes {enc = #lowbit.leaf<lut<4, lut<2, f16>>>}

// -----

// Ranks.
// expected-error @+1 {{requires a rank of at least 1, got 0}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, scale = [f16 per rank<0>]>}

// -----

// A zero point is a number, not a product.
// expected-error @+1 {{a zero point has no rank}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, zero = uint<4> per rank<2>>}

// -----

// Patterns.
// expected-error @+1 {{expected a pattern: nm<n:m>, block<...>, blockdiag<b> or complement<i>; got 'random'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, pattern = random<1>>}

// -----

// Row starts.
// expected-error @+1 {{requires row starts of type i32, got 'i16'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, pattern = block<1x16, index = csr<i16, i8>, nnz = 4>>}

// -----

// Block columns.
// expected-error @+1 {{requires block columns of type i8, i16 or i32, got 'i4'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, pattern = block<1x16, index = csr<i32, i4>, nnz = 4>>}

// -----

// Indices.
// expected-error @+1 {{expected an index: csr<i32, i8>, bitmap or fixed<s, i8>; got 'coo'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, pattern = block<1x16, index = coo, nnz = 4>>}

// -----

// Orders of planes.
// expected-error @+1 {{expected order = msb or lsb; got 'up'}}
func.func private @f() attributes {enc = #lowbit.leaf<uint<4>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = up>>}

// -----

// Bases.
// expected-error @+1 {{requires a base of 2 to 255 and 1 to 32 digits, got 1 and 5}}
func.func private @f() attributes {enc = #lowbit.leaf<ternary, layout = radix<1, 5, i8>>}

// -----

// Radix stores.
// expected-error @+1 {{expected store = plain or scaled; got 'twos'}}
func.func private @f() attributes {enc = #lowbit.leaf<ternary, layout = radix<3, 5, i8, store = twos>>}

// -----

// Elastic axes.
// expected-error @+1 {{expected axis = terms, planes, rank or width; got 'depth'}}
func.func private @f() attributes {enc = #lowbit.elastic<leaf<uint<4>>, axis = depth, min = 1>}

// -----

// V8: a dimension between each two factors.
// expected-error @+1 {{requires 1 inner dimensions between 2 factors, got 2 (V8)}}
func.func private @f() attributes {enc = #lowbit.prod<leaf<fp<f16>>, leaf<fp<f16>> inner [4, 4]>}
