#!/bin/sh
# Runs a command with a display: the one there is, or a virtual one of 1440x900.
set -eu
if [ -n "${DISPLAY:-}" ] || [ "$(uname -s)" != Linux ]; then exec "$@"; fi
if ! command -v Xvfb >/dev/null 2>&1 || ! command -v xvfb-run >/dev/null 2>&1; then
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq xvfb xauth libegl1 libgl1 libxkbcommon0 libdbus-1-3 \
      libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-image0 libxcb-render-util0 >/dev/null
  else
    echo "No display. Install a virtual one: sudo apt-get install xvfb xauth libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
    exit 1
  fi
fi
exec xvfb-run -a -s "-screen 0 1440x900x24" "$@"
