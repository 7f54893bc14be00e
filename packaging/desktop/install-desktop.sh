#!/bin/sh
# Puts Annotator into the menu of this user and opens *.annot files with it, from where its folder
# is now. Run it again after the folder has been moved.
#
#   ./install-desktop.sh             for this user
#   ./install-desktop.sh --remove    takes it away again; projects, settings and models stay
set -eu

case "$#:${1:-}" in
  0:) remove=no ;;
  1:--remove) remove=yes ;;
  1:-h | 1:--help) echo "usage: install-desktop.sh [--remove]"; exit 0 ;;
  *) echo "usage: install-desktop.sh [--remove]" >&2; exit 2 ;;
esac

folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
data=${XDG_DATA_HOME:-${HOME:?HOME is not set}/.local/share}
entry=$data/applications/annotator.desktop
case $folder in
  *"
"*) echo "The name of a folder above has a line break, which a menu entry cannot hold." >&2; exit 1 ;;
esac

# A backslash is written twice in a desktop entry; inside the quotes of Exec, the letters that a
# shell would read are escaped before that, and a percent sign is doubled (Desktop Entry 1.5).
doubled() { sed 's/\\/\\\\/g'; }
program=$(printf '%s' "$folder/annotator" | doubled)
command=$(printf '%s' "$folder/annotator" | sed 's/[\\"`$]/\\&/g; s/%/%%/g' | doubled)
command="\"$command\""
# GLib looks for the program before it halves its percent signs, so a shell is what it finds.
case $folder in *%*) command='sh -c "exec \\"\\$0\\" \\"\\$@\\"" '$command ;; esac

refresh() {
  for tool in update-desktop-database update-mime-database gtk-update-icon-cache; do
    if ! command -v "$tool" >/dev/null 2>&1; then
      echo "$tool is not installed: the change may show after the next login."
      continue
    fi
    case $tool in
      update-desktop-database) "$tool" "$data/applications" ;;
      update-mime-database) "$tool" "$data/mime" ;;
      gtk-update-icon-cache) "$tool" -q -t -f "$data/icons/hicolor" ;;
    esac || echo "$tool failed: the change may show after the next login."
  done
}

# Another copy that is still there keeps what is its own.
if [ "$remove" = yes ] && [ -f "$entry" ]; then
  owner=$(sed -n 's/^TryExec=//p' "$entry" | sed 's/\\\\/\\/g')
  if [ "$owner" != "$folder/annotator" ] && [ -x "$owner" ]; then
    printf 'The menu opens another copy, %s; nothing was removed.\n' "$owner"
    exit 1
  fi
fi

cd "$folder/share"
find applications mime icons -type f | while IFS= read -r file; do
  target=$data/$file
  if [ "$remove" = yes ]; then
    rm -f "$target"
    continue
  fi
  mkdir -p "${target%/*}"
  if [ "$target" = "$entry" ]; then
    while IFS= read -r line; do
      case $line in
        Exec=*) printf 'TryExec=%s\nExec=%s %%f\n' "$program" "$command" ;;
        *) printf '%s\n' "$line" ;;
      esac
    done <"$file" >"$target.new"
    mv "$target.new" "$target"
  else
    cp "$file" "$target"
  fi
done
mkdir -p "$data/applications" "$data/mime/packages" "$data/icons/hicolor"
refresh
if [ "$remove" = yes ]; then
  echo "Annotator is no longer in the menu, and *.annot files belong to no program."
else
  printf 'Annotator is in the menu and opens *.annot files: %s\n' "$folder/annotator"
  printf '  in %s: applications/annotator.desktop, mime/packages/annotator.xml, icons/hicolor\n' "$data"
fi
