#!/usr/bin/env bash
# judge_reference.sh SHARED PYTHON FOLDER: DiT-digits, 300 images of 20 steps from the noise
# of SHARED/models/dit-digits-reference, judged as SHARED/models/SOURCES.md judged PyTorch's:
# class agreement within 0.005 and Frechet distance within 0.05 of it with float activations,
# 0.02 and 0.2 with int8 ones. From the project's root, when it is built; PYTHON has numpy and
# scikit-learn. Writes into FOLDER.
set -euo pipefail
models=$1/models python=$2 folder=$3 digits=examples/dit-digits failed=0
mkdir -p "$folder"

# judged NAME WEIGHTS DESCRIPTION ACTIVATIONS GUIDANCE AGREEMENT DISTANCE [SLACK...]
judged() {
  local name=$1-cfg$5 weights=$2 description=$3 activations=$4 guidance=$5 agreement=$6 distance=$7
  shift 7
  build/bin/lowbit-compile "$weights" --model="$digits/$description" --activations="$activations" \
    -q -o "$folder/$name.lowbit"
  build/bin/lowbit-run "$folder/$name.lowbit" --class=0,1,2,3,4,5,6,7,8,9 --steps=20 -q \
    --noise="$models/dit-digits-reference/noise.npy" --cfg-scale="$guidance" -o "$folder/$name.npy"
  echo -n "$name: "
  "$python" test/Inputs/dit/judge_digits.py "$folder/$name.npy" --agreement="$agreement" \
    --distance="$distance" "$@" || failed=1
}

float=$models/dit-digits-8x8.safetensors ternary=$digits/weights.safetensors
judged float "$float" model-float.mlir f32 1 0.957 1.854
judged float "$float" model-float.mlir f32 2 1 3.341
judged ternary "$ternary" model.mlir f32 1 0.933 1.784
judged ternary "$ternary" model.mlir f32 2 1 3.405
judged ternary-int8 "$ternary" model.mlir int8 1 0.933 1.784 --slack-agreement=0.02 --slack-distance=0.2
judged ternary-int8 "$ternary" model.mlir int8 2 1 3.405 --slack-agreement=0.02 --slack-distance=0.2
exit $failed
