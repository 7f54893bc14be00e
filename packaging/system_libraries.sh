#!/bin/sh
# Makes sure that the system libraries Qt links against are there (also Qt without a screen needs them).
set -u
[ "$(uname -s)" = Linux ] || exit 0
missing=""
for pair in libEGL.so.1:libegl1 libGL.so.1:libgl1 libxkbcommon.so.0:libxkbcommon0 libdbus-1.so.3:libdbus-1-3 libfontconfig.so.1:libfontconfig1; do
  (PATH="$PATH:/sbin:/usr/sbin" ldconfig -p) | grep -q "${pair%%:*}" || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing the system libraries that Qt needs:$missing"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "Qt needs system libraries that are missing here. Install them and try again (Debian, Ubuntu):"
echo "  sudo apt-get install$missing"
exit 1
