# SPDX-License-Identifier: Apache-2.0
"""What an Update must have done, by the device's own word: one check, used by every road and turned against itself."""
import json


class Wrong(AssertionError):
    """A claim that did not hold; the words say which."""


def claim(true, words):
    if not true:
        raise Wrong(words)


def last_line(done):
    """The result object of a long-running command: exactly one, and last."""
    lines = [json.loads(line) for line in done.out.splitlines() if line.strip()]
    claim(lines and lines[-1].get("event") == "result", f"no result line (exit {done.code}): {done.err[-800:]}")
    claim(sum(line.get("event") == "result" for line in lines) == 1, "more than one result line")
    return lines[-1]


def percents(done):
    lines = [json.loads(line) for line in done.out.splitlines() if line.strip()]
    return [line["percent"] for line in lines if line.get("event") == "progress" and "percent" in line]


class Before:
    """What the device held before."""

    def __init__(self, stage):
        self.data, self.system = stage.hash_of("data"), stage.hash_of("system")


def check_updated(stage, before, version="11.3", build="15E216"):
    state = stage.control("state")
    claim(stage.hash_of("data") == before.data, "the user partition was changed")
    claim(stage.hash_of("system") == stage.hash_in(stage.new_ipsw), "the system volume is not the new one")
    claim(state["mode"] == "normal", f"the device is in {state['mode']} mode")
    claim(state["version"] == version and state["build"] == build, f"it runs {state['version']} ({state['build']})")
    claim(state["auto_boot"] == "true", "it would not start by itself next time")


def check_update_run(stage, done, before):
    claim(done.code == 0, f"exit {done.code}: {done.out[-1500:]} {done.err[-1500:]}")
    result = last_line(done)
    claim(result["ok"] is True and result["data_kept"] is True, "the result does not say data_kept")
    claim(result["version"] == "11.3" and result["build"] == "15E216", "the result names another version")
    claim(result["not_apple"] is True, "a ticket of the extra root must be called not Apple's")
    claim(result["device"]["mode"] == "normal", "the result does not end in Normal mode")
    seen = percents(done)
    claim(seen and seen == sorted(seen) and seen[-1] >= 99.9, f"progress went back or did not reach 100: "
          f"{[(a, b) for a, b in zip(seen, seen[1:]) if a > b]} {seen[-1:]}")
    check_updated(stage, before)
    return result


def check_failure(done, code, error=None, advice=None, itunes=None):
    """An exit code and an error of four parts, in JSON."""
    claim(done.code == code, f"exit {done.code}, not {code}: {done.out[-1500:]} {done.err[-1500:]}")
    result = last_line(done)
    claim(result["ok"] is False, "a failure that says ok")
    told = result["error"] if "error" in result else result
    for part in ("code", "title", "cause", "actions"):
        claim(told.get(part), f"the error lacks {part}: {told}")
    claim("log" in told and "itunes_code" in told, "the error lacks log or itunes_code")
    claim(error is None or told["code"] == error, f"code {told['code']}, not {error}: {told['cause']}")
    claim(advice is None or told["advice"] == advice, f"advice {told['advice']}, not {advice}: {told['cause']}")
    claim(itunes is None or told["itunes_code"] == itunes, f"number {told['itunes_code']}, not {itunes}")
    return result


SENDING = ("upload", "command", "setenv", "dnload", "go", "image")


def check_untouched(stage, before, mode="recovery"):
    """Nothing was sent: the device's own record and its storage are what they were."""
    claim(stage.hash_of("data") == before.data, "the user partition was changed")
    claim(stage.hash_of("system") == before.system, "the system volume was changed")
    claim(stage.control("state")["mode"] == mode, "the device changed its mode")
