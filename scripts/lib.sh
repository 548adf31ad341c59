# shellcheck shell=bash disable=SC2034
# Sourced by scripts/run, scripts/test and .ci/run: say, die, packages, a configured build folder.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=${0##*/}

say() { printf '%s: %s\n' "$me" "$*"; }
die() { say "$*" >&2; exit 1; }

# packages_of PURPOSE…: the names in scripts/packages for these purposes
packages_of() {
    local purpose name rest
    while read -r purpose name rest; do
        case " $* " in *" $purpose "*) printf '%s\n' "$name" ;; esac
    done < "$top/scripts/packages"
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_packages PURPOSE…: installs what is missing of them, and nothing when nothing is
install_packages() {
    local name missing=() sudo=()
    if ! command -v dpkg-query >/dev/null; then
        say "no dpkg here; what Debian calls these has to be installed: $(packages_of "$@" | paste -sd ' ')"
        return
    fi
    for name in $(packages_of "$@"); do
        installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "these packages are missing, and there is no sudo; as root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${missing[*]}"
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install ${missing[*]}"
}

# configure DIR OPTION…: makes DIR a build folder with these options, unless it is one already.
# $CC says which compiler; a folder of another one starts anew.
configure() {
    local dir=$1 wish had how=()
    shift
    wish="CC=${CC:-} $*"
    had=$(cat "$dir/.configured" 2>/dev/null || true)
    if [ -f "$dir/build.ninja" ]; then
        [ "$had" != "$wish" ] || return 0
        if [ "${had%% *}" = "${wish%% *}" ]; then how=(--reconfigure); else how=(--wipe); fi
    fi
    meson setup "${how[@]}" "$dir" "$top" "$@" || return
    printf '%s\n' "$wish" > "$dir/.configured"
}
