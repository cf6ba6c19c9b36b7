//===- LowbitDiffusionOps.td - Images, tokens, schedules -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITDIFFUSIONOPS_TD
#define DIALECTS_LOWBIT_IR_LOWBITDIFFUSIONOPS_TD

//===----------------------------------------------------------------------===//
// Rows of images and rows of tokens
//===----------------------------------------------------------------------===//

def Lowbit_RepeatRowsOp : Lowbit_Op<"repeat_rows", [Pure]> {
  let summary = "columns of each row, repeated for the rows that share them";
  let description = [{
    Clause N20: `result[t, k] = input[t floordiv times, first + k]`. Modulation of an
    image's tokens has `times` tokens an image; `times 1` takes columns apart (q of a
    joint projection). C1: 1 <= times < 2^31, 0 <= first, first + columns of the
    result <= columns of the input.

    ```mlir
    %gate = lowbit.repeat_rows %ada times 16 from 128 : tensor<?x384xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_F32Rows:$input, I64Attr:$times, I64Attr:$first);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $input `times` $times `from` $first attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Lowbit_CycleRowsOp : Lowbit_Op<"cycle_rows",
    [Pure, AllTypesMatch<["like", "result"]>]> {
  let summary = "rows of a table over and over, as many as another value has";
  let description = [{
    Clause N20: `result[t, k] = table[t mod P, k]`, P rows of the table: position
    embeddings of images one after the other. `like` gives the number of rows only.
    C1: the table is static, [P, columns of the result].

    ```mlir
    %pos = lowbit.cycle_rows %table like %x : tensor<16x64xf32>, tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_F32Rows:$table, Lowbit_F32Rows:$like);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $table `like` $like attr-dict `:` type($table) `,` type($result)
  }];
  let hasVerifier = 1;
}

def Lowbit_ConcatRowsOp : Lowbit_Op<"concat_rows", [Pure]> {
  let summary = "token streams of each image, one after the other";
  let description = [{
    Clause N23. Input i has `rows[i]` rows an image; the result has for each image the
    rows of the first input, then those of the second, and so on: what joint attention
    over two streams reads. `slice_rows` takes the streams apart again. C1: two or more
    inputs of the result's columns; a number of rows for each, from 1 on, below 2^31
    together. C2: where rows are known, they are those of equally many whole images.

    ```mlir
    %all = lowbit.concat_rows %x, %c rows [16, 3]
        : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Variadic<Lowbit_F32Rows>:$inputs, DenseI64ArrayAttr:$rows);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $inputs `rows` $rows attr-dict `:` type($inputs) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Rows of one image in the result.
    int64_t getRowsOfImage() {
      int64_t sum = 0;
      for (int64_t rows : getRows())
        sum += rows;
      return sum;
    }
  }];
}

def Lowbit_SliceRowsOp : Lowbit_Op<"slice_rows", [Pure]> {
  let summary = "one token stream of each image";
  let description = [{
    Clause N23. Of the `of` rows of each image, the rows [first, first + count). C1:
    columns of the input; 0 <= first, 1 <= count, first + count <= of < 2^31. C2: where
    rows are known, they are those of equally many whole images.

    ```mlir
    %x = lowbit.slice_rows %all from 0 count 16 of 19 : tensor<?x64xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_F32Rows:$input, I64Attr:$first, I64Attr:$count,
                       I64Attr:$of);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $input `from` $first `count` $count `of` $of attr-dict `:` type($input) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

class Lowbit_PatchOp<string mnemonic> : Lowbit_Op<mnemonic, [Pure]> {
  let arguments = (ins Lowbit_F32Rows:$input, DenseI64ArrayAttr:$image,
                       I64Attr:$patch, UnitAttr:$channels_last);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $input `image` $image `patch` $patch (`channels_last` $channels_last^)? attr-dict `:`
    type($input) `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getTokens() {
      return getImage()[1] / getPatch() * (getImage()[2] / getPatch());
    }
  }];
}

def Lowbit_PatchifyOp : Lowbit_PatchOp<"patchify"> {
  let summary = "images as rows to their patches as rows";
  let description = [{
    Clause N21. A row of `input` is an image [channels, height, width]; its patches
    become rows, from left to right and top to bottom, each [channels, patch, patch]
    or, with `channels_last`, [patch, patch, channels]. C1: three positive extents, the
    patch divides height and width. C2: columns are those of an image and of a patch.

    ```mlir
    %p = lowbit.patchify %x image [1, 8, 8] patch 2 : tensor<?x64xf32> -> tensor<?x4xf32>
    ```
  }];
}

def Lowbit_UnpatchifyOp : Lowbit_PatchOp<"unpatchify"> {
  let summary = "patches as rows to images as rows";
  let description = [{
    The inverse of `patchify` (N21), with its rules C1 and C2.

    ```mlir
    %x = lowbit.unpatchify %p image [1, 8, 8] patch 2 : tensor<?x4xf32> -> tensor<?x64xf32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

def Lowbit_ScheduleOp : Lowbit_Op<"schedule", [Symbol]> {
  let summary = "how a latent is stepped from noise to an image, as data";
  let description = [{
    `latent` is [channels, height, width] of one image. The time enters the model as
    `features` sinusoidal numbers (0: as itself): angle_i = scale * t * period^(-i / (F /
    2 - shift)), all cosines and then all sines, or the other way round
    (`sines_first`). Euler: the model predicts dx/dt, t = i / steps. DDIM: it predicts
    the noise at training timesteps; alphas come from `train_steps` betas, evenly from
    `beta_start` to `beta_end`.
    C1: three extents of 1 to 65536, together at most 2^28 numbers. C2: 1 <= steps <=
    100000. C3: features even, at most 65536; shift below features / 2; period and
    scale positive; shift and guidance finite. C4: 0 <= classes <= 2^24, of which 0 is a
    model without labels; a null label needs classes and is 0 to `classes`. C5:
    `train_steps` and betas exactly with ddim, steps <= train_steps <= 100000, 0 <
    beta_start <= beta_end < 1, 0 <= spacing_offset < train_steps. C6 (V12): reuse is
    pairs (step, earlier step), each below steps, each step once,
    the earlier one not reused itself.

    ```mlir
    lowbit.schedule @schedule euler latent [1, 8, 8] steps 20 classes 10 null_label 10
        features 128 scale 1.000000e+03
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Lowbit_SamplerKindAttr:$sampler,
      DenseI64ArrayAttr:$latent, I64Attr:$steps,
      DefaultValuedOptionalAttr<I64Attr, "0">:$classes,
      OptionalAttr<I64Attr>:$null_label,
      DefaultValuedOptionalAttr<I64Attr, "0">:$features,
      DefaultValuedOptionalAttr<F32Attr, "1.0f">:$scale,
      DefaultValuedOptionalAttr<F32Attr, "1.0e4f">:$period,
      DefaultValuedOptionalAttr<F32Attr, "0.0f">:$shift,
      UnitAttr:$sines_first,
      DefaultValuedOptionalAttr<F32Attr, "1.0f">:$guidance,
      OptionalAttr<I64Attr>:$train_steps,
      OptionalAttr<F64Attr>:$beta_start, OptionalAttr<F64Attr>:$beta_end,
      DefaultValuedOptionalAttr<I64Attr, "0">:$spacing_offset,
      OptionalAttr<DenseI64ArrayAttr>:$reuse,
      OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = [{
    $sym_name $sampler `latent` $latent `steps` $steps
    (`classes` $classes^)? (`null_label` $null_label^)?
    (`features` $features^)? (`scale` $scale^)? (`period` $period^)? (`shift` $shift^)?
    (`sines_first` $sines_first^)? (`guidance` $guidance^)?
    (`train_steps` $train_steps^)? (`beta_start` $beta_start^)? (`beta_end` $beta_end^)?
    (`spacing_offset` $spacing_offset^)? (`reuse` $reuse^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Lowbit_DenoiseOp : Lowbit_Op<"denoise",
    [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "which function makes which steps of a schedule";
  let description = [{
    Variant v makes steps [ranges[2v], ranges[2v + 1]). A variant is a function of
    arguments named by `lowbit.name`: "latent" rows, "time" rows and "label" ids
    where it has them; its first result is the prediction.
    C1: the schedule and the functions exist. C2 (V12): ranges follow one another
    from 0 to the schedule's steps without gap. C3 (V12): all variants have the same
    state signature: the latent has the columns of the schedule's latent, the
    prediction at least as many, and it, time and label have one type. C4: time has
    a column for each of the schedule's features (one without features), label is
    tensor<?xi32> of a schedule with classes, and a table that it indexes has a row
    for every class and the null label. Any other argument is the result of that name
    of a function `NAME.condition`, which is called once for all steps.

    ```mlir
    lowbit.denoise @denoise schedule @schedule variants [@predict] ranges [0, 20]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$schedule,
                       ArrayAttr:$variants, DenseI64ArrayAttr:$ranges,
                       OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = [{
    $sym_name `schedule` $schedule `variants` $variants `ranges` $ranges attr-dict
  }];
}

#endif // DIALECTS_LOWBIT_IR_LOWBITDIFFUSIONOPS_TD
