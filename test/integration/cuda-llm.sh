#!/bin/sh
# The long form of test/tools/lowbit-run/cuda.test: real models on the CUDA device through
# the PTX simulator, logits and pictures compared with the CPU device bit for bit.
#
#   test/integration/cuda-llm.sh BUILD SHARED SMOLLM2.gguf [SEEDS]
#
# stories260K 64 tokens, stories-ternary-2M 16, one image of the ternary DiT-digits in 4
# steps, SmolLM2 8 tokens; sm_80 and sm_90; seeds 0 to SEEDS - 1 (default 5), all with the
# race detector. lowbit-ptx exits with 4 on any finding (a race, an uninitialised read, an
# access out of bounds, a divergent barrier). Prints one line a run; exit 1 if any differs.
set -u
build=$1 shared=$2 smollm2=$3 seeds=${4:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

compile() { # input and options
  "$build/bin/lowbit-compile" "$@" -o "$work/m.lowbit" --target=host \
    --target=nvptx:sm_80 --target=nvptx:sm_90 -q || { failed=1; return 1; }
}

# Runs "$@" on the CPU device, then on the simulator; $output names the flag of the result.
compare() { # name command...
  name=$1
  shift
  "$@" --device=cpu "$output$work/cpu.npy" > /dev/null || { failed=1; return; }
  for arch in sm_80 sm_90; do
    seed=0
    while [ $seed -lt "$seeds" ]; do
      begin=$(date +%s)
      "$build/bin/lowbit-ptx" exec --arch=$arch --seed=$seed --races -- "$@" \
        --device=cuda "$output$work/gpu.npy" > /dev/null 2> "$work/err"
      status=$?
      result=equal
      [ $status = 0 ] || { result="exit $status"; head -n 5 "$work/err"; }
      cmp -s "$work/cpu.npy" "$work/gpu.npy" || result="$result, results differ"
      [ "$result" = equal ] || failed=1
      echo "$name $arch seed $seed --races: $result, $(($(date +%s) - begin)) s"
      rm -f "$work/gpu.npy"
      seed=$((seed + 1))
    done
  done
}

text() { # name model tokens
  compile "$2" || return
  output=--dump-logits=
  compare "$1 $3 tokens" "$build/bin/lowbit-run" "$work/m.lowbit" -n "$3" --temp 0 -q \
    -c 256 -p "Once upon a time"
}

pictures() { # name folder steps
  compile "$2/weights.safetensors" --model="$2/model.mlir" || return
  output=--output-image=
  compare "$1 $3 steps" "$build/bin/lowbit-run" "$work/m.lowbit" --class=3 --steps="$3" \
    --seed=1 --cfg-scale=2 -q
}

text stories260K "$shared/models/stories260K.gguf" 64
text stories-ternary-2M "$shared/models/stories-ternary-2M" 16
pictures DiT-digits "$(dirname "$0")/../../examples/dit-digits" 4
[ -f "$smollm2" ] && text SmolLM2 "$smollm2" 8
exit $failed
