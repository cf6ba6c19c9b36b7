#!/usr/bin/env bash
# check-reference.sh FOLDER: regenerates fixtures with packages from PyPI and compares.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1/venv
echo "pip packages: numpy safetensors gguf tokenizers jinja2 torch transformers accelerate" >&2
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q numpy safetensors gguf tokenizers jinja2 torch transformers accelerate
"$venv/bin/python" test/Inputs/hf/make_models.py test/Inputs/hf --check
