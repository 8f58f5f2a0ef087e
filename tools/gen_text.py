#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A text file as the words of a C string: gen_text.py SOURCE OUT"""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as source, open(sys.argv[2], "w", encoding="utf-8") as out:
    out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in source)
