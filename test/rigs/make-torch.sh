#!/usr/bin/env bash
# Makes .cache/torch, once: Debian's PyTorch (PyPI has none for CPUs alone on Linux), the newest transformers that takes it, and
# what tests of kernels need beside them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

folder=$(realpath .cache)/torch
packages=(
  # The last line of transformers that works with PyTorch 1.13, and what went with it.
  transformers==4.45.2 tokenizers==0.20.3 peft==0.13.2 accelerate==1.0.1
  # Debian's PyTorch was built against NumPy 1.
  'numpy<2' 'matplotlib<3.10' pytest==8.3.4
  'jupyterlab>=4.2,<5' 'ipykernel>=6.29,<8'
)
wanted="${packages[*]}"
[ "$(cat "$folder/complete" 2>/dev/null || true)" != "$wanted" ] || exit 0

rm -rf "$folder"
/usr/bin/python3 -m venv --system-site-packages --without-pip "$folder"
uv=.cache/uv/bin/uv
[ -x "$uv" ] || uv=uv
# The PyTorch of PyPI, which the others ask for, brings gigabytes for GPUs.
none=$folder/without
echo 'torch; sys_platform == "none"' >"$none"
"$uv" pip install --quiet --python "$folder/bin/python" --override "$none" "${packages[@]}"
"$folder/bin/python" -c 'import torch, transformers, peft; transformers.LlamaForCausalLM'
printf '%s\n' "$wanted" >"$folder/complete"
