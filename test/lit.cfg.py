# The lit suite of the compiler and its tools. See docs of LLVM's lit.
#
# Features: ptxas, nvptx, cuda-device, shared-models, smollm2, asan. Substitutions: %shared
# (the folder of real models, only with shared-models), %smollm2, %python, %inputs.
import ctypes.util
import os
import shutil
import subprocess
import sys

import lit.formats
from lit.llvm import llvm_config

sys.path.insert(0, os.path.join(config.lowbit_src_root, "test"))
from sanitizers.options import set_options

config.name = "lowbit"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "lib", "sanitizers"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lowbit_obj_root, "test")

set_options(config)

tools = os.path.join(config.lowbit_obj_root, "bin")
llvm_config.with_system_environment(["HOME", "TMP", "TEMP", "TMPDIR"])
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("PATH", tools, append_path=True)
# What FileCheck should refuse by default: leaking pattern variables.
llvm_config.with_environment("FILECHECK_OPTS", os.environ.get(
    "FILECHECK_OPTS", "-enable-var-scope --allow-unused-prefixes=false"))

llvm_config.add_tool_substitutions(
    ["FileCheck", "not", "split-file", "count"], config.llvm_tools_dir)
for name in ["lowbit-opt", "lowbit-interpret", "lowbit-compile", "lowbit-run",
             "lowbit-bench", "lowbit-inspect", "lowbit-ptx", "lowbit-reduce",
             "lowbit-translate", "lowbit-lsp-server"]:
    if os.path.exists(os.path.join(tools, name)):
        config.available_features.add(name)

config.substitutions.append(("%python", '"%s"' % sys.executable))
config.substitutions.append(("%shared", config.lowbit_shared_dir))
config.substitutions.append(
    ("%examples", os.path.join(config.lowbit_obj_root, "examples")))
config.substitutions.append(
    ("%inputs", os.path.join(config.test_source_root, "Inputs")))
config.substitutions.append(("%bin", tools))

if os.path.exists(os.path.join(config.lowbit_shared_dir, "models",
                               "stories260K.gguf")):
    config.available_features.add("shared-models")

# SmolLM2 as tools/demo.sh caches it, or where LOWBIT_SMOLLM2 says.
cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
for smollm2 in [os.environ.get("LOWBIT_SMOLLM2", ""),
                os.path.join(cache, "lowbit",
                             "SmolLM2-135M-Instruct.Q4_1.gguf")]:
    if os.path.exists(smollm2):
        config.available_features.add("smollm2")
        config.substitutions.append(("%smollm2", smollm2))
        break

# A C compiler that knows nothing of lowbit: gcc where there is one.
config.substitutions.append(
    ("%c_compiler", shutil.which("gcc") or
     os.path.join(config.llvm_tools_dir, "clang")))

# A sanitized libcuda.so.1 does not load into a program that is not.
if not config.lowbit_sanitized:
    config.available_features.add("plain-libraries")

cuda_home = os.environ.get("CUDA_HOME", "/usr/local/cuda")
ptxas = shutil.which("ptxas") or os.path.join(cuda_home, "bin", "ptxas")
if os.path.exists(ptxas):
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas))

llc = os.path.join(config.llvm_tools_dir, "llc")
if os.path.exists(llc):
    version = subprocess.run([llc, "--version"], capture_output=True, text=True)
    if "nvptx64" in version.stdout:
        config.available_features.add("nvptx")

def has_cuda_device():
    """Asks the driver itself: a library without a device does not count."""
    try:
        driver = ctypes.CDLL(ctypes.util.find_library("cuda") or "libcuda.so.1")
        count = ctypes.c_int(0)
        return (driver.cuInit(0) == 0
                and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
                and count.value > 0)
    except OSError:
        return False

if has_cuda_device():
    config.available_features.add("cuda-device")
