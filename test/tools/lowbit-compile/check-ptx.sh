#!/bin/sh
# check-ptx.sh MODEL FOLDER [PTXAS]: the model's products of one token as PTX, for all
# targets of --target=nvptx: each text has dp4a and calls nothing from outside; with
# PTXAS, the assembler takes each without spilling. Prints a line a target.
set -eu
model=$1 folder=$2 ptxas=${3:-}
for sm in sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120; do
  rm -rf "$folder"
  lowbit-compile "$model" --target=nvptx:$sm --emit=ptx -o "$folder" -q
  count=0
  for file in "$folder"/*.$sm.ptx; do
    grep -q '^\.target '$sm'$' "$file"
    grep -q 'dp4a\.u32\.s32' "$file" || { echo "$file: no dp4a"; exit 1; }
    if grep -q '\.extern' "$file"; then echo "$file: needs something from outside"; exit 1; fi
    if [ -n "$ptxas" ]; then
      log=$("$ptxas" -v -arch $sm "$file" -o /dev/null 2>&1) || { echo "$log"; exit 1; }
      echo "$log" | grep -q ' 0 bytes spill stores, 0 bytes spill loads' || { echo "$log"; exit 1; }
    fi
    count=$((count + 1))
  done
  echo "$sm: $count kernels${ptxas:+, assembled without spills}"
done
