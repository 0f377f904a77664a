"""What the facts of two arms show of their security. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, Literal

from perfproof.checks.security.limits import cost, times
from perfproof.checks.sides import both
from perfproof.core.numbers import count_of, listed
from perfproof.model.checks import Compared, Facts, Measure
from perfproof.model.result import Finding

_MOST_SHOWN = 12
_VALIDATED = (400, 409, 415, 422)
_NAME = "name its OpenAPI document (`checks: {document: ...}`), or add requests to the scenario"
NO_TEST = (
    "this is no penetration test: it asked from outside, harmlessly and within its requests, so what it did not find "
    "may still be there"
)


def compare(before: Facts | None, after: Facts, settings: Mapping[str, Any]) -> Compared:
    """Return the measures and findings of two arms, or of one."""
    sides = [before, after]
    named = bool((settings.get("rate_limit") or {}).get("request"))
    limits = "no limit was found" if named else _unnamed(settings)
    measures = [
        _both("sql_injection", sides, _injected, _why_inputs(_unknown(sides, _injected)), _uncounted(after)),
        _both("reflected_input", sides, _reflected, _why_inputs(_unknown(sides, _reflected)), _pageless(after)),
        _both("authorisation", sides, _authorised, _why_authorised(_unknown(sides, _authorised))),
        _both("csrf", sides, _forgeable, _why_forged(_unknown(sides, _forgeable))),
        _both("cors", sides, _cors, f"no endpoint answered rightly: {_NAME}"),
        _both("secrets_in_answers", sides, _secrets, f"no answer had anything in it: {_NAME}"),
        _both("error_leaks", sides, _leaks, "nothing was answered with an error, not even a path that nobody has"),
        _both("cookie_flags", sides, _cookies, "no answer set a cookie that lets someone in: add the login to `setup`"),
        _both("security_headers", sides, _headers, f"no answer could be looked at: {_NAME}"),
        _both("tls_faults", sides, _tls, "it speaks plain HTTP here, as behind a proxy: measure what ends TLS"),
        _both("rate_limited", sides, _limited, _unnamed(settings)),
        _both("rate_limit", sides, lambda facts: _of_limits(facts, "let_in", min), limits, shown=True),
        _both("rate_window", sides, lambda facts: _of_limits(facts, "recovered_ms", max), limits, shown=True),
        _both("limiter_cost", sides, _cost, f"{limits}, or no other request of the scenario reads", shown=True),
    ]
    findings = [*_findings(before, after), *_told(after)]
    if before is not None:
        findings += [_limit_found(each, "baseline") for each in before["limits"] if each.get("status")]
    findings += [_limit_found(each, "candidate") for each in after["limits"] if each.get("status")]
    return Compared(tuple(measures), tuple(findings))


def _both(
    metric: str,
    sides: Sequence[Facts | None],
    figure: Callable[[Facts], float | None],
    why: str,
    note: str = "",
    *,
    shown: bool = False,
) -> Measure:
    found = both(metric, sides, figure, why, shown=shown)
    if found.candidate is None:
        return replace(found, shown=True)
    return replace(found, notes=(note,)) if note else found


def _unknown(sides: Sequence[Facts | None], figure: Callable[[Facts], float | None]) -> Facts:
    """Return the side whose figure is not known, the last where both are alike: it is the one to say why."""
    last = next(side for side in reversed(sides) if side is not None)
    return last if figure(last) is None else next((s for s in sides if s is not None and figure(s) is None), last)


def _headers(facts: Facts) -> float | None:
    seen = facts["headers"]
    return sum(not each["lacking"] for each in seen) / len(seen) if seen else None


def _cors(facts: Facts) -> float | None:
    return float(sum(bool(each["flaws"]) for each in facts["cors"])) if facts["cors"] else None


def _cookies(facts: Facts) -> float | None:
    known = [each for each in facts["cookies"] if each["session"] or each["flaws"]]
    return sum(not each["flaws"] for each in known) / len(known) if known else None


def _leaks(facts: Facts) -> float | None:
    return float(len({each["endpoint"] for each in facts["leaks"]})) if facts["failed"] else None


def _secrets(facts: Facts) -> float | None:
    return float(len(facts["secrets"])) if facts["read"] else None


def _inputs(facts: Facts) -> list[Mapping[str, Any]]:
    """Return the inputs that endpoints document or requests have: the path that nobody has is no reason to be sure."""
    return [each for each in facts["inputs"] if "injection" in each]


def _reflected(facts: Facts) -> float | None:
    return _at_least(sum(bool(each["reflected"]) for each in facts["inputs"]), facts) if _inputs(facts) else None


def _injected(facts: Facts) -> float | None:
    known = _inputs(facts)
    return _at_least(sum(bool(each["injection"]) for each in known), facts) if known else None


def _at_least(number: int, facts: Facts) -> float | None:
    """Return how many inputs are open; None where none was found, and some were not tried."""
    return None if not number and facts["untried"] else float(number)


def _why_inputs(facts: Facts) -> str:
    if facts["untried"]:
        return f"{count_of(facts['untried'], 'input')} not tried: raise `checks: {{security: {{inputs: ...}}}}`"
    return f"no input is known: {_NAME}"


def _trials(facts: Facts) -> list[dict[str, Any]]:
    """Return the trials that can be judged.

    A read-only key that is answered about a body got past where keys are looked at, if this service looks at keys
    first: that it does is seen where it refused the key.
    """
    refused = any(each["who"] == "a read-only key" and each["holds"] for each in facts["access"])
    found = []
    for each in facts["access"]:
        holds = each["holds"]
        if holds is None and each["who"] == "a read-only key" and refused and each["status"] in _VALIDATED:
            holds = False
        if holds is not None:
            found.append({**each, "holds": holds})
    return found


def _authorised(facts: Facts) -> float | None:
    trials = _trials(facts)
    return sum(each["holds"] for each in trials) / len(trials) if trials else None


def _forgeable(facts: Facts) -> float | None:
    known = [each for each in facts["forged"] if each["holds"] is not None]
    return float(sum(not each["holds"] for each in known)) if known else None


def _tls(facts: Facts) -> float | None:
    return None if facts["tls"] is None else float(len(facts["tls"]["old"]))


def _limited(facts: Facts) -> float | None:
    seen = facts["limits"]
    return sum(not _limit_flaws(each) for each in seen) / len(seen) if seen else None


def _limit_flaws(each: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a limit, in words."""
    if not each.get("status"):
        return [f"is not limited within {count_of(each.get('let_in', 0), 'request')}"]
    found = []
    if each["status"] != 429:
        found.append(f"is refused with status {each['status']}, not 429")
    if each["retry_after"] is None:
        found.append("is refused without Retry-After")
    elif each["truthful"] is False:
        found.append(f"is not let in again after the {each['retry_after']:g} s that Retry-After says")
    if each["unrecovered"] and each["truthful"] is not False:
        found.append(each["unrecovered"])
    return found


def _of_limits(facts: Facts, key: str, choose: Callable[[Sequence[float]], float]) -> float | None:
    known = [float(each[key]) for each in facts["limits"] if each.get("status") and each[key] is not None]
    return choose(known) if known else None


def _cost(facts: Facts) -> float | None:
    known = [value for each in facts["limits"] if each.get("status") and (value := cost(each)) is not None]
    return max(known) if known else None


def _unnamed(settings: Mapping[str, Any]) -> str:
    if (settings.get("rate_limit") or {}).get("request"):
        return (
            "it did not come to the named requests (more: `checks: {requests: ..., time: ...}`), or could not send them"
        )
    return "off unless named: `checks: {security: {rate_limit: {request: NAME}}}`"


def _pageless(facts: Facts) -> str:
    return "" if any(each["page"] for each in facts["inputs"]) else "no answer was a page: data is not taken as markup"


def _uncounted(facts: Facts) -> str:
    known = _inputs(facts)
    blind = [each for each in known if not each["counted"]]
    if not blind:
        return ""
    weak = sum(not each["compared"] for each in blind)
    told = f"; of {weak} no value is known that changes the answer" if weak else ""
    return (
        f"{len(blind)} of {count_of(len(known), 'input')} seen from outside only{told}: "
        "name `service.database` to have statements counted"
    )


def _why_authorised(facts: Facts) -> str:
    if facts["access"]:
        return "no endpoint that was asked needs credentials, as far as document and answers tell: name it in `secured`"
    return "no endpoint needs credentials by the document, and no request of the scenario has any"


def _why_forged(facts: Facts) -> str:
    return facts["unforged"] or "no answer tells whether the body was read"


def _findings(before: Facts | None, after: Facts) -> list[Finding]:
    """Return what is open on either arm, once where it is the same; what the candidate has mended is good news."""
    was = {kind: wrong for kind, _, wrong in _wrong(before)} if before is not None else {}
    found = {kind: wrong for kind, _, wrong in _wrong(after)}
    told = []
    for kind, what, wrong in _wrong(before) if before is not None else ():
        left = len(found.get(kind, ()))
        if wrong != found.get(kind):
            severity: Literal["info", "warning"] = "info" if left < len(wrong) else "warning"
            told.append(_finding(kind, what, wrong, "baseline", severity, f"; on candidate {left or 'none'}"))
    for kind, what, wrong in _wrong(after):
        arm = "" if before is None else "both arms" if wrong == was.get(kind) else "candidate"
        told.append(_finding(kind, what, wrong, arm, "warning", ""))
    return told


def _finding(
    kind: str, what: str, wrong: Sequence[str], arm: str, severity: Literal["info", "warning"], left: str
) -> Finding:
    where = f" on {arm}" if arm else ""
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    evidence = {"arm": arm, "all": list(wrong[:_MOST_SHOWN])}
    return Finding(kind, "all", severity, f"{what}{where}: {wrong[0]}{more}{left}", evidence)


def _wrong(facts: Facts) -> list[tuple[str, str, list[str]]]:
    """Return each kind of flaw with what it is called and where it is, the gravest first."""
    injected = [f"{_input(each)}: {'; '.join(each['injection'])}" for each in _inputs(facts) if each["injection"]]
    reflected = [f"{_input(each)} comes back {each['reflected']}" for each in facts["inputs"] if each["reflected"]]
    let_in = [
        f"{each['endpoint']} answers {each['who']} with status {each['status']}"
        if each["status"] < 300
        else f"{each['endpoint']} answers {each['who']} about the body (status {each['status']})"
        for each in _trials(facts)
        if not each["holds"]
    ]
    forged = [f"{each['endpoint']} is {each['why']}" for each in facts["forged"] if each["holds"] is False]
    cors = [f"{each['endpoint']} {listed(each['flaws'], 4)}" for each in facts["cors"] if each["flaws"]]
    secrets = [f"{each['endpoint']} has {each['what']} at {each['where']}" for each in facts["secrets"]]
    leaks = [f"{each['endpoint']} shows {_a(each['what'])} (status {each['status']})" for each in facts["leaks"]]
    cookies = [f"{each['name']} has {listed(each['flaws'], 4)}" for each in facts["cookies"] if each["flaws"]]
    limits = [f"{each['request']} {listed(flaws, 4)}" for each in facts["limits"] if (flaws := _limit_flaws(each))]
    old = [f"{each} is taken" for each in (facts["tls"] or {}).get("old", ())]
    found = [
        ("sql_injection", "inputs reach the database as SQL", injected),
        ("reflected_input", "inputs become part of pages (XSS)", reflected),
        ("authorisation", "credentials are not asked for as they should be", let_in),
        ("csrf", "pages of strangers can write with a user's cookie (CSRF)", forged),
        ("cors", "what CORS allows is unsafe or cannot work", cors),
        ("secret_in_answer", "answers hold secrets", secrets),
        ("error_leak", "errors show what is inside", leaks),
        ("cookie_flags", "cookies lack flags", cookies),
        ("rate_limit", "requests are not limited as they should be", limits),
        ("tls", "old versions of TLS are taken", old),
        ("security_headers", "answers lack security headers, or tell too much", _lacking(facts)),
    ]
    return [each for each in found if each[2]]


def _a(what: str) -> str:
    return {"stack trace": "a stack trace", "file path": "a file's path", "internals": "what is inside"}.get(what, what)


def _input(each: Mapping[str, Any]) -> str:
    place = each["input"] if each["input"] == "the path" else f"{each['input']} ({each['place']})"
    return f"{place} of {each['endpoint']}"


def _lacking(facts: Facts) -> list[str]:
    """Return what is lacking, the most frequent first, each with how often and where first."""
    counted = Counter(flaw for each in facts["headers"] for flaw in each["lacking"])
    found = []
    for flaw, often in counted.most_common():
        first = next(each["endpoint"] for each in facts["headers"] if flaw in each["lacking"])
        where = first if often == 1 else f"{often} of {len(facts['headers'])} endpoints, {first} first"
        found.append(f"{flaw} ({where})")
    return found


def _told(facts: Facts) -> list[Finding]:
    """Return what is no flaw and worth knowing."""
    found = [Finding("no_penetration_test", "all", "info", NO_TEST, {})]
    if facts["tls"] is not None:
        tls = facts["tls"]
        trusted = "" if tls["trusted"] else "; its certificate is trusted by nobody here"
        told = f"{tls['version'] or 'no version'} with {tls['cipher'] or 'no cipher'} is agreed on{trusted}"
        found.append(Finding("tls_spoken", "all", "info", told, {"version": tls["version"]}))
    others = dict.fromkeys(each["endpoint"] for each in facts["access"] if each.get("else"))
    if others:
        told = f"made-up credentials are taken for somebody's, who is shown other things: {listed([*others], 3)}"
        found.append(Finding("made_up_credentials", "all", "info", told, {}))
    undecided = [
        each["endpoint"] for each in facts["access"] if each["who"] == "a read-only key" and each["holds"] is None
    ]
    if undecided and not any(each["who"] == "a read-only key" for each in _trials(facts)):
        told = f"whether a read-only key may write cannot be told: bodies are looked at first ({listed(undecided, 3)})"
        found.append(Finding("read_only_untold", "all", "info", told, {}))
    late = [f"{_input(each)} ({each['lately']:.0f} ms)" for each in _inputs(facts) if each["lately"]]
    if late:
        told = f"a comment of SQL makes answers later each time, as if it were read as one: {listed(late, 3)}"
        found.append(Finding("input_late", "all", "info", told, {}))
    return found


def _limit_found(each: Mapping[str, Any], arm: str) -> Finding:
    return Finding("rate_limit_found", "all", "info", _limit(each, arm), {"arm": arm, "headers": each["headers"]})


def _limit(each: Mapping[str, Any], arm: str) -> str:
    parts = [
        f"{each['request']} on {arm}: {count_of(each['let_in'], 'request')} are let in, then status {each['status']}"
    ]
    if each["retry_after"] is not None:
        parts.append(f"Retry-After says {each['retry_after']:g} s")
    if each["recovered_ms"] is not None:
        parts.append(f"let in again {each['recovered_ms'] / 1e3:.1f} s after the first")
    if each["second"]:
        parts.append(f"the limit is per {each['second']}")
    if each["forwarded"]:
        parts.append("who sends another X-Forwarded-For is let in, which is right only behind a proxy that sets it")
    parts.append(f"headers: {listed(each['headers'], 4)}" if each["headers"] else "no RateLimit headers")
    share = cost(each)
    if share is not None:
        was, now = map(median, times(each))
        parts.append(f"meanwhile {each['beside']} takes {now:.2f} ms in place of {was:.2f} ms")
    return "; ".join(parts)
