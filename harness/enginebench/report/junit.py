"""A comparison as JUnit XML, which every CI shows: a test case a point and a curve, in each metric."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from enginebench.analysis.compare import Comparison, Judged
from enginebench.report.comparison import in_words


def junit(found: Comparison) -> str:
    """The XML: `worse` is a failure, `insufficient`, `incomparable` and `missing` are skipped, the others passed."""
    suites = ET.Element("testsuites", name="enginebench compare")
    for name, rows in (("curves", found.curves), ("points", found.points)):
        failures = sum(one.verdict == "worse" for one in rows)
        skipped = sum(_skipped(one) for one in rows)
        suite = ET.SubElement(suites, "testsuite", name=f"{found.b.words} against {found.a.words}: {name}")
        for key, count in (("tests", len(rows)), ("failures", failures), ("errors", 0), ("skipped", skipped)):
            suite.set(key, str(count))
        for one in rows:
            _case(suite, one)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, one: Judged) -> None:
    name = " ".join(filter(None, [one.load, one.metric]))
    case = ET.SubElement(suite, "testcase", classname=one.subject, name=name, time="0")
    words = in_words(one)
    if one.verdict == "worse":
        ET.SubElement(case, "failure", message=words, type="worse").text = words
    elif _skipped(one):
        ET.SubElement(case, "skipped", message=words)
    else:
        ET.SubElement(case, "system-out").text = words


def _skipped(one: Judged) -> bool:
    return one.verdict in ("insufficient", "incomparable", "missing")
