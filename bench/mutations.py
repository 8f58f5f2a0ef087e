# SPDX-License-Identifier: Apache-2.0
"""The one-line mistakes that `./dev bench mutants` makes on purpose, each as a new text of one line."""
import json
import re

COMPARE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
BINARY = re.compile(r"(?<=[\w)\]] )(<=|>=|==|!=|<|>|&&|\|\||\+|-|\+=|-=)(?= [\w(!*&\"'-])")
NUMBER = re.compile(r"(?<![\w.~])([1-9]\d*|0|0x[0-9A-Fa-f]+)(?![\w.~])")
STATEMENT = re.compile(r"\s+(?!return\b|break\b|continue\b|case\b|default\b|else\b|static\b|const\b|struct\b|enum\b|unsigned\b"
                       r"|RV_AUTO|uint|int\b|size_t\b|bool\b|char\b|json_t\b|plist_t\b)[A-Za-z_*(][^{}]*;$")
SWAP = {"&&": "||", "||": "&&", "+": "-", "-": "+", "+=": "-=", "-=": "+="}


def hide_texts(line):
    """The line with the insides of texts and comments blanked, so that nothing in them is taken for code."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', lambda m: '"' + "~" * (len(m.group()) - 2) + '"', line)
    line = re.sub(r"'(?:\\.|[^'\\])+'", lambda m: "'" + "~" * (len(m.group()) - 2) + "'", line)
    return re.sub(r"/\*.*?\*/|//.*", lambda m: "~" * len(m.group()), line)


def of_operators(line, masked):
    for match in BINARY.finditer(masked):
        old = match.group(1)
        new = COMPARE.get(old) or SWAP[old]
        kind = "comparison" if old in COMPARE else "and-or" if old in ("&&", "||") else "plus-minus"
        yield kind, line[:match.start(1)] + new + line[match.end(1):]


def of_constants(line, masked):
    for match in NUMBER.finditer(masked):
        if masked[:match.start()].rstrip().endswith(("[", "case")) or masked[match.end():match.end() + 1] == "]":
            continue
        value = int(match.group(), 0)
        yield "off by one", line[:match.start()] + str(value + 1) + line[match.end():]
    for word, other in (("true", "false"), ("false", "true")):
        for match in re.finditer(rf"\b{word}\b", masked):
            yield "true-false", line[:match.start()] + other + line[match.end():]


def of_conditions(line, masked):
    match = re.match(r"(\s*(?:\} else )?(?:if|while) \()(.*)(\)(?: \{)?)$", masked)
    if match and balanced(match.group(2)):
        inside = line[match.end(1):match.start(3)]
        yield "negated condition", line[:match.end(1)] + f"!({inside})" + line[match.start(3):]
        call = re.match(r"!(\w+\(.*\))$", inside)
        if call and balanced(masked[match.end(1) + 1:match.start(3)]):
            yield "unchecked call", line[:match.end(1)] + f"(void)({call.group(1)}), 0" + line[match.start(3):]


def of_statements(line, masked):
    if STATEMENT.match(masked) and balanced(masked):
        yield "removed line", line[:len(line) - len(line.lstrip())] + ";"


def balanced(text):
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if depth < 0:
            return False
    return depth == 0


def mutants_of(root, path):
    """Every one-line mutation inside the functions of a file; words for the log alone are no behaviour."""
    inside, logging = False, False
    for number, line in enumerate((root / path).read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("{"):
            inside = True
        elif line.startswith("}"):
            inside = False
        logging = logging or "rv_log(" in line
        if not inside or logging or not line.startswith("    ") or line.lstrip().startswith(("/*", "*", "#")):
            logging = logging and not line.endswith(";")
            continue
        masked = hide_texts(line)
        found = [m for source in (of_operators, of_constants, of_conditions, of_statements) for m in source(line, masked)]
        for kind, new in found:
            if new != line:
                yield {"file": path, "line": number, "kind": kind, "old": line.strip(), "new": new.strip(), "text": new}


def key_of(mutant):
    return json.dumps([mutant[k] for k in ("file", "kind", "old", "new")])
