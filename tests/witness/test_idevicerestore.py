#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's idevicerestore, unmodified, fetches a ticket for the virtual iPhone from our signing server.

It knows one server, gs.apple.com, and no option for another: so it runs in a network namespace of its own, in which
that name is this machine (its last resort is plain HTTP, which is what it ends up with). Needs root for that."""
import glob
import gzip
import json
import os
import plistlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

SIM = sys.argv[1]
SKIPPED = 77
NAMES = 'gs.apple.com gs.apple.com.akadns.net gs.apple.com.v.aaplimg.com itunes.apple.com'


def can_separate():
    if os.geteuid() != 0 or not shutil.which('idevicerestore') or not shutil.which('unshare'):
        return False
    return subprocess.run(['unshare', '-n', '-m', 'ip', 'link', 'set', 'lo', 'up'], capture_output=True,
                          check=False).returncode == 0


def enter_namespace():
    """Starts this very program again where gs.apple.com is 127.0.0.1 and nothing else can be reached."""
    os.execvp('unshare', ['unshare', '-n', '-m', sys.executable, os.path.abspath(__file__), SIM, 'inside'])


def await_line(process, word):
    line = process.stdout.readline()
    if word not in line:
        raise SystemExit(f'the simulator said {line!r} instead of {word!r}')


def saved_ticket(folder):
    files = glob.glob(os.path.join(folder, '**', '*.shsh'), recursive=True)
    if len(files) != 1:
        raise SystemExit(f'idevicerestore saved {files}')
    with open(files[0], 'rb') as file:
        data = file.read()
    return plistlib.loads(gzip.decompress(data) if data[:2] == b'\x1f\x8b' else data)


def run(folder, running):
    def path(*parts):
        return os.path.join(folder, *parts)

    with open(path('hosts'), 'w', encoding='ascii') as hosts:
        hosts.write(f'127.0.0.1 localhost {NAMES}\n')
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    subprocess.run(['mount', '--bind', path('hosts'), '/etc/hosts'], check=True)
    subprocess.run([SIM, 'stage', '--dir', path('scene'), '--scenario', 'fresh', '--bytes', '2000000'], check=True,
                   stdout=subprocess.DEVNULL, timeout=120)
    apple = subprocess.Popen([SIM, 'apple', '--listen', '127.0.0.1:80', '--pki', path('scene', 'pki'), '--files',
                              path('scene', 'files'), '--record', path('record')], stdout=subprocess.PIPE, text=True)
    running.append(apple)
    await_line(apple, 'listening')
    phone = subprocess.Popen([SIM, 'run', '--state', path('scene', 'phone'), '--usbmuxd', 'UNIX:' + path('mux'),
                              '--mode', 'normal', '--time-scale', '0.02', '--set', 'trust=yes'],
                             stdout=subprocess.PIPE, text=True)
    running.append(phone)
    await_line(phone, 'ready')
    environment = dict(os.environ, USBMUXD_SOCKET_ADDRESS='UNIX:' + path('mux'), HOME=folder)
    os.mkdir(path('cache'))
    deadline = time.monotonic() + 60
    while True:  # the phone boots first
        seen = subprocess.run(['ideviceinfo', '-k', 'ProductType'], env=environment, capture_output=True, text=True,
                              timeout=60, check=False)
        if seen.returncode == 0 or time.monotonic() > deadline:
            break
    done = subprocess.run(['idevicerestore', '-t', '-y', '-C', path('cache'), path('scene', 'files', 'new.ipsw')],
                          env=environment, capture_output=True, text=True, timeout=150, check=False)
    if done.returncode != 0 or 'SHSH saved' not in done.stdout + done.stderr:
        raise SystemExit(f'idevicerestore: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}')
    check(saved_ticket(path('cache')), path('record'), path('scene', 'files', 'new.ipsw'))


def check(saved, record, ipsw):
    with open(record, encoding='utf-8') as file:
        asked = [json.loads(line) for line in file if '"server":"tss"' in line]
    manifest = plistlib.loads(zipfile.ZipFile(ipsw).read('BuildManifest.plist'))
    update = next(i for i in manifest['BuildIdentities']
                  if i['Info']['DeviceClass'] == 'd221ap' and i['Info']['RestoreBehavior'] == 'Update')
    ticket = saved['ApImg4Ticket']
    assert [line['status'] for line in asked] == [0], asked
    assert asked[0]['behavior'] == 'Update' and asked[0]['build_id'] == update['UniqueBuildID'].hex(), asked
    assert bytes.fromhex(asked[0]['ap_nonce']) in ticket
    for name in ('iBEC', 'RestoreRamDisk', 'RestoreKernelCache', 'OS'):
        assert update['Manifest'][name]['Digest'] in ticket, name
    print('idevicerestore saved a ticket that covers iBEC, ramdisk, kernel and system of', manifest['ProductVersion'])


def main():
    if sys.argv[2:] != ['inside']:
        if not can_separate():
            print('needs root, unshare and idevicerestore')
            return SKIPPED
        enter_namespace()
    folder, running = tempfile.mkdtemp(prefix='revive-test-'), []
    try:
        run(folder, running)
    finally:
        for process in running:
            process.terminate()
            process.wait(20)
        shutil.rmtree(folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
