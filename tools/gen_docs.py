#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages (scdoc) and shell completions out of the command table, so that they cannot disagree with it.

usage: gen_docs.py man COMMANDS.json PROSE_DIR SCDOC OUT_DIR
       gen_docs.py bash|zsh|fish COMMANDS.json OUT_FILE
       gen_docs.py errors COMMANDS.json ERRORS.json SCDOC OUT_FILE     revive-errors(7)

COMMANDS.json is what describe-commands prints. PROSE_DIR holds text by hand: overview.scd (end of revive(1)) and
VERB-WITH-DASHES.scd (end of that verb's page); a file there that names no verb is an error.
"""
import json
import os
import re
import subprocess
import sys

FILE_VALUES = {"FILE", "DIR", "FOLDER", "PATH", "FILE.db", "IPSW"}


def page_name(verb):
    return "revive-" + verb.replace(" ", "-") if verb else "revive"


def escape(text):
    """Plain text for scdoc: no character of it is markup."""
    return re.sub(r"([\\*_`#\[\]|])", r"\\\1", text)


def option_usage(option):
    value = option.get("value", "")
    if value.startswith("["):
        return f"--{option['name']}[={value[1:]}"
    return f"--{option['name']}" + (f" {value}" if value else "")


def option_lines(options):
    lines = []
    for option in options:
        letter = f"*-{option['letter']}*, " if option.get("letter") else ""
        name, _, value = option_usage(option).partition(" ")
        shown = f"*{escape(name)}*" + (f" _{escape(value)}_" if value else "")
        lines += [f"{letter}{shown}", f"\t{escape(option['help'][:1].upper() + option['help'][1:])}.", ""]
    return lines


def example_lines(example):
    return ["```"] + [line.strip() if n == 0 else line.rstrip() for n, line in enumerate(example.split("\n"))] + ["```", ""]


def verb_page(verb, table):
    usage = f"*revive {escape(verb['name'])}*" + (f" {escape(verb['words'])}" if verb.get("words") else "")
    lines = [f"{page_name(verb['name'])}(1) \"revive {table['version']}\" \"revive\"", "", "# NAME", "",
             f"{page_name(verb['name'])} - {escape(verb['summary'])}", "",
             "# SYNOPSIS", "", f"{usage} [OPTIONS]", ""]
    lines += ["# DESCRIPTION", "", escape(verb.get("about") or verb["summary"] + "."), ""]
    if verb["erases"]:
        lines += ["This command erases. It asks for the device's name to be typed before anything is done.", ""]
    if verb["options"]:
        lines += ["# OPTIONS", ""] + option_lines(verb["options"])
    lines += ["Options of every command (*--json*, *--sim*, *--log* and others) stand in *revive*(1).", ""]
    if verb.get("example"):
        lines += ["# EXAMPLE", ""] + example_lines(verb["example"])
    return lines


def overview_page(table):
    lines = [f"revive(1) \"revive {table['version']}\" \"revive\"", "", "# NAME", "",
             "revive - brings an iPhone, iPad or iPod touch back that does not start any more", "",
             "# SYNOPSIS", "", "*revive* [COMMAND] [OPTIONS]", "", "# COMMANDS", ""]
    for verb in table["commands"]:
        shown = f"*{page_name(verb['name'])}*(1)" if verb["name"] else "*revive*"
        lines += [shown, f"\t{escape(verb['summary'])}.", ""]
    return lines + ["# OPTIONS OF EVERY COMMAND", ""] + option_lines(table["options"])


def see_also(verb):
    others = {"": "*revive-errors*(7), *usbmuxd*(8)", "explain": "*revive*(1), *revive-errors*(7)"}
    return ["# SEE ALSO", "", others.get(verb["name"], "*revive*(1)"), ""]


def set_page(scdoc, lines, path):
    page = subprocess.run([scdoc], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    if page.returncode != 0:
        sys.exit(f"{path}: scdoc: {page.stderr.strip()}")
    with open(path, "w", encoding="utf-8") as out:
        out.write(page.stdout)


def steps_name(key):
    return f"steps “{key}”"


def error_title(row):
    if "range" in row:
        number = f"{row['range'][0]} to {row['range'][1]}"
    else:
        number = str(row["code"]) if "code" in row else "“" + row["match"][0] + "”"
    if row.get("code", 0) >= 0xE8000000:
        number = f"0x{row['code']:08X} ({row['code'] - (1 << 32)})"
    return number + (f", {row['symbol']}" if "symbol" in row else "") + f": {row['name']}"


def error_lines(row, errors):
    actions = [f"as under {steps_name(a[1:])}" if a.startswith("@") else a for a in row["actions"]]
    return [f"*{escape(error_title(row))}*", f"\t{escape(row['meaning'])}", "",
            f"\tWhy: {escape('; '.join(row['causes']))}.", "",
            f"\tWhat to do: {escape('; then '.join(a[:1].lower() + a[1:] if n and a[1:2].islower() else a for n, a in enumerate(actions)))}.",
            "", f"\tHow sure: {escape(errors['sure'][row['sure']])}.", ""]


def write_errors(table, errors, scdoc, out_path):
    """revive-errors(7): each number and message, in the families in which they are looked up."""
    lines = [f"revive-errors(7) \"revive {table['version']}\" \"revive\"", "", "# NAME", "",
             "revive-errors - what error numbers of iTunes, Finder, the phone and restore tools mean", "", "# DESCRIPTION", "",
             "This is the table behind *revive-explain*(1), which looks up one of them, in any spelling, or all that a log "
             "holds. The same number may mean different things in different families; a number typed alone is looked up in "
             "the order in which the families stand here.", ""]
    for domain in sorted(errors["domains"], key=lambda d: d["order"] or 99):
        rows = [row for row in errors["rows"] if row["domain"] == domain["id"]]
        rows.sort(key=lambda row: ("range" in row, abs(row.get("code", row.get("range", [0])[0]))))
        lines += [f"# {escape(domain['words'].upper())}", "", f"Family _{escape(domain['id'])}_.", ""]
        for row in rows:
            lines += error_lines(row, errors)
    lines += ["# STEPS THAT COME AGAIN", ""]
    for key, steps in errors["lists"].items():
        lines += [f"*{escape(steps_name(key))}*", ""]
        steps = [f"As under {steps_name(step[1:])}" if step.startswith("@") else step for step in steps]
        lines += [f". {escape(step)}" for step in steps] + [""]
    set_page(scdoc, lines + ["# SEE ALSO", "", "*revive*(1), *revive-explain*(1)", ""], out_path)


def write_man(table, prose_dir, scdoc, out_dir):
    os.makedirs(out_dir, exist_ok=True)
    for old in os.listdir(out_dir):
        os.unlink(os.path.join(out_dir, old))
    prose = {name[:-4]: open(os.path.join(prose_dir, name), encoding="utf-8").read()
             for name in os.listdir(prose_dir) if name.endswith(".scd")}
    for verb in table["commands"]:
        own = prose.pop(verb["name"].replace(" ", "-") or "overview", None)
        lines = verb_page(verb, table) if verb["name"] else overview_page(table)
        lines += ([own] if own else []) + see_also(verb)
        set_page(scdoc, lines, os.path.join(out_dir, page_name(verb["name"]) + ".1"))
    if prose:
        sys.exit(f"no verb has the name of this prose: {', '.join(sorted(prose))}")


def next_words(table):
    """{verb or its beginning: {next word: summary}}; "" is where a command line begins."""
    words = {}
    for verb in table["commands"]:
        parts = verb["name"].split()
        for depth in range(len(parts)):
            leaf = depth == len(parts) - 1
            words.setdefault(" ".join(parts[:depth]), {})[parts[depth]] = verb["summary"] if leaf else "…"
    return words


def takes_file(option):
    return option.get("value", "").strip("[]") in FILE_VALUES


def write_bash(table, out):
    print("# SPDX-License-Identifier: Apache-2.0\n# bash completion for revive; made from its command table", file=out)
    print("_revive_next() {\n    case $1 in", file=out)
    for head, words in sorted(next_words(table).items()):
        print(f"    '{head}') echo '{' '.join(sorted(words))}' ;;", file=out)
    print("    esac\n}\n_revive_options() {\n    case $1 in", file=out)
    for verb in table["commands"]:
        if verb["options"]:
            print(f"    '{verb['name']}') echo '{' '.join('--' + o['name'] for o in verb['options'])}' ;;", file=out)
    own = [o for verb in table["commands"] for o in verb["options"]] + table["options"]
    valued = sorted({"--" + o["name"] for o in own if o.get("value") and not o["value"].startswith("[")})
    files = sorted({"--" + o["name"] for o in own if takes_file(o)})
    print(f"""    esac
    echo '{' '.join('--' + o['name'] for o in table['options'])}'
}}
_revive() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} head= word i skip=
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ -n $skip ]]; then skip=; continue; fi
        case $word in
        {'|'.join(valued)}|-d) skip=1 ;;
        -*) ;;
        *) [[ " $(_revive_next "$head") " == *" $word "* ]] && head=${{head:+$head }}$word ;;
        esac
    done
    case $before in
    {'|'.join(files)}) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2>/dev/null; return ;;
    {'|'.join(v for v in valued if v not in files)}|-d) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_revive_options "$head")" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(_revive_next "$head")" -- "$cur")
        [[ ${{#COMPREPLY[@]}} -gt 0 ]] || {{ mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2>/dev/null; }}
    fi
}}
complete -F _revive revive""", file=out)


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write_fish(table, out):
    print("# SPDX-License-Identifier: Apache-2.0\n# fish completion for revive; made from its command table", file=out)
    print("""function __revive_head
    set -l words
    for word in (commandline -opc)[2..]
        string match -q -- '-*' $word; or set -a words $word
    end
    string join ' ' -- $words
end""", file=out)
    for head, words in sorted(next_words(table).items()):
        for word, summary in sorted(words.items()):
            here = f'test "$(__revive_head)" = "{head}"'
            print(f"complete -c revive -n {quoted(here)} -f -a {word} -d {quoted(summary)}", file=out)
    for verb, options in [(None, table["options"])] + [(v["name"], v["options"]) for v in table["commands"] if v["name"]]:
        for option in options:
            line = f"complete -c revive -l {option['name']}"
            if verb is not None:
                here = f'string match -q -- "{verb}*" "$(__revive_head)"'
                line += f" -n {quoted(here)}"
            if option.get("letter"):
                line += f" -s {option['letter']}"
            if takes_file(option):
                line += " -r -F"
            elif option.get("value") and not option["value"].startswith("["):
                line += " -x"
            print(f"{line} -d {quoted(option['help'])}", file=out)


def zsh_text(text):
    return text.replace("'", "'\\''").replace("[", "(").replace("]", ")").replace(":", " -")


def zsh_option(option):
    value = option.get("value", "")
    action = ""
    if value.startswith("["):
        return f"'--{option['name']}=-[{zsh_text(option['help'])}]::{value.strip('[]').lower()}:'"
    if value:
        action = f":{value.lower()}:" + ("_files" if takes_file(option) else "")
    return f"'--{option['name']}[{zsh_text(option['help'])}]{action}'"


def write_zsh(table, out):
    print("#compdef revive\n# SPDX-License-Identifier: Apache-2.0\n# zsh completion for revive; made from its command table", file=out)
    print("_revive() {\n    local head= word\n    local -a next options", file=out)
    print("    for word in ${words[2,CURRENT-1]}; do\n        [[ $word == -* ]] || head=\"${head:+$head }$word\"\n    done", file=out)
    print("    case $head in", file=out)
    for head, words in sorted(next_words(table).items()):
        rows = " ".join(f"'{word}:{zsh_text(summary)}'" for word, summary in sorted(words.items()))
        print(f"    '{head}') next=({rows}) ;;", file=out)
    print("    esac\n    case $head in", file=out)
    for verb in sorted((v for v in table["commands"] if v["name"] and v["options"]), key=lambda v: -len(v["name"])):
        print(f"    '{verb['name']}'*) options=({' '.join(zsh_option(o) for o in verb['options'])}) ;;", file=out)
    common = " ".join(zsh_option(o) for o in table["options"])
    print(f"    esac\n    if (( ${{#next}} )) && [[ $words[CURRENT] != -* ]]; then\n        _describe command next\n    else\n"
          f"        _arguments -S $options {common} '*:file:_files'\n    fi\n}}\n_revive \"$@\"", file=out)


def main():
    table = json.load(open(sys.argv[2], encoding="utf-8"))
    if sys.argv[1] == "man":
        write_man(table, *sys.argv[3:6])
        return
    if sys.argv[1] == "errors":
        write_errors(table, json.load(open(sys.argv[3], encoding="utf-8")), *sys.argv[4:6])
        return
    with open(sys.argv[3], "w", encoding="utf-8") as out:
        {"bash": write_bash, "zsh": write_zsh, "fish": write_fish}[sys.argv[1]](table, out)


if __name__ == "__main__":
    main()
