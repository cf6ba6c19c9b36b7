# Debian packages that lowbit is built from; read by demo.sh and check.sh.
# shellcheck shell=bash disable=SC2034

# What building needs, and what tests need beside it.
build_packages=(clang-22 lld-22 llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools
  liblld-22-dev libzstd-dev zlib1g-dev libpcre2-dev libutf8proc-dev libpng-dev
  libxxhash-dev nlohmann-json3-dev cmake ninja-build ccache)
# python3-psutil: lit refuses its per-test time limit without it.
test_packages=(libgtest-dev python3 python3-psutil)
reference_packages=(python3-venv)
demo_packages=(python3 python3-pip ca-certificates unzip)

# install_missing PACKAGE...: prints and installs those that are not there.
install_missing() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return
  fi
  echo "installing Debian packages: ${missing[*]}" >&2
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "error: run as root or install sudo" >&2; exit 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -qq >&2
  if ! apt-cache show "${missing[@]}" >/dev/null 2>&1; then
    echo "error: this Debian has no package for one of: ${missing[*]} (Debian 12 or later with" \
      "its security and backports archives has LLVM 22)" >&2
    exit 1
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >&2
}

# Whether build/ was configured and that went well.
is_configured() {
  [ -f build/build.ninja ] && [ -f build/CMakeFiles/rules.ninja ]
}

# configure [CMAKE FLAGS]: build/ by the release preset. A tree that was configured before
# keeps its compilers: naming them again by the preset makes CMake 3.25 start over and fail.
configure() {
  local command=(cmake --preset release)
  if is_configured; then
    [ $# -gt 0 ] || return 0
    command=(cmake build)
  elif [ -e build/CMakeCache.txt ]; then # what a failed attempt left
    rm -rf build/CMakeCache.txt build/CMakeFiles
  fi
  "${command[@]}" "$@" >build.configure.log 2>&1 || {
    cat build.configure.log >&2
    rm -f build.configure.log
    exit 1
  }
  rm -f build.configure.log
}
