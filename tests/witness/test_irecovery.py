# SPDX-License-Identifier: Apache-2.0
"""irecovery of Debian, unmodified, before the virtual iPhone over umockdev."""
import re
import sys

import witness
from witness import Phone, expect, host

DONE = "Command completed successfully"


def phone(folder, **more):
    return Phone(folder / "phone", **more)


def nonce_of(result):
    found = re.search(r"NONC: ([0-9a-f]{40,64})", result.stdout)
    expect(found, result)
    return found.group(1)


def test_q_tells_who_is_in_recovery(folder):
    p = phone(folder)
    r = host([p], ["recovery"], ["irecovery", "-v", "-q"])
    for line in ("CPID: 0x8015", "BDID: 0x0e", "ECID: 0x000a1b2c3d4e5f26", "CPFM: 0x03", "IBFL: 0x3d", "SRTG: N/A",
                 "SRNM: SIM", "MODE: Recovery"):
        expect(line in r.stdout, line, r)
    expect("Connected to iPhone10,6, model d221ap, cpid 0x8015, bdid 0x0e" in r.stderr, r)
    expect(len(nonce_of(r)) == 64, r)


def test_q_tells_who_is_in_dfu(folder):
    p = phone(folder)
    r = host([p], ["dfu"], ["irecovery", "-v", "-q"])
    for line in ("CPID: 0x8015", "ECID: 0x000a1b2c3d4e5f26", "IBFL: 0x3c", "SRTG: iBoot-3332.0.0.1.23", "MODE: DFU"):
        expect(line in r.stdout, line, r)


def test_q_reads_the_short_nonce_of_an_older_phone(folder):
    p = phone(folder, product="iPhone7,2")
    r = host([p], ["dfu"], ["irecovery", "-v", "-q"])
    expect("Connected to iPhone7,2, model n61ap" in r.stderr, r)
    expect(len(nonce_of(r)) == 40, r)


def test_m_tells_the_mode(folder):
    p = phone(folder)
    expect("Recovery Mode" in host([p], ["recovery"], ["irecovery", "-v", "-m"]).stdout)
    expect("DFU Mode" in host([p], ["dfu"], ["irecovery", "-v", "-m"]).stdout)


def test_a_command_reaches_the_device(folder):
    p = phone(folder)
    r = host([p], ["recovery"], ["irecovery", "-v", "-c", "setenv auto-boot true"])
    expect(DONE in r.stderr + r.stdout, r)
    expect(p.recorded("command", "setenv auto-boot true"), p.record())


def test_n_leaves_recovery_for_the_system(folder):
    p = phone(folder)
    # The program alone does not wait for the device, so a shell waits on the device's record.
    wait = f'for i in $(seq 100); do grep -q "attached.*normal" {p.state}/record.jsonl && exit 0; sleep 0.1; done; exit 1'
    r = host([p], ["recovery"], ["sh", "-c", "irecovery -v -n; " + wait])
    expect(r.returncode == 0, r, p.record())
    expect(DONE in r.stderr + r.stdout, r)
    words = [x["text"] for x in p.record() if x["what"] == "command"]
    expect(words == ["setenv auto-boot true", "saveenv", "reboot"], words)
    expect(p.recorded("nvram", "saved; auto-boot=true"), p.record())


def test_f_in_recovery_arrives_whole(folder):
    p = phone(folder)
    image = p.image("iBEC", "none", size=200000)
    r = host([p], ["recovery"], ["sh", "-c", f"irecovery -v -f {image} && irecovery -v -c go; sleep 0.3"])
    expect((r.stderr + r.stdout).count(DONE) == 2, r)
    # An unsigned iBEC arrives, `go` goes through on USB, and nothing happens but a line in the record.
    expect(p.recorded("refused", f"ibec ({image.stat().st_size} bytes)"), p.record())
    expect([x["what"] for x in p.record()].count("attached") == 1, p.record())


def test_f_in_recovery_starts_a_signed_ibec(folder):
    p = phone(folder)
    make = f'{witness.MAKE_IMAGE} {witness.PKI} {p.state} $N iBEC {folder}/ibec 200000'
    script = f'''
        N=$(irecovery -q | sed -n "s/NONC: //p")
        LD_PRELOAD= {make} || exit 9
        irecovery -v -f {folder}/ibec && irecovery -v -c go
        for i in $(seq 100); do grep -q "running iBEC" {p.state}/record.jsonl && exit 0; sleep 0.1; done; exit 1'''
    r = host([p], ["recovery"], ["sh", "-c", script])
    expect(r.returncode == 0, r, p.record())
    expect((r.stderr + r.stdout).count(DONE) == 2, r)
    expect(p.recorded("accepted", "ibec"), p.record())


def dfu_script(p, folder, nonce):
    return f'''
        N={nonce}
        [ $N = ask ] && N=$(irecovery -q | sed -n "s/NONC: //p")
        LD_PRELOAD= {witness.MAKE_IMAGE} {witness.PKI} {p.state} $N iBSS {folder}/ibss 50000 || exit 9
        irecovery -v -f {folder}/ibss
        for i in $(seq 100); do [ $(grep -c '"attached"' {p.state}/record.jsonl) = 2 ] && break; sleep 0.1; done
        sleep 0.3
        irecovery -v -q'''


def test_f_in_dfu_starts_a_signed_ibss(folder):
    p = phone(folder)
    r = host([p], ["dfu"], ["sh", "-c", dfu_script(p, folder, "ask")])
    expect(DONE in r.stderr + r.stdout, r)
    expect(p.recorded("accepted", "ibss"), p.record())
    expect("MODE: Recovery" in r.stdout and "SRTG: N/A" in r.stdout, r, p.record())


def test_f_in_dfu_of_an_older_phone_stays_in_dfu_without_the_rom_tag(folder):
    p = phone(folder, product="iPhone7,2")
    r = host([p], ["dfu"], ["sh", "-c", dfu_script(p, folder, "ask")])
    expect(p.recorded("accepted", "ibss"), p.record())
    expect("MODE: DFU" in r.stdout and "SRTG: N/A" in r.stdout, r, p.record())


def test_f_in_dfu_with_an_unsigned_ibss_comes_back_as_rom(folder):
    p = phone(folder)
    r = host([p], ["dfu"], ["sh", "-c", dfu_script(p, folder, "none")])
    expect(p.recorded("refused", "ibss"), p.record())
    expect("MODE: DFU" in r.stdout and "SRTG: iBoot-3332.0.0.1.23" in r.stdout, r, p.record())


def test_f_in_dfu_with_yesterdays_nonce_comes_back_as_rom(folder):
    p = phone(folder)
    r = host([p], ["dfu"], ["sh", "-c", dfu_script(p, folder, "00" * 32)])
    expect(p.recorded("refused", "ibss"), p.record())
    expect("SRTG: iBoot-3332.0.0.1.23" in r.stdout, r, p.record())


def test_an_upload_cut_by_the_cable_is_no_success(folder):
    p = phone(folder)
    image = p.image("iBEC", "none", size=400000)
    r = host([p], ["recovery"], ["irecovery", "-v", "-f", str(image)], options=["--set", "fault.vanish_at=100000"])
    expect(r.returncode == 0, r)  # its status tells nothing
    expect(DONE not in r.stderr + r.stdout, r)
    expect(p.recorded("fault", "vanish_at") and p.recorded("detached"), p.record())


def test_two_phones_are_told_apart_by_ecid(folder):
    one = Phone(folder / "one")
    two = Phone(folder / "two", ecid="0x0004711047110471")
    # The first phone: libirecovery 1.0.0 opens the bus from its newest device on, and crashes (its own fault) when
    # the one it looks for is not the last that it opens.
    r = host([one, two], ["recovery", "recovery"], ["irecovery", "-v", "-i", "0x000a1b2c3d4e5f26", "-c", "bgcolor 1 2 3"])
    expect(DONE in r.stderr + r.stdout, r)
    expect(one.recorded("screen", "background 1 2 3") and not two.recorded("screen"), one.record(), two.record())


if __name__ == "__main__":
    witness.need("irecovery")
    witness.tests(sys.modules["__main__"])
