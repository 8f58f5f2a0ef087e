#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Apple's side over HTTP, and its tickets checked by the openssl program instead of by our own code."""
import json
import os
import plistlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
import zipfile

SIM = sys.argv.pop(1)
PKI = os.environ.get('REVIVE_TEST_PKI', '/tmp/revive-test-pki')


class Apple:
    """One `revive-sim apple` for the time of a with block."""

    def __init__(self, *words):
        self.process = subprocess.Popen([SIM, 'apple', '--pki', PKI, *words], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().split()
        if line[:1] != ['listening']:
            raise AssertionError(f'it said {line}')
        self.port = int(line[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    def open(self, path, data=None, method=None, scheme='http', context=None, timeout=20, **headers):
        names = {name.replace('_', '-'): value for name, value in headers.items()}
        request = urllib.request.Request(f'{scheme}://127.0.0.1:{self.port}{path}', data, names, method=method)
        return urllib.request.urlopen(request, context=context, timeout=timeout)

    def status(self, path, **how):
        try:
            with self.open(path, **how) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def tss(self, request, timeout=20):
        body = request if isinstance(request, bytes) else plistlib.dumps(request)
        with self.open('/TSS/controller?action=2', body, timeout=timeout) as reply:
            text = reply.read()
        status = int(text.split(b'&')[0].split(b'=')[1])
        at = text.find(b'<?xml')
        return status, plistlib.loads(text[at:]) if at >= 0 else None


def ap_request(ipsw, behavior='Update', device='d221ap'):
    """What a host asks, made from the manifest by the book (real request rules of a customer device)."""
    manifest = plistlib.loads(zipfile.ZipFile(ipsw).read('BuildManifest.plist'))
    identity = next(i for i in manifest['BuildIdentities']
                    if i['Info']['DeviceClass'] == device and i['Info']['RestoreBehavior'] == behavior)
    request = {
        '@ApImg4Ticket': True, '@HostPlatformInfo': 'mac', '@VersionInfo': 'libauthinstall-1104.0.9',
        '@UUID': '9D3C6A4E-0000-4000-8000-000000000001', 'ApECID': 0x1C22334455667788,
        'ApChipID': int(identity['ApChipID'], 16), 'ApBoardID': int(identity['ApBoardID'], 16),
        'ApSecurityDomain': int(identity['ApSecurityDomain'], 16), 'ApNonce': b'N' * 32, 'SepNonce': b'S' * 20,
        'ApProductionMode': True, 'ApSecurityMode': True, 'UniqueBuildID': identity['UniqueBuildID'],
        'PearlCertificationRootPub': identity['PearlCertificationRootPub'],
    }
    facts = {'ApRawProductionMode': True, 'ApCurrentProductionMode': True, 'ApRawSecurityMode': True,
             'ApRequiresImage4': True}
    for name, entry in identity['Manifest'].items():
        rules = entry['Info'].get('RestoreRequestRules')
        if name == 'BasebandFirmware' or (not rules and not entry.get('Trusted')):
            continue
        asked = {key: value for key, value in entry.items() if key != 'Info'}
        for rule in rules or []:
            if all(facts.get(name_) == value for name_, value in rule['Conditions'].items()):
                asked.update({key: value for key, value in rule['Actions'].items() if isinstance(value, bool)})
        if entry.get('Trusted'):
            asked.setdefault('Digest', b'')
        request[name] = asked
    return request, identity


def der(data, at):
    """(start of body, end of body) of the element at `at`; long tags too."""
    first, at = data[at], at + 1
    if first & 0x1f == 0x1f:
        while data[at] & 0x80:
            at += 1
        at += 1
    length, at = data[at], at + 1
    if length & 0x80:
        count = length & 0x7f
        length, at = int.from_bytes(data[at:at + count], 'big'), at + count
    return at, at + length


def children(data, start, end):
    while start < end:
        body, stop = der(data, start)
        yield start, body, stop
        start = stop


class Tickets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='revive-test-')
        cls.ipsw = os.path.join(cls.folder, 'a.ipsw')
        subprocess.run([SIM, 'ipsw', '--out', cls.ipsw, '--bytes', '300000'], check=True, timeout=60)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def write(self, leaf, data):
        path = os.path.join(self.folder, leaf)
        with open(path, 'wb') as file:
            file.write(data)
        return path

    def openssl(self, *words):
        return subprocess.run(['openssl', *words], capture_output=True, timeout=30)

    def check_by_openssl(self, ticket, digest, bits):
        """Signature over the third element by the last certificate's key; that certificate leads to the root."""
        body, end = der(ticket, 0)
        magic, _, signed, signature, certs = children(ticket, body, end)
        self.assertEqual(ticket[magic[1]:magic[2]], b'IM4M')
        chain = [self.write(f'cert{i}.der', ticket[c[0]:c[2]]) for i, c in enumerate(children(ticket, *certs[1:]))]
        pem = [path[:-4] + '.pem' for path in chain]
        for path, out in zip(chain + [os.path.join(PKI, 'root.der')], pem + [os.path.join(self.folder, 'root.pem')]):
            self.assertEqual(self.openssl('x509', '-inform', 'DER', '-in', path, '-out', out).returncode, 0)
        key = self.openssl('x509', '-in', pem[-1], '-noout', '-pubkey').stdout
        self.assertIn(f'({bits} bit)'.encode(), self.openssl('x509', '-in', pem[-1], '-noout', '-text').stdout)
        checked = self.openssl('dgst', digest, '-verify', self.write('key.pem', key), '-signature',
                               self.write('sig', ticket[signature[1]:signature[2]]),
                               self.write('signed', ticket[signed[0]:signed[2]]))
        self.assertEqual(checked.stdout, b'Verified OK\n', checked.stderr)
        words = ['verify', '-ignore_critical', '-auth_level', '0', '-CAfile', os.path.join(self.folder, 'root.pem')]
        for middle in pem[:-1]:
            words += ['-untrusted', middle]
        verified = self.openssl(*words, pem[-1])
        self.assertIn(b': OK', verified.stdout, verified.stderr)

    def test_a_ticket_for_the_made_firmware_verifies_with_openssl(self):
        request, identity = ap_request(self.ipsw)
        with Apple('--files', self.folder) as apple:
            status, reply = apple.tss(request)
        self.assertEqual(status, 0)
        ticket = reply['ApImg4Ticket']
        self.check_by_openssl(ticket, '-sha384', 4096)
        for name in ('iBEC', 'RestoreRamDisk', 'RestoreKernelCache', 'OS'):
            self.assertIn(identity['Manifest'][name]['Digest'], ticket, name)
        for tag in (b'ibec', b'rdsk', b'rkrn', b'rdtr', b'rlgo', b'rsep', b'rosi', b'ftap', b'BNCH', b'snon', b'srvn'):
            self.assertIn(b'\x16\x04' + tag, ticket)

    def test_an_older_device_gets_the_chain_of_two(self):
        old = os.path.join(self.folder, 'old.ipsw')
        subprocess.run([SIM, 'ipsw', '--out', old, '--bytes', '1000', '--product', 'iPhone6,1'], check=True, timeout=60)
        request, _ = ap_request(old, device='n51ap')
        request['ApNonce'] = b'N' * 20
        with Apple() as apple:
            status, reply = apple.tss(request)
        self.assertEqual(status, 0)
        self.check_by_openssl(reply['ApImg4Ticket'], '-sha1', 2048)

    def test_it_signs_the_builds_that_it_has_and_no_other(self):
        request, _ = ap_request(self.ipsw)
        record = os.path.join(self.folder, 'record')
        with Apple('--files', self.folder, '--record', record) as apple:
            self.assertEqual(apple.tss(request)[0], 0)
            self.assertEqual(apple.tss(dict(request, UniqueBuildID=b'?' * 20))[0], 94)
            self.assertEqual(apple.tss(dict(request, ApBoardID=6))[0], 94)
            self.assertEqual(apple.tss(dict(request, iBEC=dict(request['iBEC'], Digest=b'x' * 48)))[0], 94)
            self.assertEqual(apple.status('/sim/set?tss.unsigned=15C114'), 200)
            self.assertEqual(apple.tss(request)[0], 94)
            self.assertEqual(apple.status('/sim/set?none=1'), 200)
            self.assertEqual(apple.tss(ap_request(self.ipsw, 'Erase')[0])[0], 0)
        with open(record, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([line['status'] for line in lines], [0, 94, 94, 94, 94, 0])
        self.assertEqual([line['behavior'] for line in lines if line['status'] == 0], ['Update', 'Erase'])
        self.assertEqual(lines[0]['ap_nonce'], '4e' * 32)
        self.assertEqual(lines[0]['ecid'], '0x1c22334455667788')

    def test_its_faults_are_those_asked_for(self):
        request, _ = ap_request(self.ipsw)
        with Apple('--refuse', '69', '--fault', 'tss.slow=50') as apple:
            self.assertEqual(apple.tss(request), (69, None))
            self.assertEqual(apple.status('/sim/set?none=1&tss.http=503'), 200)
            self.assertEqual(apple.status('/TSS/controller?action=2', data=b'x'), 503)
            self.assertEqual(apple.status('/sim/set?none=1&tss.garbage=1'), 200)
            with apple.open('/TSS/controller?action=2', plistlib.dumps(request)) as reply:
                self.assertNotIn(b'STATUS', reply.read())
            self.assertEqual(apple.status('/sim/set?none=1&tss.silence=1'), 200)
            with self.assertRaises(OSError):
                apple.tss(request, timeout=0.5)
            self.assertEqual(apple.status('/sim/set?no.such.fault=1'), 400)
            self.assertEqual(apple.status('/sim/set?file.cut=much'), 400)

    def test_what_is_no_request_gets_its_status_and_no_signature(self):
        with Apple() as apple:
            self.assertEqual(apple.tss(b'no plist'), (551, None))
            self.assertEqual(apple.tss({'@UUID': 'x'}), (126, None))
            self.assertEqual(apple.status('/TSS/controller', data=b'x'), 404)
            self.assertEqual(apple.status('/TSS/controller?action=2'), 404)
            self.assertEqual(apple.status('/', method='DELETE'), 405)


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='revive-test-')
        cls.data = bytes((i * 7 + (i >> 8)) & 0xff for i in range(300001))
        with open(os.path.join(cls.folder, 'f.ipsw'), 'wb') as file:
            file.write(cls.data)
        subprocess.run([SIM, 'ipsw', '--out', os.path.join(cls.folder, 'real.ipsw'), '--bytes', '1000'], check=True,
                       timeout=60)
        cls.apple = Apple('--files', cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.apple.__exit__()
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.assertEqual(self.apple.status('/sim/set?none=1'), 200)

    def get(self, path='/f.ipsw', **headers):
        with self.apple.open(path, **headers) as reply:
            return reply.status, reply.read(), reply.headers

    def test_a_whole_file_with_its_mark(self):
        status, body, headers = self.get()
        self.assertEqual((status, body), (200, self.data))
        self.assertEqual(headers['Accept-Ranges'], 'bytes')
        self.assertTrue(headers['ETag'].startswith('"'))
        with self.apple.open('/f.ipsw', method='HEAD') as reply:
            self.assertEqual((reply.status, reply.headers['Content-Length'], reply.read()), (200, '300001', b''))
        self.assertEqual(self.get('/f/f.ipsw')[1], self.data)

    def test_ranges(self):
        for text, want in (('bytes=0-0', self.data[:1]), ('bytes=100-199', self.data[100:200]),
                           ('bytes=300000-', self.data[300000:]), ('bytes=-5', self.data[-5:]),
                           ('bytes=299990-999999', self.data[299990:]), ('bytes=-999999', self.data)):
            status, body, headers = self.get(Range=text)
            self.assertEqual((status, body), (206, want), text)
            first = len(self.data) - len(want) if want is self.data or not text[6:7].isdigit() else int(text[6:].split('-')[0])
            self.assertEqual(headers['Content-Range'], f'bytes {first}-{first + len(want) - 1}/300001')
        for text in ('bytes=300001-', 'bytes=5-4', 'bytes=-0'):
            self.assertEqual(self.apple.status('/f.ipsw', Range=text), 416, text)
        for text in ('bytes=x-y', 'lines=1-2', 'bytes=0-1,5-6'):
            self.assertEqual(self.get(Range=text)[0], 200, text)

    def test_a_range_counts_only_while_the_file_is_the_same(self):
        mark = self.get()[2]['ETag']
        self.assertEqual(self.get(Range='bytes=10-19', If_Range=mark)[:2], (206, self.data[10:20]))
        self.assertEqual(self.get(Range='bytes=10-19', If_Range='"another"')[:2], (200, self.data))

    def test_the_manifest_stands_beside(self):
        status, body, _ = self.get('/real/BuildManifest.plist')
        self.assertEqual((status, plistlib.loads(body)['ProductVersion']), (200, '11.2'))

    def test_nothing_outside_of_the_folder(self):
        for path in ('/', '/none.ipsw', '/../f.ipsw/../../etc/passwd', '/..%2f..%2fetc%2fpasswd', '/.ipsw',
                     '/none/BuildManifest.plist', '/f/BuildManifest.plist', '/../BuildManifest.plist'):
            self.assertEqual(self.apple.status(path), 404, path)

    def test_a_host_that_breaks_off(self):
        self.apple.status('/sim/set?file.cut=1000')
        with self.assertRaises(Exception) as broken:
            self.get()
        self.assertEqual(getattr(broken.exception, 'partial', b''), self.data[:1000])

    def test_a_host_that_lies_about_the_length(self):
        self.apple.status('/sim/set?file.length=50')
        with self.assertRaises(Exception) as broken:
            self.get()
        self.assertEqual(getattr(broken.exception, 'partial', b''), self.data)
        self.apple.status('/sim/set?file.length=-50')
        self.assertEqual(self.get()[1], self.data[:-50])

    def test_a_host_that_changes_a_bit_or_knows_no_ranges(self):
        self.apple.status('/sim/set?file.flip=101')
        body = self.get()[1]
        self.assertEqual([i for i in range(len(body)) if body[i] != self.data[i]], [100])
        self.assertEqual(self.get(Range='bytes=100-100')[1], bytes([self.data[100] ^ 1]))
        self.apple.status('/sim/set?none=1&file.no-ranges=1')
        self.assertEqual(self.get(Range='bytes=0-9')[0], 200)

    def test_a_slow_host_still_tells_all(self):
        self.apple.status('/sim/set?file.throttle=3000000')
        self.assertEqual(self.get()[1], self.data)


class Tls(unittest.TestCase):
    def tries(self, kind):
        context = ssl.create_default_context(cafile=os.path.join(PKI, 'tls-root.pem'))
        with Apple('--tls', kind) as apple:
            try:
                with apple.open('/nothing', scheme='https', context=context):
                    return 'opened'
            except urllib.error.HTTPError as error:
                error.close()
                return error.code
            except urllib.error.URLError as error:
                return str(error.reason)

    def test_only_the_good_chain_is_taken(self):
        self.assertEqual(self.tries('good'), 404)
        self.assertIn('mismatch', self.tries('wrong-name'))
        self.assertIn('verify failed', self.tries('untrusted'))
        self.assertIn('expired', self.tries('expired'))


if __name__ == '__main__':
    unittest.main()
