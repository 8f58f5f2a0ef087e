#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data/certs/*.der -> byte arrays, refusing a file whose fingerprint is not the one in SOURCES.md."""
import hashlib
import os
import re
import sys

folder, target = sys.argv[1:3]
table = dict(re.findall(r"^\| (\S+\.der) \| ([0-9a-f]{64}) \|", open(os.path.join(folder, "SOURCES.md")).read(), re.M))
files = sorted(f for f in os.listdir(folder) if f.endswith(".der"))
if sorted(table) != files:
    sys.exit(f"{folder}: files and SOURCES.md differ")
with open(target, "w") as out:
    rows = []
    for i, name in enumerate(files):
        der = open(os.path.join(folder, name), "rb").read()
        if hashlib.sha256(der).hexdigest() != table[name]:
            sys.exit(f"{name}: fingerprint differs from SOURCES.md")
        out.write(f"static const uint8_t root_{i}[] = {{ {','.join(map(str, der))} }};\n")
        rows.append(f'    {{ "{name[:-4]}", {{ root_{i}, sizeof root_{i} }} }},\n')
    out.write("const struct rv_root rv_roots[] = {\n" + "".join(rows) + "};\n")
