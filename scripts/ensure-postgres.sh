#!/bin/sh
# Makes sure that the PostgreSQL programs (initdb, postgres) and a C compiler, which the build needs,
# are on this machine; installs them with apt where they are missing. Does nothing otherwise.
# With DATABASE_URL set, PostgreSQL itself is not needed.
# shellcheck disable=SC2016 # the backquotes in messages mark commands to the reader
set -eu

has_programs() {
    [ -x "$1/initdb" ] && [ -x "$1/postgres" ]
}

# The same places as `find_bin_dir` in src/sandbox/postgres.rs.
has_postgres() {
    old_ifs=$IFS
    IFS=:
    set -f
    for dir in $PATH; do
        case $dir in
            /*) if has_programs "$dir"; then IFS=$old_ifs; set +f; return 0; fi ;;
        esac
    done
    set +f
    IFS=$old_ifs
    dir=$(pg_config --bindir 2>/dev/null || true)
    if [ -n "$dir" ] && has_programs "$dir"; then return 0; fi
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin; do
        if has_programs "$dir"; then return 0; fi
    done
    return 1
}

give_up() {
    echo "$1" >&2
    if [ -n "$need_postgres" ]; then
        echo 'No PostgreSQL found: set DATABASE_URL to a PostgreSQL server, or run `docker compose up`,' >&2
        echo 'or install one with `apt install postgresql`.' >&2
    fi
    if [ -n "$need_compiler" ]; then
        echo 'No C compiler found: install one, for example with `apt install gcc libc6-dev`.' >&2
    fi
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Debian's package makes and starts a server of its own, which nobody asked for. A machine that already
# has the package keeps its way.
without_own_server() {
    if dpkg-query -W -f '${db:Status-Status}' postgresql-common 2>/dev/null | grep -qx installed; then
        return 0
    fi
    apt_install postgresql-common || return 1
    settings=/etc/postgresql-common/createcluster.conf
    if [ -f "$settings" ] && grep -q '^[[:space:]]*create_main_cluster' "$settings"; then
        return 0
    fi
    echo 'create_main_cluster = false' | as_root tee -a "$settings" >/dev/null
}

need_postgres=
need_compiler=
if [ -z "${DATABASE_URL:-}" ] && ! has_postgres; then need_postgres=yes; fi
if ! command -v cc >/dev/null 2>&1; then need_compiler=yes; fi
if [ -z "$need_postgres$need_compiler" ]; then exit 0; fi

command -v apt-get >/dev/null 2>&1 || give_up 'There is no apt-get here to install what is missing.'
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
    give_up 'Installing what is missing needs root or sudo.'
fi

echo "Installing with apt:${need_postgres:+ PostgreSQL}${need_compiler:+ gcc}" >&2
# An update can fail for one of many sources only; whether that matters, the installation tells.
as_root apt-get update || echo 'apt-get update failed; trying with the known packages.' >&2
if [ -n "$need_compiler" ]; then
    apt_install gcc libc6-dev || give_up 'apt-get could not install a C compiler.'
    need_compiler=
fi
if [ -n "$need_postgres" ]; then
    without_own_server || give_up 'apt-get could not install postgresql-common.'
    apt_install postgresql || give_up 'apt-get could not install PostgreSQL.'
    has_postgres || give_up 'The package postgresql is installed, but its programs are not where they should be.'
fi
