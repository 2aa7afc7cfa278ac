#!/bin/sh
# Installs credguard for this user, without sudo, from hash-locked files.
#
#   ./install.sh                install, or upgrade an older version
#   ./install.sh --demo         install, then show the main job in a throw-away home
#   ./install.sh --test [ARG..] set up the development environment and run every check
#   ./install.sh --test-long    the same with the slow tests
#   ./install.sh --uninstall    undo every change, then remove the program
#   ./install.sh --help         this text
#
# PYTHON names the interpreter to use. Package index settings of pip (PIP_INDEX_URL, pip.conf) hold.
# Interrupted at any point it leaves the earlier version working; run it again to go on.
set -eu
umask 022

# pip itself, only fetched where the system's Python ships none.
PIP_WHEEL=pip-26.3-py3-none-any.whl
PIP_SHA256=f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13
MARK='# credguard launcher, written by install.sh'

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
scratch=
unfinished=
fresh=

say() { printf '%s\n' "$*" >&2; }

die() {
    printf 'install.sh: %s\n' "$1" >&2
    if [ -n "${2:-}" ]; then printf '  hint: %s\n' "$2" >&2; fi
    exit 2
}

clean_up() {
    if [ -n "$scratch" ]; then rm -rf -- "$scratch"; fi
    if [ -n "$unfinished" ]; then rm -rf -- "$unfinished"; fi
    if [ -n "$fresh" ]; then # the folder was not there before, and nothing came of it
        rm -f -- "$fresh/install.lock"
        rmdir -- "$fresh/environments" "$fresh" 2>/dev/null || true
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# make_scratch: sets $scratch; its name holds our process id, so that a later run can tell and
# remove the one of a run that was killed.
make_scratch() {
    for folder in "${TMPDIR:-/tmp}"/credguard-install.*.*; do
        if [ ! -d "$folder" ] || [ -L "$folder" ]; then continue; fi
        owner=${folder%.*}
        owner=${owner##*.}
        case $owner in *[!0-9]*) continue ;; esac
        kill -0 "$owner" 2>/dev/null || rm -rf -- "$folder" 2>/dev/null || true # or it is another user's
    done
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/credguard-install.$$.XXXXXX" 2>/dev/null) ||
        die "cannot make a folder in ${TMPDIR:-/tmp}" "make room or get write access there, or name another: TMPDIR=/path ./install.sh"
}

# data_home: the folder credguard.paths.data_dir() names.
data_home() {
    case ${XDG_DATA_HOME:-} in
    /*) printf '%s\n' "$XDG_DATA_HOME/credguard" ;;
    *)
        if [ "$(uname -s)" = Darwin ]; then
            printf '%s\n' "$HOME/Library/Application Support/credguard"
        else
            printf '%s\n' "$HOME/.local/share/credguard"
        fi
        ;;
    esac
}

usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1
}

# find_python: sets $python to an interpreter the lock files have wheels for.
find_python() {
    seen=
    if [ -n "${PYTHON:-}" ] && ! command -v "$PYTHON" >/dev/null 2>&1; then
        die "PYTHON=$PYTHON is no program" "name an interpreter, or run it without PYTHON"
    fi
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if usable "$candidate"; then
            python=$("$candidate" -c 'import sys; print(sys.executable)')
            return
        fi
        seen="$seen $candidate ($("$candidate" -V 2>&1 | head -n 1 || true))"
        if [ "$candidate" = "${PYTHON:-}" ]; then break; fi
    done
    if [ -n "$seen" ]; then
        die "no Python 3.11 to 3.14 here; found:$seen" \
            "install a newer Python, or name one: PYTHON=/path/to/python3.12 ./install.sh"
    fi
    die "no Python here" "install Python 3.11 or newer (Debian, Ubuntu: apt install python3)"
}

boot() { "$python" -I "$here/requirements/bootstrap.py" "$@"; }

# choose_installer: sets $installer to uv, pip or wheel.
# uv does not read pip's settings, so where pip has some, pip does the work.
choose_installer() {
    if command -v uv >/dev/null 2>&1 && ! boot pip-configured; then
        installer=uv
    elif "$python" -I -c 'import ensurepip, venv' >/dev/null 2>&1; then
        installer=pip
    elif "$python" -I -c 'import venv' >/dev/null 2>&1; then
        installer=wheel
    else
        die "$python has no venv module" "Debian, Ubuntu: apt install python3-venv"
    fi
}

# make_folder PATH: makes it where it is missing.
make_folder() {
    mkdir -p -- "$1" 2>"$scratch/mkdir.log" || die "cannot make the folder $1: $(sed 's/.*: //' "$scratch/mkdir.log")" \
        "make room or get write access there, then run it again"
}

# make_environment FOLDER: an empty virtual environment, and how to install into it.
make_environment() {
    environment=$1
    choose_installer
    rm -rf -- "$environment"
    make_folder "$(dirname -- "$environment")"
    unfinished=$environment
    if [ "$installer" = uv ]; then
        UV_PYTHON_DOWNLOADS=never uv venv --quiet --python "$python" "$environment" ||
            die "uv cannot make a virtual environment in $environment"
        return
    fi
    if [ "$installer" = pip ]; then
        if "$python" -I -m venv "$environment" >"$scratch/venv.log" 2>&1; then return; fi
        rm -rf -- "$environment"
        installer=wheel
    fi
    "$python" -I -m venv --without-pip "$environment" >"$scratch/venv.log" 2>&1 ||
        die "cannot make a virtual environment: $(tail -n 1 "$scratch/venv.log")"
    say "this Python ships no pip: fetching $PIP_WHEEL from the package index"
    pip_wheel=$(boot fetch "$PIP_WHEEL" "$PIP_SHA256" "$scratch") ||
        die "pip cannot be fetched" \
            "check the network and PIP_INDEX_URL, or: apt install python3-venv"
    packages --no-deps --no-index "$pip_wheel" # the demo makes its own environment with it
}

# why_not: what to do about what pip or uv said.
why_not() {
    if grep -qiE 'No space left|Disk quota|os error 28' "$scratch/pip.log"; then
        printf '%s\n' "make room in ${environment%/*} and in ${TMPDIR:-/tmp} (about 200 MB), then run it again"
    elif grep -qiE 'hashes|HASH' "$scratch/pip.log"; then
        printf '%s\n' "a package is not the one that was locked: take no chances, report it"
    elif grep -qiE 'No matching distribution|no wheels' "$scratch/pip.log"; then
        printf '%s\n' "check the network and the package index (PIP_INDEX_URL, pip.conf); if they are well, it has none for this Python: name another, PYTHON=python3.12 ./install.sh"
    else
        printf '%s\n' "check the network and the package index (PIP_INDEX_URL, pip.conf), then run it again"
    fi
}

# packages ARG...: `pip install ARG...` into the environment, with whichever installer there is.
packages() {
    case $installer in
    uv) set -- uv pip install --quiet --python "$environment/bin/python" --compile-bytecode "$@" ;;
    pip) set -- "$environment/bin/python" -I -m pip install --quiet --no-input \
        --disable-pip-version-check --no-warn-script-location "$@" ;;
    wheel) set -- "$environment/bin/python" -I "$pip_wheel/pip" install --quiet --no-input \
        --disable-pip-version-check --no-warn-script-location "$@" ;;
    esac
    "$@" >"$scratch/pip.log" 2>&1 && return
    tail -n 15 "$scratch/pip.log" >&2
    die "the packages cannot be installed" "$(why_not)"
}

locked() { packages --require-hashes --only-binary :all: --requirement "$here/requirements/$1.txt"; }

# build_wheel: the project as a wheel in $scratch/wheel, built with the locked backend.
build_wheel() {
    packages --require-hashes --only-binary :all: --target "$scratch/build" \
        --requirement "$here/requirements/build.txt"
    # hatchling leaves out what a .gitignore further up names, so it builds from a copy.
    mkdir -- "$scratch/source"
    (cd "$here" && cp -R pyproject.toml README.md LICENSE credguard hooks "$scratch/source/")
    (cd "$scratch/source" && PYTHONPATH="$scratch/build" "$environment/bin/python" -m hatchling build \
        --target wheel --directory "$scratch/wheel") >"$scratch/build.log" 2>&1 || {
        tail -n 15 "$scratch/build.log" >&2
        die "the project cannot be built"
    }
}

quote() { printf '%s' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }

# check_launcher: refuses, before anything is done, a program of our name that is another's.
check_launcher() {
    if [ -e "$launcher" ] || [ -L "$launcher" ]; then
        grep -qF "$MARK" "$launcher" 2>/dev/null ||
            die "$launcher exists and is not ours" "move it away, then run it again"
    fi
}

# write_launcher: ~/.local/bin/credguard. -I: a folder named credguard in the working directory,
# PYTHONPATH and the user's site-packages never get in.
write_launcher() {
    printf '#!/bin/sh\n%s\nexec %s -I -m credguard "$@"\n' "$MARK" "$(quote "$home/venv/bin/python")" \
        >"$scratch/launcher"
    if [ -e "$launcher" ] || [ -L "$launcher" ]; then
        if cmp -s "$scratch/launcher" "$launcher" && [ -x "$launcher" ]; then return; fi
    fi
    make_folder "$HOME/.local/bin"
    { cp -- "$scratch/launcher" "$launcher.new" && chmod 755 "$launcher.new" && mv -f -- "$launcher.new" "$launcher"; } ||
        die "cannot write $launcher" "make room or get write access there, then run it again"
}

path_hint() {
    case ":$PATH:" in
    *":$HOME/.local/bin:"*) ;;
    *)
        say "$HOME/.local/bin is not on your PATH; add this line to your shell's profile:"
        # shellcheck disable=SC2016  # the person's shell expands it
        say '  export PATH="$HOME/.local/bin:$PATH"'
        ;;
    esac
}

# switch_to NAME: points the fixed path venv/ at environments/NAME in one rename, so that whatever
# names the interpreter (hooks, service, AWS config) works before, during and after.
switch_to() {
    "$python" -I - "$home" "$1" <<'PYTHON'
import os
import sys

home, name = sys.argv[1:]
link = os.path.join(home, "venv")
new = link + ".new"
if os.path.lexists(new):
    os.unlink(new)
os.symlink(os.path.join("environments", name), new)
os.replace(new, link)
PYTHON
}

# keep_library_paths OLD: hooks and AWS settings name files below lib/python3.N; where the new
# environment has another N, the old name stays a link to the new folder.
keep_library_paths() {
    for library in "$home/environments/$1"/lib/python3.*; do
        library=${library##*/}
        if [ "$library" = 'python3.*' ] || [ -e "$environment/lib/$library" ]; then continue; fi
        for new in "$environment"/lib/python3.*; do
            [ -L "$new" ] || ln -s "${new##*/}" "$environment/lib/$library"
        done
    done
}

# finish: what follows the switch, each part safe to repeat: the database schema, the hooks, and
# the environments that nothing names any more. A running service notices the switch by itself.
finish() {
    write_launcher
    "$home/venv/bin/python" -I -m credguard after-install ||
        die "the new version is in place, but what is above is not done" "mend it, then run it again"
    prune "$name" "$old"
    : >"$home/environments/$name/.finished"
}

# lock PYTHON: one install or uninstall at a time; the kernel drops it with this process.
lock() {
    exec 9>>"$home/install.lock" || die "cannot write $home/install.lock"
    "$1" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null ||
        die "another install.sh is at work in $home" "wait until it ends"
}

# prune KEEP...: removes environments that nothing names any more.
prune() {
    for folder in "$home/environments"/*; do
        [ -d "$folder" ] || continue
        case " $* " in *" ${folder##*/} "*) continue ;; esac
        rm -rf -- "$folder"
    done
}

install() {
    find_python
    home=$(data_home)
    launcher=$HOME/.local/bin/credguard
    check_launcher
    if [ -e "$home/venv" ] && [ ! -L "$home/venv" ]; then
        die "$home/venv is not a link that install.sh made" "move it away, then run it again"
    fi
    name=$(cd "$here" && boot stamp pyproject.toml README.md LICENSE credguard hooks \
        requirements/runtime.txt requirements/build.txt | cut -c 1-16)
    if [ ! -d "$home" ]; then
        make_folder "$home"
        fresh=$home
        chmod 700 "$home"
    fi
    lock "$python"
    old=
    if [ -L "$home/venv" ]; then old=$(readlink "$home/venv") && old=${old##*/}; fi
    if [ "$name" = "$old" ] && version=$("$home/venv/bin/python" -I -m credguard --version 2>/dev/null); then
        if [ -e "$home/environments/$name/.finished" ]; then write_launcher && prune "$name"; else finish; fi
        say "$version is already installed"
        path_hint
        return
    fi
    say "installing into $home"
    make_environment "$home/environments/$name"
    locked runtime
    build_wheel
    packages --no-deps --no-index "$scratch"/wheel/*.whl
    "$environment/bin/python" -I -m compileall -q \
        "$("$environment/bin/python" -I -c 'import os, credguard; print(os.path.dirname(credguard.__file__))')"
    version=$("$environment/bin/python" -I -m credguard --version) || die "the new environment does not start"
    "$environment/bin/python" -I -m credguard after-install --check ||
        die "nothing was changed${old:+: the version that was here stays}"
    if [ -n "$old" ]; then keep_library_paths "$old"; fi
    fresh=''
    unfinished='' # from here on venv/ may name it
    switch_to "$name" || die "cannot point $home/venv at the new version" "make room there, then run it again"
    finish
    say "installed $version: $launcher"
    path_hint
    [ -n "$old" ] || say "next: credguard init"
}

uninstall() {
    home=$(data_home)
    launcher=$HOME/.local/bin/credguard
    if [ -x "$home/venv/bin/python" ]; then
        lock "$home/venv/bin/python"
        "$home/venv/bin/python" -I -m credguard uninstall "$@" ||
            die "the program stays: credguard uninstall did not finish" \
                "do what it says above, then run it again"
    elif [ ! -e "$launcher" ] && [ ! -e "$home/environments" ]; then
        say "credguard is not installed"
        return
    else
        die "the installed program does not start, so hooks and keys cannot be put back" \
            "repair it first: ./install.sh"
    fi
    if grep -qF "$MARK" "$launcher" 2>/dev/null; then rm -f -- "$launcher"; fi
    rm -f -- "$home/venv" "$home/install.lock"
    rm -rf -- "$home/environments"
    rmdir -- "$home" 2>/dev/null || true # a vault that stays keeps the folder
    say "credguard is removed"
}

missing_parts() {
    missing=
    for pair in gnome-keyring-daemon:gnome-keyring dbus-run-session:dbus ssh-keygen:openssh-client /usr/sbin/sshd:openssh-server openssl:openssl git:git \
        Xvfb:xvfb xclip:xclip strace:strace pass:pass gpg:gnupg keepassxc:keepassxc zsh:zsh fish:fish \
        systemd-analyze:systemd chromium:chromium; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
}

# test_parts: the real parts the tests run against; fetched only as root on Debian and its kin.
test_parts() {
    missing_parts
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing Debian packages for the tests:$missing"
        # shellcheck disable=SC2086  # a list of package names
        (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing) \
            >"$scratch/apt.log" 2>&1 || tail -n 3 "$scratch/apt.log" >&2
        missing_parts
    fi
    if [ -n "$missing" ]; then
        say "*** NOT HERE, so the tests that need them are SKIPPED:$missing"
    fi
}

# check NAME COMMAND...: runs one check; its failure is remembered and the rest still runs.
check() {
    title=$1
    shift
    say "== $title"
    "$@" && return
    failed="$failed, $title"
}

run_checks() {
    selection=$1
    shift
    find_python
    cd "$here"
    environment=$here/.venv-dev
    test_parts
    name=$(boot stamp pyproject.toml requirements/dev.txt)
    if [ "$(cat "$environment/.stamp" 2>/dev/null || true)" != "$name" ]; then
        say "setting up the development environment in $environment"
        make_environment "$environment"
        locked dev
        packages --no-deps --no-build-isolation --editable "$here"
        printf '%s\n' "$name" >"$environment/.stamp"
        unfinished=
    fi
    PATH=$environment/bin:$PATH
    export PATH
    failed=
    check "ruff format" ruff format --quiet --check .
    check "ruff check" ruff check --quiet .
    check "mypy" mypy
    check "import contracts" lint-imports
    check "shellcheck" shellcheck install.sh requirements/lock.sh .ci/run
    if [ -n "$failed" ]; then say "*** FAILED: ${failed#, }"; fi
    say "== pytest"
    status=0
    # Twice as many as a small machine has cores: tests of whole processes wait more than they work.
    pytest --numprocesses 4 -m "$selection" "$@" || status=$?
    [ -z "$failed" ] || exit 1
    exit "$status"
}

mode=${1:-}
[ $# -eq 0 ] || shift
case ${HOME:-} in
/*) ;;
*) die "HOME is not set to a folder" "run it as HOME=/home/you ./install.sh" ;;
esac
case $mode in -h | --help) ;; *) make_scratch ;; esac
case $mode in
'')
    install
    ;;
--demo)
    install
    "$home/venv/bin/python" -I -m credguard demo "$@"
    ;;
--test) run_checks 'not slow' "$@" ;;
--test-long) run_checks '' "$@" ;;
--uninstall) uninstall "$@" ;;
-h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p;}' "$0" ;;
*)
    die "unknown option $mode" "see: ./install.sh --help"
    ;;
esac
