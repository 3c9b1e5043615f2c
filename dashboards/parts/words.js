"use strict";
// Figures, times and points as people read them.
(() => {
  EB.distinct = (values) => [...new Set(values)].sort((a, b) => (a > b ? 1 : a < b ? -1 : 0));
  // How often each value stands in a list: [value, count], the first met first.
  EB.tally = (values) => { const found = new Map(); for (const value of values) found.set(value, (found.get(value) ?? 0) + 1); return [...found]; };
  EB.missing = "–";
  EB.figure = (value) => {
    if (value === null || value === undefined) return EB.missing;
    if (typeof value !== "number") return String(value);
    return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  };
  // `1 night`, `2 nights`.
  EB.counted = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
  EB.minute = (utc) => `${utc.slice(0, 16).replace("T", " ")} UTC`;
  EB.title = (name) => { const metric = EB.index.metrics[name]; return metric ? `${metric.title} (${metric.unit})` : name; };
  EB.better = (metric, a, b) => (EB.index.metrics[metric].better === "higher" ? a >= b : a <= b);
  // `[0.9, 1.1]` of [centre, low, high, n].
  EB.interval = (four) => (four?.[1] === null || four === undefined ? "no interval (n = 1)" : `[${EB.figure(four[1])}, ${EB.figure(four[2])}]`);
  // A ratio as a signed change: `+3.1%`.
  EB.change = (ratio) => (ratio === null || ratio === undefined ? EB.missing : `${ratio >= 1 ? "+" : "−"}${Math.abs((ratio - 1) * 100).toFixed(1)}%`);
  // A share as percent, with its interval and of how many: `96.0 % [86.5 %, 98.9 %] of 50`.
  EB.percent = (share) => (share === null || share === undefined ? EB.missing : `${(share * 100).toFixed(1)} %`);
  EB.shareOf = (share, low, high, of) => (share === null || share === undefined ? EB.missing
    : `${EB.percent(share)}${low === null || low === undefined ? " (no interval)" : ` [${EB.percent(low)}, ${EB.percent(high)}]`}${of ? ` of ${of.toLocaleString("en")}` : ""}`);
  // Seconds as people say them: `42 s`, `12 min`, `3.4 h`.
  EB.spent = (seconds) => (seconds === null || seconds === undefined ? EB.missing : seconds < 120 ? `${EB.figure(Number(seconds.toPrecision(3)))} s`
    : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`);
  // The page of one trial, and that of a night.
  EB.toTrial = (text, night, trial) => EB.link(text, "run", { night, trial });
  EB.toNight = (night) => EB.link(night, "nights", { night });

  EB.engineOf = (point) => (point.tool ? `${point.engine} ${point.version_label}` : `${point.engine} ${point.engine_version}`);
  EB.partOf = (point) => `${point.devices ?? "?"} × ${point.product ?? "?"}`;
  // One curve in words: a deployment and workload over its loads, on one machine.
  EB.curveOf = (point) => [point.model, EB.engineOf(point), point.precision, EB.partOf(point), point.parallelism, point.workload,
    point.load_kind === "open" ? "Poisson" : "closed loop", point.tool ? `by ${point.tool}` : point.host,
    ...(point.reproduces ? ["reproduction"] : [])].filter(Boolean).join(" · ");
  EB.loadOrder = (point) => point.concurrency ?? point.rate_rps ?? 0;
  EB.quality = (point) => [point.quality_score === null ? "" : EB.figure(point.quality_score), point.failed_quality ? "failed" : point.quality_passed ? "passed" : ""].filter(Boolean).join(" ") || EB.missing;
  // What a reader must know of a point besides its marks.
  EB.notes = (point) => [
    ...point.invalid_reasons.map((reason) => `${point.invalid ? "invalid" : "invalid runs left out"}: ${reason}`),
    ...(point.reproduces ? [`reproduces ${point.reproduces}: no verdict`] : []),
    ...(point.failed_quality ? point.quality_reasons.map((reason) => `wrong answers: ${reason}`) : []),
    ...(point.tool ? [`measured by ${point.tool}, one run: no interval`] : []),
    ...(point.dummy_weights ? ["dummy weights: answers mean nothing"] : []),
  ];
  // Whether a point may stand on a frontier or in a verdict.
  EB.eligible = (point) => !point.failed_quality && !point.invalid && !point.reproduces && !point.marks.includes("client_bound");
  // A server that gives wrong answers, and a point of which every run is marked, are drawn hollow.
  EB.hollow = (point) => point.marked || point.failed_quality;
})();
