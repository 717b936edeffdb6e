#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests against the real servers of `./dev stack`, which it starts when they do not run.

    run.py [--long] [--seed N] [--input DIR] [NAME ...]

NAME: only tests whose name contains one of these.  --long: more lines, more kills, longer outages.  --input: also ship
the log files of a folder and compare them with what arrives, line by line.  Programs come from $SLUICE_BIN
(build/release/bin).  One line a test; the folder of a failed one stays in build/e2e/.  The last line is the sum.  Tests that
mostly wait run beside the others.
"""
import argparse
import concurrent.futures
import importlib
import pathlib
import sys
import time
import traceback

import harness


def find_cases():
    for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(path.stem)
    return sorted(harness.Case.__subclasses__(), key=lambda c: (c.order, c.__name__))


def run_case(case_class, options):
    """True when it has passed.  Prints its line."""
    case = case_class(options)
    begun = time.monotonic()
    passed, why = False, ""
    try:
        case.setup()
        case.test()
        passed = True
    except harness.Failure as failure:
        why = str(failure)
    except Exception:
        why = traceback.format_exc().strip()
    finally:
        try:
            case.teardown(passed)
        except Exception as error:
            passed, why = False, f"{why}\nwhile tidying up: {error}".strip()
    figures = "".join(f" {name}={value}" for name, value in case.figures.items())
    print(f"{'pass' if passed else 'FAIL'} {case.name}{figures} ({time.monotonic() - begun:.1f} s)", flush=True)
    if not passed:
        print("     " + why.replace("\n", "\n     ") + f"\n     files: {case.dir}", flush=True)
    return passed


def is_wanted(name, options):
    if options.names and not any(wanted in name for wanted in options.names):
        return False
    return name != "input" or bool(options.input)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=pathlib.Path, metavar="DIR")
    options = parser.parse_args()

    chosen = [case_class for case_class in find_cases() if is_wanted(case_class.__name__.lower(), options)]
    more = sorted({server for case_class in chosen for server in case_class.more_servers})
    patient = [case_class for case_class in chosen if case_class.patient]
    results = []
    if patient:
        harness.stack("up")                     # two would start it twice
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        waiting = [beside.submit(run_case, case_class, options) for case_class in patient]
        for case_class in chosen:
            if case_class.patient:
                continue
            if case_class.order >= harness.DISTURBS:
                concurrent.futures.wait(waiting)
            if case_class.more_servers:
                harness.stack("up", *more)      # side by side, once; tests that need none of them come first
            results.append(run_case(case_class, options))
        results += [future.result() for future in waiting]
    if more:
        harness.stack("down", *more)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
