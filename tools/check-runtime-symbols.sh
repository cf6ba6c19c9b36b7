#!/bin/sh
# Proves that the runtime has no LLVM and no MLIR in it.
#
# usage: tools/check-runtime-symbols.sh [BUILD_FOLDER]
#
# Looks at every runtime archive and at the unstripped tools that execute modules.
# Two things must be absent: a NEEDED entry of LLVM, MLIR or lld, and a defined or
# undefined symbol of theirs. Exits 1 and says what it found otherwise.
set -eu

build=${1:-build}
failed=0
checked=0

complain() {
  echo "check-runtime-symbols: $*" >&2
  failed=1
}

check_symbols() {
  # nm -D alone would miss archives linked with hidden visibility.
  found=$(nm -C "$1" 2>/dev/null |
    grep -E '(^| )(llvm|mlir|lld)::|[ _]LLVM[A-Z][a-z]|[ _]mlir[A-Z][a-z]' |
    head -5 || true)
  [ -z "$found" ] || complain "$1 has symbols of LLVM or MLIR:
$found"
  checked=$((checked + 1))
}

for archive in "$build"/runtime/*.a "$build"/runtime/*/*.a \
  "$build"/lib/Support/*.a "$build"/lib/Packing/*.a "$build"/lib/Format/*.a \
  "$build"/lib/Target/*.a; do
  [ -e "$archive" ] || continue
  check_symbols "$archive"
done

for tool in lowbit-run lowbit-bench; do
  binary=$build/bin/$tool
  [ -e "$binary" ] || {
    complain "$binary does not exist; build it first"
    continue
  }
  needed=$(readelf -d "$binary" | grep NEEDED | grep -Ei 'LLVM|MLIR|lld' || true)
  [ -z "$needed" ] || complain "$binary needs: $needed"
  nm "$binary" 2>&1 | grep -q 'no symbols' &&
    complain "$binary is stripped, so nothing can be said about it"
  check_symbols "$binary"
done

[ "$checked" -gt 2 ] || complain "only $checked files were found in $build"
[ "$failed" -eq 0 ] && echo "no LLVM or MLIR in $checked runtime files"
exit "$failed"
