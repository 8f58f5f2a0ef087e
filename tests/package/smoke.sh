#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a .deb into a bare Debian 12 root made for it and tries what a person tries first.
# usage: smoke.sh FILE.deb ROOT_FOLDER     as root; prints TAP, exit 0 when all is well. The root folder stays for a second run.
set -eu
deb=$1
root=$2
number=0
failed=0

check() { # what, command in the root
    number=$((number + 1))
    what=$1
    shift
    if output=$(inside "$@" 2>&1); then
        echo "ok $number - $what"
    else
        failed=$((failed + 1))
        echo "not ok $number - $what"
        printf '%s\n' "$output" | sed 's/^/# /'
    fi
}

# Its own mounts and process table, so that nothing of it outlives this script.
inside() {
    unshare --mount --pid --fork --kill-child sh -c '
        mount -t proc proc "$0/proc"; exec chroot "$0" /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root LANG=C.UTF-8 "$@"' "$root" "$@"
}

if [ ! -x "$root/usr/bin/apt-get" ]; then
    mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | sed -n 's/ bookworm$//p' | head -n 1)
    debootstrap --variant=minbase bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log"; echo "Bail out! debootstrap failed"; exit 1; }
fi
cp "$deb" "$root/tmp/revive.deb"
check "the package installs with its dependencies" sh -c \
    'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install /tmp/revive.deb'
check "the program says its version" revive --version
check "help lists the commands" sh -c 'revive --help | grep -q "update "'
check "an Update's help has an example" sh -c 'revive update --help | grep -q "^Example"'
check "no device is exit 3 with words" sh -c 'code=0; revive info >/tmp/out 2>&1 || code=$?; [ $code -eq 3 ] && [ -s /tmp/out ]'
check "a wrong word is exit 2" sh -c 'code=0; revive udpate 2>/tmp/out || code=$?; [ $code -eq 2 ] && grep -q update /tmp/out'
check "the virtual iPhone is found in Recovery mode" sh -c \
    'revive --sim=recovery list --json >/tmp/list.json && grep -q "\"mode\": *\"recovery\"" /tmp/list.json'
check "a whole Update of the virtual iPhone, data kept" sh -c \
    'revive --sim=/tmp/phone --json list >/dev/null && revive --sim=/tmp/phone update --yes --ipsw /tmp/phone/files/new.ipsw'
check "each command has its man page" sh -c \
    'for verb in update restore resume "recovery exit" info; do test -s /usr/share/man/man1/revive-$(echo $verb | tr " " -).1.gz || exit 1; done'
check "the table of errors is a man page" sh -c 'zgrep -q 4013 /usr/share/man/man7/revive-errors.7.gz'
check "it speaks German where that is wanted, without a locale package" sh -c \
    'LC_ALL=de_DE.UTF-8 revive info 2>&1 | grep -q "Es wurde kein Gerät gefunden" && LC_ALL=C revive info 2>&1 | grep -q "No device was found"'
check "completions stand where the three shells look" sh -c \
    'test -s /usr/share/bash-completion/completions/revive && test -s /usr/share/zsh/vendor-completions/_revive &&
     test -s /usr/share/fish/vendor_completions.d/revive.fish'
check "the udev rule names DFU, Recovery, port DFU and debug USB" sh -c \
    'for id in 122 128 1881 f014; do grep -q $id /usr/lib/udev/rules.d/70-revive.rules || exit 1; done'
check "the package goes without a trace but its state" sh -c \
    'DEBIAN_FRONTEND=noninteractive apt-get -qq -y purge revive && ! command -v revive && ! test -e /usr/lib/udev/rules.d/70-revive.rules'
echo "1..$number"
[ "$failed" -eq 0 ]
