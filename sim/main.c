/* SPDX-License-Identifier: Apache-2.0 */
/* revive-sim: the virtual iPhone and Apple's side of the wire, on the command line. */
#include "sim/program.h"

#include <stdio.h>
#include <string.h>

static const struct sim_verb verbs[] = {
    { "apple", sim_verb_apple, "Apple's signing server and firmware host",
      "revive-sim apple --listen 127.0.0.1:0 --pki PKI [--files FOLDER] [--refuse STATUS] [--record FILE]\n"
      "                 [--tls good|wrong-name|untrusted|expired] [--fault NAME=VALUE...]",
      "revive-sim apple --listen 127.0.0.1:8080 --pki pki --files ipsw" },
    { "ctl", sim_verb_ctl, "say one thing to a running device", "revive-sim ctl --control SOCKET WORDS...",
      "revive-sim ctl --control /tmp/phone.ctl damage system" },
    { "ipsw", sim_verb_ipsw, "make a firmware file",
      "revive-sim ipsw --out FILE [--manifest BuildManifest.plist | --product P] [--version V --build B] [--bytes N] "
      "[--seed S] "
      "[--deflate]",
      "revive-sim ipsw --out new.ipsw --version 11.3 --build 15E216 --bytes 16777216 --seed 2" },
    { "ipsw-damage", sim_verb_ipsw_damage, "spoil a firmware file",
      "revive-sim ipsw-damage FILE --cut BYTES | --flip OFFSET | --component NAME | --forge NAME\n"
      "       --component breaks the archive's checksum, --forge keeps it: only the manifest's digest can tell.",
      "revive-sim ipsw-damage bad.ipsw --forge iBEC" },
    { "ipsw-hash", sim_verb_ipsw_hash, "SHA-384 of the system volume that a firmware file installs",
      "revive-sim ipsw-hash FILE", "revive-sim ipsw-hash new.ipsw" },
    { "new", sim_verb_new, "lay a new device",
      "revive-sim new --state DIR --pki PKI [--ipsw FILE] [--product P] [--model M] [--ecid N] [--data-bytes N] "
      "[--seed "
      "S]",
      "revive-sim new --state phone --ipsw old.ipsw --pki pki" },
    { "pki", sim_verb_pki, "make the keys that this world trusts", "revive-sim pki DIR", "revive-sim pki pki" },
    { "run", sim_verb_run, "switch devices on and serve them until told to stop",
      "revive-sim run --state DIR [--state DIR...] [--usbmuxd ADDRESS] [--usbip ADDRESS] [--control SOCKET]\n"
      "               [--mode normal|recovery|dfu|off] [--time-scale F] [--set NAME=VALUE...] [--ready-fd N]\n"
      "               [--record FILE: all that the host sends, one JSON line each]\n"
      "       An ADDRESS is UNIX:/path or 127.0.0.1:PORT.\n"
      "       Settings of its person's files, laid when it is first asked for them: files=N, person=no,\n"
      "       files_size=BYTES|LEAST-MOST, files_seed=N. Of backups: system=VERSION (the generation it plays),\n"
      "       backup_password=TEXT, keybag_rounds=N, passcode=yes, backup_passcode=enter|refuse|ignore, "
      "backup_passcode_ms=N,\n"
      "       restore_strict=no, restore_digests=yes|no, data_room=BYTES, backup_requires_encryption=yes,\n"
      "       backup_managed_off=yes, cloud_restoring=yes, setup_done=no, find_my=yes, backup_digests_all=yes (of "
      "every file),\n"
      "       backup_autolock=yes (208 when no host keeps it awake), backup_cancelled=yes (202 at the next step).\n"
      "       Faults of backups, each once, at a STEP (status, listing, space, uploading, in-uploading, batch, file,\n"
      "       uploaded, manifest, moving, in-moving, move, removing, in-removing, finished, properties, place, "
      "response):\n"
      "       fault.backup_cancel (by the person: hosts are told), fault.backup_cut, fault.backup_hangup,\n"
      "       fault.backup_stall =STEP, fault.backup_error=\"STEP CODE\"; the "
      "STEP\n"
      "       file is in the middle of the file whose number fault.backup_file holds. While they are set:\n"
      "       fault.backup_unreadable=N (file N breaks off), fault.backup_total=yes (a lie about all bytes),\n"
      "       fault.backup_no_code=yes (an answer without a code).\n"
      "       hostile=KIND does one thing that harms: absolute, block-code, block-length, block-zero, case, control,\n"
      "       copy-in, copy-out, deep, dotdot, dotdot-first, empty, endless, frame-broken, frame-empty, frame-length,\n"
      "       latin1, list-out, long, mkdir-out, move-in, move-out, name-length, nul, other, read-absolute, read-out,\n"
      "       remove-all, remove-out, silent, types, unknown.",
      "revive-sim run --state phone --usbmuxd UNIX:/tmp/mux --usbip UNIX:/tmp/usb --control /tmp/phone.ctl" },
    { "stage", sim_verb_stage, "lay a whole scene: keys, two firmware files, a device in trouble",
      "revive-sim stage --dir DIR [--scenario boot-loop|fresh|recovery|dfu] [--bytes N] [--data-bytes N]",
      "revive-sim stage --dir /tmp/scene --scenario boot-loop" },
};

static void print_verb(const struct sim_verb *verb)
{
    printf("%s: %s.\n\nUsage: %s\n\nExample:\n  %s\n", verb->name, verb->what, verb->use, verb->example);
}

static void print_all(FILE *to)
{
    fprintf(to, "revive-sim %s: a virtual iPhone, and Apple's side of the wire.\n\n", REVIVE_VERSION);
    for (size_t i = 0; i < RV_COUNT(verbs); i++)
        fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].what);
    fprintf(to, "\nrevive-sim VERB --help tells more.\n");
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_all(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_all(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("revive-sim " REVIVE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < RV_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, argv[1]) != 0)
            continue;
        if (wants_help(argc, argv)) {
            print_verb(&verbs[i]);
            return 0;
        }
        struct sim_words words = { argc - 2, argv + 2, 0 };
        return verbs[i].run(&words);
    }
    fprintf(stderr, "revive-sim: no such verb: %s (see revive-sim --help)\n", argv[1]);
    return 2;
}
