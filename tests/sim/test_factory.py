#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the firmware factory makes, looked at by programs that share no code with it: unzip, zipfile, plistlib, hashlib."""
import glob
import hashlib
import io
import json
import os
import plistlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
import zlib

SIM = sys.argv.pop(1)
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HASHES = {20: hashlib.sha1, 32: hashlib.sha256, 48: hashlib.sha384}


def sim(*words, fails=False):
    done = subprocess.run([SIM, *words], capture_output=True, text=True, timeout=120)
    if fails == (done.returncode == 0):
        raise AssertionError(f'{words}: exit {done.returncode}: {done.stderr}')
    return done.stdout.strip() if not fails else done.stderr


def shared(pattern):
    root = os.environ.get('REVIVE_SHARED')
    roots = [root] if root else [os.path.join(SOURCE, '..', 'shared'), os.path.join(SOURCE, '..', '..', 'shared')]
    for base in roots:
        found = sorted(glob.glob(os.path.join(base, 'data', 'firmware', pattern)))
        if found:
            return found
    return []


def retagged(im4p, tag):
    """IM4P ::= SEQUENCE { IA5String "IM4P", IA5String type, ... }: the type stands 8 bytes behind the magic's start."""
    at = im4p.index(b'\x16\x04IM4P') + 6
    assert im4p[at:at + 2] == b'\x16\x04'
    return im4p[:at + 2] + tag.encode() + im4p[at + 6:]


def im4p_payload(im4p):
    """Payload of an IM4P by its DER lengths."""
    def head(data, at):
        length, at = data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7f
            length, at = int.from_bytes(data[at:at + count], 'big'), at + count
        return at, length
    at, _ = head(im4p, 0)
    for _ in range(3):
        at, length = head(im4p, at)
        at += length
    at, length = head(im4p, at)
    return im4p[at:at + length]


def expand_udif(image):
    """The volume in a UDIF file, from the trailer and the XML list alone; checks every checksum."""
    koly = image[-512:]
    assert koly[:4] == b'koly'
    data_length = struct.unpack_from('>Q', koly, 32)[0]
    data_crc = struct.unpack_from('>I', koly, 88)[0]
    xml_offset, xml_length = struct.unpack_from('>QQ', koly, 216)
    master, sectors = struct.unpack_from('>I', koly, 360)[0], struct.unpack_from('>Q', koly, 492)[0]
    assert xml_offset + xml_length + 512 == len(image)
    assert zlib.crc32(image[:data_length]) == data_crc
    out, crcs = bytearray(sectors * 512), b''
    for table in plistlib.loads(image[xml_offset:xml_offset + xml_length])['resource-fork']['blkx']:
        mish = table['Data']
        assert mish[:4] == b'mish'
        first, count = struct.unpack_from('>QQ', mish, 8)
        crc, chunks = struct.unpack_from('>I', mish, 72)[0], struct.unpack_from('>I', mish, 200)[0]
        for i in range(chunks):
            kind, _, sector, length, offset, size = struct.unpack_from('>IIQQQQ', mish, 204 + 40 * i)
            at = (first + sector) * 512
            if kind in (1, 0x80000005):
                raw = image[offset:offset + size]
                raw = zlib.decompress(raw) if kind != 1 else raw
                assert len(raw) == length * 512
                out[at:at + len(raw)] = raw
        assert zlib.crc32(out[first * 512:(first + count) * 512]) == crc
        crcs += struct.pack('>I', crc)
    assert zlib.crc32(crcs) == master
    return bytes(out)


class Factory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='revive-test-')
        cls.ipsw = cls.path('a.ipsw')
        sim('ipsw', '--out', cls.ipsw, '--bytes', '3000000')

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def path(cls, leaf):
        return os.path.join(cls.folder, leaf)

    def check_digests(self, ipsw):
        """Every file is there, and every digest of the manifest is that of the file as the device sees it."""
        archive = zipfile.ZipFile(ipsw)
        self.assertIsNone(archive.testzip())
        manifest = plistlib.loads(archive.read('BuildManifest.plist'))
        seen, cache = 0, {}
        for identity in manifest['BuildIdentities']:
            for name, entry in identity['Manifest'].items():
                path = entry['Info'].get('Path')
                if path is None:
                    continue
                data = cache.setdefault(path, archive.read(path))
                digest = entry.get('Digest')
                if not digest:
                    continue
                tag = entry['Info'].get('Img4PayloadType')
                if tag and entry['Info'].get('Personalize', True) and data[:1] == b'\x30':
                    data = retagged(data, tag)
                self.assertEqual(HASHES[len(digest)](data).digest(), digest, name)
                seen += 1
        return manifest, archive, seen

    def test_unzip_and_python_read_it_and_every_digest_holds(self):
        subprocess.run(['unzip', '-tq', self.ipsw], check=True, stdout=subprocess.DEVNULL)
        manifest, archive, seen = self.check_digests(self.ipsw)
        self.assertGreater(seen, 120)
        self.assertEqual(manifest['ProductVersion'], '11.2')
        restore = plistlib.loads(archive.read('Restore.plist'))
        self.assertEqual(restore['ProductBuildVersion'], '15C114')
        self.assertEqual({d['BoardConfig'] for d in restore['DeviceMap']}, {'d221ap', 'd22ap'})

    def test_erase_and_update_differ_in_the_ramdisk_alone(self):
        manifest = plistlib.loads(zipfile.ZipFile(self.ipsw).read('BuildManifest.plist'))
        erase, update = manifest['BuildIdentities'][:2]
        self.assertEqual((erase['Info']['RestoreBehavior'], update['Info']['RestoreBehavior']), ('Erase', 'Update'))
        self.assertNotEqual(erase['UniqueBuildID'], update['UniqueBuildID'])
        different = [n for n in erase['Manifest'] if erase['Manifest'][n] != update['Manifest'][n]]
        self.assertEqual(different, ['RestoreRamDisk'])

    def test_a_ramdisk_says_what_it_does(self):
        archive = zipfile.ZipFile(self.ipsw)
        for identity in plistlib.loads(archive.read('BuildManifest.plist'))['BuildIdentities']:
            im4p = archive.read(identity['Manifest']['RestoreRamDisk']['Info']['Path'])
            payload = im4p_payload(im4p)
            head = plistlib.loads(payload[:payload.index(b'</plist>') + 9])
            self.assertEqual(head['RestoreBehavior'], identity['Info']['RestoreBehavior'])
            self.assertEqual(head['Variant'], identity['Info']['Variant'])
            self.assertEqual(head['ProductBuildVersion'], '15C114')
            self.assertEqual(im4p[im4p.index(b'IM4P') + 6:][:4], b'rdsk')

    def test_the_same_words_give_the_same_file(self):
        sim('ipsw', '--out', self.path('same.ipsw'), '--bytes', '3000000')
        with open(self.ipsw, 'rb') as a, open(self.path('same.ipsw'), 'rb') as b:
            self.assertEqual(a.read(), b.read())

    def test_another_version_has_other_content_everywhere(self):
        other = self.path('other.ipsw')
        sim('ipsw', '--out', other, '--bytes', '3000000', '--version', '11.2.1', '--build', '15C153')
        manifest, _, _ = self.check_digests(other)
        self.assertEqual((manifest['ProductVersion'], manifest['ProductBuildVersion']), ('11.2.1', '15C153'))
        mine = plistlib.loads(zipfile.ZipFile(self.ipsw).read('BuildManifest.plist'))
        for a, b in zip(mine['BuildIdentities'], manifest['BuildIdentities']):
            self.assertEqual(b['Info']['BuildNumber'], '15C153')
            self.assertNotEqual(a['UniqueBuildID'], b['UniqueBuildID'])
            for name, entry in a['Manifest'].items():
                if entry.get('Digest'):
                    self.assertNotEqual(entry['Digest'], b['Manifest'][name]['Digest'], name)
        self.assertNotEqual(sim('ipsw-hash', self.ipsw), sim('ipsw-hash', other))

    def test_the_volume_is_the_one_that_the_list_describes(self):
        archive = zipfile.ZipFile(self.ipsw)
        image = archive.read('058-86176-124.dmg')
        self.assertEqual(len(image) % 2, 1)
        self.assertEqual(archive.getinfo('058-86176-124.dmg').compress_type, zipfile.ZIP_STORED)
        self.assertEqual(hashlib.sha384(expand_udif(image)).hexdigest(), sim('ipsw-hash', self.ipsw))

    def test_a_deflated_image_installs_the_same(self):
        packed = self.path('packed.ipsw')
        sim('ipsw', '--out', packed, '--bytes', '3000000', '--deflate')
        self.check_digests(packed)
        self.assertEqual(zipfile.ZipFile(packed).getinfo('058-86176-124.dmg').compress_type, zipfile.ZIP_DEFLATED)
        self.assertEqual(sim('ipsw-hash', packed), sim('ipsw-hash', self.ipsw))

    def test_baseband_archives_hold_the_files_that_get_signed(self):
        archive = zipfile.ZipFile(self.ipsw)
        intel = zipfile.ZipFile(io.BytesIO(archive.read('Firmware/ICE17-1.03.06.Release.bbfw')))
        self.assertIsNone(intel.testzip())
        psi = intel.read('psi_ram.bin')
        self.assertEqual(psi[1:8], b'\x04\x00\xea\x6c\x69\x48\x55')
        self.assertEqual(struct.unpack_from('<I', psi, 16)[0], len(psi))
        self.assertIn('restorepsi.bin', intel.namelist())
        other = zipfile.ZipFile(io.BytesIO(archive.read('Firmware/Mav17-1.62.00.Release.bbfw')))
        sbl1 = other.read('sbl1.mbn')
        self.assertEqual(struct.unpack_from('<I', sbl1, 0)[0], 10)
        self.assertEqual(struct.unpack_from('<I', sbl1, 16)[0] + 40, len(sbl1))

    def test_other_devices_of_the_table_get_firmware_too(self):
        for product, chip, length in (('iPhone9,3', '0x8010', 48), ('iPhone6,1', '0x8960', 20)):
            path = self.path(product + '.ipsw')
            sim('ipsw', '--out', path, '--bytes', '1000', '--product', product)
            manifest, _, _ = self.check_digests(path)
            self.assertEqual(manifest['SupportedProductTypes'], [product])
            self.assertEqual(manifest['BuildIdentities'][0]['ApChipID'], chip)
            self.assertEqual(len(manifest['BuildIdentities'][0]['Manifest']['iBSS']['Digest']), length)
        for product in ('iPhone4,1', 'Toaster1,1'):
            self.assertIn('no firmware', sim('ipsw', '--out', self.path('x'), '--product', product, fails=True))

    def test_each_model_gets_the_form_of_its_generation(self):
        for product, version, variants in (('iPhone9,3', '15.4', 2), ('iPhone12,1', '26.2.1', 2), ('iPhone13,2', '26.2.1', 4)):
            path = self.path('form.ipsw')
            sim('ipsw', '--out', path, '--bytes', '1000000', '--product', product)
            manifest, archive, _ = self.check_digests(path)
            self.assertEqual(manifest['ProductVersion'], version)
            names = [i['Info']['Variant'] for i in manifest['BuildIdentities']]
            self.assertEqual(len(set(names)), variants)
            self.assertEqual([n for n in names if n.startswith('Customer')],
                             ['Customer Erase Install (IPSW)', 'Customer Upgrade Install (IPSW)'])
            erase, update = manifest['BuildIdentities'][:2]
            self.assertEqual(sorted(n for n in erase['Manifest'] if erase['Manifest'][n] != update['Manifest'][n]),
                             ['RestoreRamDisk', 'RestoreTrustCache'])
            self.assertEqual(erase['Manifest']['SystemVolume']['Info']['IsFUDFirmware'], True)

    def test_wrapped_images_begin_as_real_ones_do(self):
        path = self.path('wrapped.ipsw')
        sim('ipsw', '--out', path, '--bytes', '1000000', '--product', 'iPhone13,2')
        archive = zipfile.ZipFile(path)
        manifest = plistlib.loads(archive.read('BuildManifest.plist'))['BuildIdentities'][0]['Manifest']
        for name in ('OS', 'Cryptex1,SystemOS'):
            data = archive.read(manifest[name]['Info']['Path'])
            self.assertEqual(data[:8], b'AEA1\x01\x00\x00\x00')
            at, end, records = 12, 12 + struct.unpack_from('<I', data, 8)[0], {}
            while at < end:
                length = struct.unpack_from('<I', data, at)[0]
                key, value = data[at + 4:at + length].split(b'\0', 1)
                records[key.decode()], at = value.decode(), at + length
            self.assertEqual(at, end)
            self.assertEqual(set(json.loads(records['com.apple.wkms.fcs-response'])), {'enc-request', 'wrapped-key'})
            self.assertTrue(records['com.apple.wkms.fcs-key-url'].startswith('https://wkms-public.apple.com/fcs-keys/'))
            self.assertNotIn(b'koly', data)
        app = archive.read(manifest['Cryptex1,AppOS']['Info']['Path'])
        self.assertNotEqual(app[:4], b'AEA1')

    def test_forms_have_the_keys_of_real_manifests(self):
        for product, pattern, board in (('iPhone9,3', '*15.4*', 'd101ap'), ('iPhone13,2', '*26.2.1*', 'd53gap')):
            real = shared('buildmanifest/' + pattern)
            if not real:
                self.skipTest('no samples here')
            path = self.path('own.ipsw')
            sim('ipsw', '--out', path, '--bytes', '1000', '--product', product)
            own = plistlib.loads(zipfile.ZipFile(path).read('BuildManifest.plist'))
            with open(real[0], 'rb') as file:
                theirs = plistlib.load(file)
            for mine in own['BuildIdentities']:
                same = [i for i in theirs['BuildIdentities'] if i['Info']['DeviceClass'] == board and
                        i['Info']['Variant'] == mine['Info']['Variant']][0]
                self.assertEqual(set(mine), set(same))
                self.assertEqual(set(mine['Info']), set(same['Info']))
                self.assertEqual(set(mine['Manifest']), set(same['Manifest']))
                for name, entry in mine['Manifest'].items():
                    other = same['Manifest'][name]
                    self.assertEqual(set(entry), set(other), name)
                    flags = lambda info: {k: v for k, v in info.items() if k not in ('Path', 'RestoreRequestRules')}
                    if name != 'BasebandFirmware':
                        self.assertEqual(flags(entry['Info']), flags(other['Info']), name)
                    self.assertEqual(entry['Info'].get('RestoreRequestRules'), other['Info'].get('RestoreRequestRules'), name)
                    for key, value in entry.items():
                        if isinstance(value, bytes) and name != 'BasebandFirmware' and key != 'TBMDigests':
                            self.assertEqual(len(value), len(other[key]), (name, key))

    def test_damage_is_of_the_kind_that_was_asked_for(self):
        bad = self.path('bad.ipsw')
        shutil.copy(self.ipsw, bad)
        sim('ipsw-damage', bad, '--component', 'iBEC')
        self.assertEqual(zipfile.ZipFile(bad).testzip(), 'Firmware/dfu/iBEC.d22.RELEASE.im4p')
        shutil.copy(self.ipsw, bad)
        sim('ipsw-damage', bad, '--forge', 'iBEC')
        with self.assertRaises(AssertionError):
            self.check_digests(bad)
        self.assertIsNone(zipfile.ZipFile(bad).testzip())
        shutil.copy(self.ipsw, bad)
        sim('ipsw-damage', bad, '--cut', '100000')
        self.assertEqual(os.path.getsize(bad), 100000)
        self.assertFalse(zipfile.is_zipfile(bad))
        shutil.copy(self.ipsw, bad)
        sim('ipsw-damage', bad, '--flip', '2000000')
        self.assertNotEqual(zipfile.ZipFile(bad).testzip(), None)
        sim('ipsw-damage', bad, '--component', 'NoSuchThing', fails=True)

    def test_what_is_no_manifest_makes_no_file(self):
        wrong = self.path('wrong.plist')
        for text in (b'', b'<plist><array/></plist>', b'no plist at all', plistlib.dumps({'BuildIdentities': []})):
            with open(wrong, 'wb') as file:
                file.write(text)
            sim('ipsw', '--out', self.path('never.ipsw'), '--manifest', wrong, fails=True)
            self.assertFalse(os.path.exists(self.path('never.ipsw')))

    def test_real_manifests_are_forms_too(self):
        manifests = shared('buildmanifest/*.plist')
        if not manifests:
            self.skipTest('no samples here')
        made = 0
        for manifest in manifests:
            out = self.path('real.ipsw')
            with open(manifest, 'rb') as file:
                old = 'PartialDigest' in plistlib.load(file)['BuildIdentities'][0]['Manifest']['iBSS']
            if old:
                self.assertIn('before IMG4', sim('ipsw', '--out', out, '--manifest', manifest, fails=True))
                continue
            sim('ipsw', '--out', out, '--manifest', manifest, '--bytes', '1000')
            self.check_digests(out)
            made += 1
        self.assertGreater(made, 0)


if __name__ == '__main__':
    unittest.main()
