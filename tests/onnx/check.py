#!/usr/bin/env python3
"""Holds exported graphs against our own models, in onnxruntime.

    mkdir cases
    LIMBECK_ONNX_CASES=$PWD/cases cargo test -p limbeck-recipes --test export
    python tests/onnx/check.py cases        # needs onnxruntime and numpy

The test writes each graph, the inputs and what our model says of them. Prints the largest absolute
difference of each graph; ends with 1 if one is above 1e-5 (of scores above 1, that share of the largest).
"""

import json
import pathlib
import sys

import numpy
import onnxruntime

NEAR = 1e-5


def given(value):
    kind, numbers = ("int64", "ids") if "ids" in value else ("float32", "reals")
    return numpy.array(value[numbers], kind).reshape(value["shape"])


def largest_difference(graph, case):
    options = onnxruntime.SessionOptions()
    # With weights of 8 bits onnxruntime rounds what they are multiplied with as well, unless told not to.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    inputs = {name: given(value) for name, value in case["inputs"].items()}
    names = list(case["outputs"])
    worst, size = 0.0, 1.0
    for name, found in zip(names, session.run(names, inputs)):
        wanted = numpy.array([numpy.nan if x is None else x for x in case["outputs"][name]])
        there = ~numpy.isnan(wanted)
        apart = numpy.abs(found.reshape(-1)[there] - wanted[there])
        worst = max(worst, apart.max())
        size = max(size, numpy.abs(wanted[there]).max())
    return worst, size


def main():
    cases = sorted(pathlib.Path(sys.argv[1]).glob("*.json"))
    if not cases:
        sys.exit(f"{sys.argv[1]} has no cases: see the beginning of this file")
    failed = 0
    for path in cases:
        worst, size = largest_difference(path.with_suffix(".onnx"), json.loads(path.read_text()))
        wrong = not worst <= NEAR * size
        failed += wrong
        print(f"{worst:.1e}  of scores up to {size:5.2f}  {path.stem}{'  WRONG' if wrong else ''}")
    print(f"{len(cases)} graphs in onnxruntime {onnxruntime.__version__}, {failed} wrong")
    sys.exit(1 if failed else 0)


main()
