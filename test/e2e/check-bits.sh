#!/bin/sh
# check-bits.sh FOLDER MODEL OPTIONS: a model's logits are the same bits
#   - interpreted after each phase from `compress` on, and
#   - computed by the compiled module, whole prompt at once and in calls of 7
#     tokens, with one thread and with three.
# FOLDER is for temporary files; environment: TARGET is the target (host), PHASES
# the phases to interpret. The tools are found through PATH.
set -eu
folder=$1 model=$2 target=${TARGET:-host}
shift 2
ids=$(i=0; while [ $i -lt 40 ]; do printf '%s%d' "$([ $i -gt 0 ] && echo ,)" $(((1 + 37 * i) % 300)); i=$((i + 1)); done)
rm -rf "$folder"
mkdir -p "$folder"

for phase in ${PHASES:-compress encode fuse schedule}; do
  lowbit-compile "$model" "$@" -q "--target=$target" --compile-to=$phase -o "$folder/$phase.mlir"
  lowbit-interpret "$folder/$phase.mlir" --function=forward "--input=40xi32=$ids" \
    --input=i64=0 "--output=@$folder/hidden.npy"
  lowbit-interpret "$folder/$phase.mlir" --function=head "--input=@$folder/hidden.npy" \
    "--output=@$folder/$phase.npy"
  cmp "$folder/compress.npy" "$folder/$phase.npy"
  echo "same bits after $phase"
done

lowbit-compile "$model" "$@" -q "--target=$target" -o "$folder/model.lbm"
for run in "--threads=1 --ubatch=40" "--threads=3 --ubatch=40" "--threads=2 --ubatch=7" "--threads=1 --ubatch=1"; do
  # shellcheck disable=SC2086 # two options
  lowbit-run "$folder/model.lbm" "--tokens=$ids" -n 0 -q $run "--dump-logits=$folder/run.npy" >/dev/null
  cmp "$folder/compress.npy" "$folder/run.npy"
  echo "same bits from the module with $run"
done
