#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a terminal showed, as an SVG picture for the documentation.

usage: script -qec 'stty cols 100; ./dev try' run.ansi; tools/term_svg.py run.ansi docs/try.svg [KEEP]
Understands what revive writes: carriage return, erase to the end of the line, colours. A live line that holds the
word KEEP (such as "MB/s") stays in the picture as it last stood, above what replaced it.
"""
import html
import re
import sys

COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "2": "#8b949e", "1": "#ffffff"}
PLAIN, BACK, LINE, CELL, MARGIN = "#c9d1d9", "#0d1117", 18, 7.83, 14


def screen(data, keep=None):
    """Lines of (character, colour, bold) as they stand at the end."""
    lines, column, colour, bold, kept = [[]], 0, PLAIN, False, None
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]|\x1b", data):
        row = lines[-1]
        if token == "\n":
            if kept is not None:
                lines.insert(-1, kept)
                kept = None
            lines.append([])
            column = 0
        elif token == "\r":
            column = 0
        elif token.startswith("\x1b["):
            if token.endswith("K"):
                if keep is not None and keep in "".join(char for char, _, _ in row):
                    kept = list(row)
                del row[column:]
            elif token.endswith("m"):
                for code in token[2:-1].split(";"):
                    bold = code == "1" or (bold and code != "0")
                    colour = COLOURS.get(code, PLAIN if code in ("", "0") else colour)
        elif token >= " ":
            while len(row) <= column:
                row.append((" ", PLAIN, False))
            row[column] = (token, colour, bold)
            column += 1
    return lines


def runs(row):
    """Neighbours of one look, joined."""
    out = []
    for column, (char, colour, bold) in enumerate(row):
        if out and out[-1][2:] == (colour, bold):
            out[-1] = (out[-1][0], out[-1][1] + char, colour, bold)
        else:
            out.append((column, char, colour, bold))
    return out


def picture(lines):
    while lines and not lines[-1]:
        lines.pop()
    width = max((len(row) for row in lines), default=0) * CELL + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    body = []
    for number, row in enumerate(lines):
        y = MARGIN + LINE * (number + 0.75)
        for column, text, colour, bold in runs(row):
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                body.append(f'<text x="{MARGIN + column * CELL:.1f}" y="{y:.1f}" fill="{colour}"{weight} '
                            f'xml:space="preserve">{html.escape(text)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">\n'
            f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>\n' + "\n".join(body) + "\n</svg>\n")


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace", newline="") as capture:
        data = capture.read()
    data = data.replace("\r\n", "\n")
    data = re.sub(r"^Script started[^\n]*\n|\nScript done[^\n]*\n?$", "", data)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(picture(screen(data, sys.argv[3] if len(sys.argv) > 3 else None)))


if __name__ == "__main__":
    main()
