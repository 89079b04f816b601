"""The three checks of the corpus, each on the kept builds of one case."""

from __future__ import annotations

from dataclasses import asdict

import compare
import level
import load
from cases import BUILDS, WHEEL, Case

LEVEL = "x86-64-v3"


def transparency(case: Case, results: dict[str, dict]) -> dict:
    """The shim alone, with no policy at all, changes nothing, and its record holds what the kernel saw."""
    one, host = (load.Kept(case, BUILDS[name]) for name in ("plain-1", "host"))
    # Where the shim changed nothing, the build with it is as good as a second plain one.
    two = load.Kept(case, BUILDS["plain-2"]) if "plain-2" in results else one
    products = compare.products(one.binaries(), two.binaries(), host.binaries(), load.strip)
    configured = compare.configured(one.answers(), two.answers(), host.answers())
    failed = [f"the build `{name}` failed with {results[name]['exit']}"
              for name in ("plain-1", "plain-2", "host") if name in results and results[name]["exit"] != 0]
    record = host.record()
    seen = compare.seen(host.programs(), record)
    rewritten = [f"rewritten though the family is `host`: {' '.join(call.argv)}" for call in record.calls if call.edits]
    return {
        "figures": {
            "products": len(products.identical) + len(products.identical_stripped),
            "configure answers": configured.lines,
            "calls": seen.calls,
            "probes": sum(call.probe is not None for call in record.calls),
        },
        "identical only after strip": products.identical_stripped,
        "not reproducible anyhow": products.not_reproducible + configured.unstable,
        "faults": failed + rewritten + compare.unknown_probes(record, str(case.folder / "tmp"))
        + products.faults + configured.faults + seen.faults,
    }


def policy(case: Case, results: dict[str, dict]) -> dict:
    """A policy for -Werror changes no answer of a configure step, whatever it does to the real work."""
    host = load.Kept(case, BUILDS["host"])
    base, base_record = host.answers(), host.record()
    out: dict = {"figures": {}, "failed builds": [], "faults": []}
    for name in ("add", "drop"):
        kept, whole = load.Kept(case, BUILDS[name]), BUILDS[name].hook(case.package) == WHEEL
        complete = whole and results[name]["exit"] == 0
        record = kept.record()
        configured = compare.configured(base, None, kept.answers(), complete)
        calls = [difference for kind in (compare.probes, compare.work) for difference in
                 compare.changed(kind(base_record, host.spell), kind(record, kept.spell), complete)]
        touched = [f"{name}: a probe was edited: {' '.join(call.argv)}" for call in record.calls
                   if call.probe is not None and call.changed]
        out["figures"][f"{name}: answers"] = configured.lines
        out["figures"][f"{name}: probes"] = sum(call.probe is not None for call in record.calls)
        out["figures"][f"{name}: edited"] = sum(call.changed for call in record.calls)
        out["faults"] += touched + [f"{name}: {fault}" for fault in configured.faults + calls]
        if results[name]["exit"] != 0:
            out["failed builds"].append(f"{name}: exit {results[name]['exit']}")
            # With more warnings made errors, real faults of the package may stop it; with fewer, nothing new may.
            if name == "drop" and results["host"]["exit"] == 0:
                out["faults"].append("drop: the build failed")
    return out


def levels(case: Case, results: dict[str, dict]) -> dict:
    """Every compile for x86-64-v3 has that level or its own higher one; an answer differs for a reason."""
    host, v3 = load.Kept(case, BUILDS["host"]), load.Kept(case, BUILDS["v3"])
    record = v3.record()
    found = level.leveled(record, v3.programs(), LEVEL)
    configured = compare.configured(host.answers(), None, v3.answers(), results["v3"]["exit"] == 0)
    calls = [difference for kind in (compare.probes, compare.work) for difference in
             compare.changed(kind(host.record(), host.spell), kind(record, v3.spell))]
    arguments = [(one.answer, one.why) for one in case.package.differs]
    held, open_ones = compare.argued(configured.faults + calls, arguments)
    needed = {place: load.isa_needed(path) for place, path in v3.libraries().items()}
    unmarked = [f"{place}: says that it needs `{says}`" for place, says in needed.items() if says != LEVEL]
    facts = asdict(found)
    failed = [] if results["v3"]["exit"] == 0 else [f"the build `v3` failed with {results['v3']['exit']}"]
    return {
        "figures": {name: facts[name] for name in ("compiles", "probes", "kernel")}
        | {"libraries marked": len(needed) - len(unmarked), "own higher": len(found.own_higher),
           "native": len(found.native), "answers that differ": len(held) + len(open_ones)},
        "own higher": found.own_higher,
        "native": found.native,
        "other calls": found.other_calls,
        "answers that differ, argued": held,
        "faults": failed + found.faults + unmarked
        + [f"differs, and nothing argues for it: {one}" for one in open_ones],
    }


ALL = {"transparency": transparency, "policy": policy, "level": levels}
