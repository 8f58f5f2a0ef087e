#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does the virtual iPhone ask what the recorded runs show, in their order? Skipped where the records are not at hand.

Usage: test_transcripts.py PLAY, the program of test_play.c."""
import difflib
import json
import os
import subprocess
import sys
import tempfile
import unittest

PLAY = sys.argv.pop(1)
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def shared():
    root = os.environ.get('REVIVE_SHARED')
    for base in [root] if root else [os.path.join(SOURCE, '..', 'shared'), os.path.join(SOURCE, '..', '..', 'shared')]:
        folder = os.path.join(base, 'data', 'restore_transcripts')
        if os.path.isdir(folder):
            return folder
    return None


def record_lines(path):
    """A record in the words of test_play's output."""
    with open(path, encoding='utf-8') as file:
        entries = [json.loads(line) for line in file]
    for entry in entries:
        args, kind = entry.get('args') or {}, entry['msg']
        if entry['dir'] != 'dev' or kind in ('reply', 'ASR', 'proxy'):
            continue
        if kind == 'CheckpointMsg':
            yield ('END' if args.get('CHECKPOINT_COMPLETE') else 'BEGIN') + ' ' + entry['type'][2:]
        elif kind == 'ProgressMsg':
            yield f"OP {args['Operation']}"
        elif 'DataRequestMsg' in kind:
            detail = args.get('ImageName') or args.get('ImageType', '').split(' ')[0] or args.get('MessageArgUpdaterName')
            yield f"{'ASK' if kind == 'DataRequestMsg' else 'ASYNC'} {entry['type']} {detail or '-'}"
        else:
            yield 'MSG ' + kind


def plain(lines, checkpoints):
    """Without what depends on time or on the number of images: percents, the image beside, each FUD image."""
    out = []
    for line in lines:
        word = line.split(' ')[0]
        if line in ('OP 13', 'OP 14') or word in ('ASYNC', 'MSG') or (word in ('BEGIN', 'END') and word not in checkpoints):
            continue
        if line.startswith('ASK FUDData') and line != 'ASK FUDData -':
            continue
        if line.startswith('ASK PersonalizedData'):
            line = 'ASK PersonalizedData -'
        if not out or out[-1] != line:
            out.append(line)
    return out


def differences(theirs, ours):
    out = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
        if tag != 'equal':
            out.append((theirs[a:b], ours[c:d]))
    return out


class Transcripts(unittest.TestCase):
    maxDiff = None

    def play(self, product, version, updaters):
        with tempfile.NamedTemporaryFile(prefix='revive-play-') as out:
            env = dict(os.environ, REVIVE_PLAY_PRODUCT=product, REVIVE_PLAY_VERSION=version,
                       REVIVE_PLAY_UPDATERS=updaters, REVIVE_PLAY_OUT=out.name)
            done = subprocess.run([PLAY], env=env, capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(out.name, encoding='utf-8') as file:
                return file.read().splitlines()

    def compare(self, name, phone, checkpoints, meant):
        folder = shared()
        if not folder:
            self.skipTest('no records here')
        theirs = plain(record_lines(os.path.join(folder, name)), checkpoints)
        ours = plain(self.play(*phone), checkpoints)
        found = differences(theirs, ours)
        if os.environ.get('REVIVE_PLAY_SHOW'):
            print(name, *found, sep='\n  ')
        self.assertEqual(found, [row[1:] for row in meant])  # each difference stands there with its reason

    def test_12(self):
        self.compare('ios12_a8_erase.jsonl', ('iPhone10,6', '12.4', 'none'), (), [])

    def test_13(self):
        self.compare('ios13_a9_a11_erase.jsonl', ('iPhone10,6', '13.2.3', 'none'), (), [
            ('asked only after trouble with the modem, as its own remark says', ['ASK BasebandUpdaterOutputData -'], [])])

    def test_14_15(self):
        self.compare('ios14_15_erase.jsonl', ('iPhone9,3', '15.4', 'SE'), (), [])

    def test_16(self):
        self.compare('ios16_a11_erase.jsonl', ('iPhone12,1', '16.6', 'SE'), ('END',), [])

    def test_18(self):
        self.compare('ios18_a13_erase.jsonl', ('iPhone12,1', '18.3', 'SE Savage Rose T200'), ('BEGIN', 'END'), [
            ('that host printed nothing before the end of its first checkpoint', [], ['BEGIN 0655']),
            ('by its own remark the first of these is EANData', ['ASK PersonalizedData -'], ['ASK EANData -']),
            ('of another thread: here it always comes before the images', [], ['OP 66']),
            ('the same', ['OP 66'], [])])


if __name__ == '__main__':
    unittest.main()
