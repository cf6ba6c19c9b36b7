#!/bin/sh
# logits-of-phase.sh DIR PHASE: interprets DIR/phases/PHASE.mlir on eight tokens into
# DIR/PHASE.npy.
set -eu
ir=$1/phases/$2.mlir
lowbit-interpret "$ir" --function=forward --input=8xi32=1,403,407,261,378,432,383,286 \
  --input=i64=0 --output=@"$1/$2.hidden.npy"
lowbit-interpret "$ir" --function=head --input=@"$1/$2.hidden.npy" --output=@"$1/$2.npy"
