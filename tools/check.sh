#!/usr/bin/env bash
# Installs what is missing, builds with tests, runs them all; ends with the counts.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

quick=0 reference=0
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --reference) reference=1 ;;
    -h | --help)
      cat <<'TEXT'
usage: tools/check.sh [--quick] [--reference]

  --quick      the part that takes under 3 minutes once built: no whole models
  --reference  also regenerates fixtures with PyTorch, transformers and others from PyPI
               (several gigabytes, into build/reference) and compares

examples:
  tools/check.sh
  tools/check.sh --quick
TEXT
      exit 0 ;;
    *) echo "error: unknown flag '$argument'; see tools/check.sh --help" >&2; exit 1 ;;
  esac
done

packages=("${build_packages[@]}" "${test_packages[@]}")
[ $reference = 1 ] && packages+=("${reference_packages[@]}")
install_missing "${packages[@]}"
if ! is_configured || ! grep -q '^LOWBIT_BUILD_TESTS:BOOL=ON' build/CMakeCache.txt; then
  configure -DLOWBIT_BUILD_TESTS=ON
fi
echo "building" >&2
cmake --build build >build/check-build.log 2>&1 || { tail -n 60 build/check-build.log; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

# No LLVM in the runtime.
failed=0 passed=0
if tools/check-runtime-symbols.sh build; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

if [ $reference = 1 ]; then
  tools/check-reference.sh build/reference && passed=$((passed + 1)) || failed=$((failed + 1))
fi

lit=$(sed -n 's/^LLVM_EXTERNAL_LIT:[A-Z]*=//p' build/CMakeCache.txt)
filter=()
[ $quick = 1 ] && filter=(--filter-out 'e2e/|pipelines/|RowStages|CpuMatmul|InterpreterModel|TextTests')
# An earlier run's results must not pass for this one's.
rm -f build/check.xml
"$lit" -v --timeout=1500 "${filter[@]}" --xunit-xml-output=build/check.xml build/test 2>&1 |
  grep -v -E '^PASS: ' || true
if [ ! -s build/check.xml ]; then
  echo "error: lit stopped before it wrote its results" >&2
  echo "$passed passed, $((failed + 1)) failed, 0 skipped"
  exit 1
fi
counts=$(python3 - <<'PY'
import xml.etree.ElementTree as tree
passed = failed = skipped = 0
for case in tree.parse("build/check.xml").getroot().iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        failed += 1
    elif case.find("skipped") is not None:
        skipped += 1
    else:
        passed += 1
print(passed, failed, skipped)
PY
)
read -r p f s <<<"$counts"
passed=$((passed + p)) failed=$((failed + f))
echo "$passed passed, $failed failed, $s skipped"
[ "$failed" = 0 ] && [ "$p" -gt 0 ]
