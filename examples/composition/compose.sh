#!/bin/sh
# compose.sh MODEL TEXT FOLDER [KIND]: every kind of compression in one module.
#
# MODEL is a checkpoint, TEXT calibration text, FOLDER takes the results, KIND is
# smollm2 (default) or stories (stories260K: 5 layers, 172 columns). The recipe
#   - removes the layers that change hidden states least, and lets neighbours share
#     weights, each with norms of its own,
#   - drops 30 % of the weights in groups, by the optimal-brain-surgeon criterion,
#   - rounds what is left to 4 bits with error feedback,
#   - adds a product of rank 16 for what that lost,
#   - makes the first layer ternary, stored as two bit planes.
# Every pass is checked by interpreting the model before and after it; then logits
# of a few tokens, computed by the reference interpreter and by the compiled
# module, are compared byte by byte. Tools are found through PATH.
set -eu
[ $# -ge 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
model=$1 text=$2 folder=$3 kind=${4:-smollm2}
tokens=${TOKENS:-16384}
first='^l0\.'

case $kind in
smollm2)
  recipe="fold-layers{remove-count=4 share-count=2}"
  recipe="$recipe,prune-groups{group=16 sparsity=0.3 saliency=obs except=$first}"
  recipe="$recipe,quantize{code=int4 group=16 method=gptq except=$first}"
  ;;
stories)
  # Groups of 4 where a row has 172 columns.
  recipe="fold-layers{remove-count=1 share-count=1}"
  recipe="$recipe,prune-groups{group=16 sparsity=0.3 saliency=obs except=$first|down}"
  recipe="$recipe,prune-groups{group=4 sparsity=0.3 saliency=obs only=down except=$first}"
  recipe="$recipe,quantize{code=int4 group=16 method=gptq except=$first|down}"
  recipe="$recipe,quantize{code=int4 group=4 method=gptq only=down except=$first}"
  ;;
*)
  echo "compose.sh: KIND is smollm2 or stories, got '$kind'" >&2
  exit 2
  ;;
esac
recipe="$recipe,lowrank-residual{rank=16 except=$first}"
recipe="$recipe,quantize{code=ternary group=row method=lsq only=$first}"
recipe="$recipe,decompose-bitplanes{only=$first}"

mkdir -p "$folder"
set -- "--calibration=$text" "--calibration-tokens=$tokens" "--recipe=$recipe"
lowbit-compile "$model" "$@" --verify-semantics --compile-to=compress \
  -o "$folder/compressed.mlir" 2>"$folder/verify.txt" || { cat "$folder/verify.txt" >&2; exit 1; }
grep '^verify-semantics:' "$folder/verify.txt"
lowbit-compile "$folder/compressed.mlir" --compile-from=compress -q \
  -o "$folder/composed.lowbit"

ids=1,38,75,112,149,186
lowbit-interpret "$folder/compressed.mlir" --function=forward "--input=6xi32=$ids" \
  --input=i64=0 "--output=@$folder/hidden.npy"
lowbit-interpret "$folder/compressed.mlir" --function=head \
  "--input=@$folder/hidden.npy" "--output=@$folder/interpreted.npy"
lowbit-run "$folder/composed.lowbit" "--tokens=$ids" -n 0 -q \
  "--dump-logits=$folder/run.npy" >/dev/null
cmp "$folder/interpreted.npy" "$folder/run.npy"
lowbit-inspect "$folder/composed.lowbit" --ledger
echo "the logits of 6 tokens are the interpreter's, bit for bit"
