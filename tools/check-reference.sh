#!/usr/bin/env bash
# check-reference.sh FOLDER: makes every stored fixture again with packages from PyPI and compares.
# Everything goes into FOLDER, the virtual environment too; LOWBIT_PYTHON names another python
# that has the packages. What needs ../shared is left out, saying so, where that is absent.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=(numpy safetensors gguf tokenizers==0.23.3 jinja2 torch transformers accelerate diffusers scikit-learn)
mkdir -p "$1"
python=${LOWBIT_PYTHON:-$1/venv/bin/python}
if [ -z "${LOWBIT_PYTHON:-}" ]; then
  echo "pip packages: ${packages[*]}" >&2
  [ -x "$python" ] || python3 -m venv "$1/venv"
  "$1/venv/bin/pip" install -q "${packages[@]}"
fi
inputs=test/Inputs fresh=$1/fresh failed=0
rm -rf "$fresh"
shared=$(cd .. && pwd)/shared

# make NAME SCRIPT [ARGUMENT...]: runs a script of test/Inputs/NAME, compares what is in $fresh/NAME.
make() {
  local name=$1
  shift
  if ! "$python" "$@" >"$fresh/$name.log" 2>&1; then
    tail -n 5 "$fresh/$name.log"
    echo "$name: $1 failed; see $fresh/$name.log"
    failed=1
    return
  fi
  "$python" $inputs/compare_fixtures.py "$inputs/$name" "$fresh/$name" || failed=1
}

# copied NAME SCRIPT [ARGUMENT...]: the same for a script that writes beside itself.
copied() {
  local name=$1 script=$2
  shift 2
  cp "$inputs/$name/$script" "$fresh/$name/"
  make "$name" "$fresh/$name/$script" "$@"
}

for name in packing import noise samplers dit hf tokenizer reference; do mkdir -p "$fresh/$name"; done
make packing $inputs/packing/make_fixtures.py "$fresh/packing"
make import $inputs/import/make_fixtures.py "$fresh/import"
make noise $inputs/noise/make_noise.py "$fresh/noise"
make samplers $inputs/samplers/make_samplers.py "$fresh/samplers"
make dit $inputs/dit/make_diffusers.py --reference "$fresh/dit"
make hf $inputs/hf/make_bitnet.py examples/stories-ternary "$fresh/hf"
"$python" $inputs/hf/make_models.py $inputs/hf --check || failed=1
if [ -d "$shared/models" ]; then
  smollm2=${LOWBIT_SMOLLM2:-${XDG_CACHE_HOME:-$HOME/.cache}/lowbit/SmolLM2-135M-Instruct.Q4_1.gguf}
  [ -f "$smollm2" ] && more=(--smollm2 "$smollm2") || more=()
  copied tokenizer make_fixtures.py --shared "$shared" "${more[@]}"
  copied reference stories260K.py "$shared/models/stories260K.bin"
  test/Inputs/dit/judge_reference.sh "$shared" "$python" "$fresh/judge" || failed=1
else
  echo "tokenizer, reference and judge are left out: $shared/models does not exist"
fi
exit $failed
