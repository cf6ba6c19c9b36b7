#!/bin/sh
# The long form of test/tools/lowbit-run/cuda.test: real models on the CUDA device through
# the PTX simulator, logits compared with the CPU device bit for bit.
#
#   test/integration/cuda-llm.sh BUILD SHARED SMOLLM2.gguf [SEEDS]
#
# stories260K 64 tokens, stories-ternary-2M 16, SmolLM2 8; sm_80 and sm_90; seeds 0 to
# SEEDS - 1 (default 5), seed 0 and the small models with the race detector. lowbit-ptx
# exits with 4 on any finding. Prints one line a run; exit 1 if any run differs.
set -u
build=$1 shared=$2 smollm2=$3 seeds=${4:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

check() { # name model tokens races
  name=$1 model=$2 tokens=$3 races=$4
  "$build/bin/lowbit-compile" "$model" -o "$work/m.lowbit" --target=host \
    --target=nvptx:sm_80 --target=nvptx:sm_90 -q || { failed=1; return; }
  run="$build/bin/lowbit-run $work/m.lowbit -n $tokens --temp 0 -q -c 256"
  $run -p "Once upon a time" --dump-logits="$work/cpu.npy" --device=cpu > /dev/null
  for arch in sm_80 sm_90; do
    seed=0
    while [ $seed -lt "$seeds" ]; do
      flag=
      [ "$races" = all ] && flag=--races
      [ "$races" = first ] && [ $seed = 0 ] && flag=--races
      begin=$(date +%s)
      "$build/bin/lowbit-ptx" exec --arch=$arch --seed=$seed $flag -- $run \
        -p "Once upon a time" --dump-logits="$work/gpu.npy" --device=cuda \
        > /dev/null 2> "$work/err"
      status=$?
      result=equal
      [ $status = 0 ] || { result="exit $status"; head -n 5 "$work/err"; }
      cmp -s "$work/cpu.npy" "$work/gpu.npy" || result="$result, logits differ"
      [ "$result" = equal ] || failed=1
      echo "$name $tokens tokens $arch seed $seed ${flag:-no --races}: $result," \
        "$(($(date +%s) - begin)) s"
      rm -f "$work/gpu.npy"
      seed=$((seed + 1))
    done
  done
}

check stories260K "$shared/models/stories260K.gguf" 64 all
check stories-ternary-2M "$shared/models/stories-ternary-2M" 16 all
[ -f "$smollm2" ] && check SmolLM2 "$smollm2" 8 first
exit $failed
