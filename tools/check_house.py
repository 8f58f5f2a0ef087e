#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the habits of the house that a compiler does not: which way includes point, how long a function is,
what is never called, where files stand. Rules: tools/house.toml. Words: ARCHITECTURE.md.

usage: check_house.py [ROOT]      prints one line a complaint, exit 1 when there is one
"""
import pathlib
import re
import sys
import tomllib

SPDX = "SPDX-License-Identifier: Apache-2.0"
# Folders whose text is data for a test, or made by a build.
NOT_OURS = ("build", ".git", "tests/house/cases", "fuzz/corpus", "docs/")


class Complaint:
    def __init__(self, rule, path, line, words):
        self.rule, self.path, self.line, self.words = rule, path, line, words

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.words}"


def strip(text):
    """Comments, strings and character constants blanked, line breaks kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def room_of(path):
    """'format' of src/format/x.c, 'sim' of sim/x.c, None for tests and the like."""
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return "sim" if parts[0] == "sim" else None


def functions(code):
    """(first line, last line, text of the head) of each function: its braces stand alone in column 0."""
    lines = code.split("\n")
    start, head = None, []
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{" and start is None:
            start = number
        elif line.rstrip() == "}" and start is not None:
            yield start, number, " ".join(head).strip(), lines[start:number - 1]
            start, head = None, []
        elif start is None:
            head = [] if line.strip() == "" or line.startswith(("}", "#")) or line.rstrip().endswith(";") else head + [line]


def parameter_count(head):
    """Parameters besides the error, an array and its length being one; the head is blanked text up to the body."""
    opening = re.search(r"\b\w+\s*\((?!\()", head)
    if opening is None:
        return 0
    depth, count, inside = 0, 1, ""
    for char in head[opening.end() - 1:]:
        depth += (char == "(") - (char == ")")
        if depth == 0:
            break
        if char == "," and depth == 1:
            count += 1
        inside += char
    if inside.strip("( ") in ("", "void"):
        return 0
    lengths = len(re.findall(r"[*\]]\s*\w*,\s*(?:size_t|uint32_t|unsigned) (?:\w*_)?(?:len|size|count|max|room)\b", inside))
    return count - lengths - (1 if re.search(r"struct rv_error \*\w+\s*$", inside) else 0)


def check_includes(path, text, rules, out):
    room = room_of(path)
    seen_first = None
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
        if match is None:
            continue
        own, system = match.groups()
        seen_first = seen_first or (number, own)
        if room is None:
            continue
        if own is not None:
            target = own.split("/")[0] if "/" in own else None
            allowed = [room] + rules["include"].get(room, [])
            if own in rules["generated"] or own.endswith("_table.inc"):
                if room not in rules["generated"].get(own, rules["generated"]["tables"]):
                    out.append(Complaint("include", path, number, f'{room} may not include the generated "{own}"'))
            elif target is None:
                out.append(Complaint("include", path, number, f'"{own}" must be named by its room'))
            elif target not in allowed:
                out.append(Complaint("include", path, number, f"{room} may not include {target} ({own})"))
        elif system not in rules["libc"]["headers"]:
            rooms = next((r for h, r in rules["system"].items()
                          if system == h or (h.endswith("/") and system.startswith(h))), None)
            if rooms is None:
                out.append(Complaint("system", path, number, f"<{system}> stands in no list of tools/house.toml"))
            elif room not in rooms:
                out.append(Complaint("system", path, number, f"{room} may not include <{system}>"))
    return seen_first


def check_functions(path, text, code, rules, out):
    limits = rules["limits"]
    raw = text.split("\n")
    for first, last, head, body in functions(code):
        length = last - first - 1
        above = "\n".join(raw[max(0, first - 8):first])
        if length > limits["function_lines"] and "/* long: " not in above:
            out.append(Complaint("length", path, first, f"a function of {length} lines, {limits['function_lines']} at most"))
        count = parameter_count(head)
        named = re.search(r"\b(\w+)\s*\(", head)
        if count > limits["parameters"] and (named is None or named.group(1) not in rules["wide"]):
            out.append(Complaint("parameters", path, first,
                                 f"{count} parameters besides the error, {limits['parameters']} at most"))
        for offset, line in enumerate(body, first + 1):
            control = re.match(r"( *)(?:} else |)(?:if|for|while|switch|do|\w+_foreach)\b", line)
            if control and len(control.group(1)) // 4 > limits["nesting"]:
                out.append(Complaint("nesting", path, offset, f"control flow nested deeper than {limits['nesting']}"))


def check_calls(path, code, rules, out):
    names = [name for name in rules["banned"] if path not in rules["banned_except"].get(name, [])]
    # One search a line for all of them: there are many lines and hardly ever a hit.
    banned = re.compile(r"(?<![\w.>])(?:(goto)\b|(" + "|".join(n for n in names if n != "goto") + r")\s*\()")
    for number, line in enumerate(code.split("\n"), 1):
        if re.match(r"\s*#", line):
            continue
        for name in {hit.group(1) or hit.group(2) for hit in banned.finditer(line)} & set(names):
            out.append(Complaint("banned", path, number, f"{name}: use {rules['banned'][name]}"))
        if re.search(r"__attribute__\s*\(\(\s*packed", line):
            out.append(Complaint("packed", path, number, "read fields through rv_reader; no packed struct"))


def check_c(path, text, rules):
    """Complaints about one C file of src, sim, tests or fuzz. Pure: path is a name, nothing is read."""
    out, code = [], strip(text)
    lines = text.split("\n")
    stem = pathlib.PurePath(path).stem
    if SPDX not in lines[0]:
        out.append(Complaint("spdx", path, 1, f"the first line must say {SPDX}"))
    for word in re.split(r"[_\W]", stem.lower()):
        if word in rules["names"]["refused"]:
            out.append(Complaint("name", path, 1, f"'{word}' says nothing: name the file after what it holds"))
    if path.endswith(".h") and "#pragma once" not in text:
        out.append(Complaint("once", path, 1, "a header begins with #pragma once"))
    if len(lines) > rules["limits"]["file_lines"] and "long: " not in text[:2000]:
        out.append(Complaint("file-length", path, len(lines), f"more than {rules['limits']['file_lines']} lines"))
    check_includes(path, text, rules, out)
    check_functions(path, text, code, rules, out)
    check_calls(path, code, rules, out)
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            out.append(Complaint("unfinished", path, number, "say it in docs/ or do it"))
    return out


def check_own_header(path, text, exists):
    """A .c file that has a header of its name includes it first, or a wider header of its folder that does."""
    header = path[:-2] + ".h"
    if not path.endswith(".c") or room_of(path) is None or not exists(header):
        return []
    first = re.search(r'^\s*#\s*include\s+(["<][^">]+[">])', text, flags=re.M)
    want = f'"{header.removeprefix("src/")}"'
    folder = want[:want.rindex("/") + 1]
    if first is None or not first.group(1).startswith(folder):
        return [Complaint("own-header", path, 1, f"includes {want} first")]
    return []


def check_roads(text, exists):
    """Every file that ARCHITECTURE.md names must be there."""
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        for name in re.findall(r"(?<![\w/.<])((?:[a-z0-9_]+/)+[a-z0-9_]+\.(?:c|h|py|json|toml|md))\b", line):
            if not any(exists(prefix + name) for prefix in ("", "src/")):
                out.append(Complaint("road", "ARCHITECTURE.md", number, f"there is no {name}"))
    return out


def twins(paths):
    """Files of one tree share no name: a reader finds one by its noun."""
    out, seen = [], {}
    for path in paths:
        tree = path.split("/")[0]
        name = pathlib.PurePath(path).name
        if tree == "src" and path.endswith(".c"):
            if name in seen:
                out.append(Complaint("twin", path, 1, f"{seen[name]} has the same name"))
            seen[name] = path
    return out


def lost_tests(paths, builds):
    """A test in C that no build file of its folder names is run by nobody."""
    out = []
    for path in paths:
        name = pathlib.PurePath(path).stem
        if re.fullmatch(r"tests/\w+/test_\w+\.c", path):
            build = builds.get(str(pathlib.PurePath(path).parent / "meson.build"), "")
            if f"'{name.removeprefix('test_')}'" not in build and f"'{name}.c'" not in build:
                out.append(Complaint("lost-test", path, 1, "the meson.build of its folder does not name it"))
    return out


def load_rules(root):
    return tomllib.loads((root / "tools/house.toml").read_text(encoding="utf-8"))


def our_files(root, suffixes):
    for folder in ("src", "sim", "tests", "fuzz", "bench", "tools", "data"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and path.suffix in suffixes and not name.startswith(NOT_OURS):
                yield name, path.read_text(encoding="utf-8")


def check_tree(root):
    rules = load_rules(root)
    out = []

    def exists(name):
        return (root / name).is_file()

    paths, builds = [], {}
    for name, text in our_files(root, {".c", ".h"}):
        paths.append(name)
        out += check_c(name, text, rules)
        out += check_own_header(name, text, exists)
    for name, text in our_files(root, {".py", ".build", ".toml", ".sh"}):
        if SPDX not in "\n".join(text.split("\n")[:2]):
            out.append(Complaint("spdx", name, 1, f"the first lines must say {SPDX}"))
        builds[name] = text
    out += twins(paths) + lost_tests(paths, builds)
    architecture = root / "ARCHITECTURE.md"
    if architecture.is_file():
        out += check_roads(architecture.read_text(encoding="utf-8"), exists)
    return out


def nudges(root, limit):
    for name, text in our_files(root, {".c"}):
        for first, last, _, _ in functions(strip(text)):
            if last - first - 1 > limit:
                yield f"{name}:{first}: nudge: a function of {last - first - 1} lines"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    complaints = check_tree(root)
    for line in nudges(root, load_rules(root)["limits"]["function_lines_nudge"]):
        print(line)
    for complaint in complaints:
        print(complaint)
    print(f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
