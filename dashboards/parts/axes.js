"use strict";
// Figures that a chart can have on an axis: what was measured, and what is made of it and a price.
(() => {
  const kinds = ["output", "total", "input"];
  // A family of latencies by statistic; p90 and p99 are the slow end, which of a speed is its low percentile.
  const latency = (name) => Object.fromEntries(["mean", "p50", "p90", "p99"].map((one) => [one, `${name}_${one}_ns`]));
  const families = {
    interactivity: ["Interactivity", { mean: "interactivity_mean_tps", p50: "interactivity_p50_tps", p90: "interactivity_p10_tps", p99: "interactivity_p1_tps" }],
    ttft: ["TTFT", latency("ttft")], e2el: ["E2EL", latency("e2el")],
    normalised_interactivity: ["End-to-end normalised interactivity", { p50: "normalised_interactivity_tps" }],
    tpot: ["TPOT", latency("tpot")], itl: ["ITL", latency("itl")],
  };
  EB.statistics = [["mean", "mean"], ["p50", "p50, the median"], ["p90", "p90, the slow end"], ["p99", "p99, the slow end"]];
  const latencies = { group: "Speed and latency of a request", options: Object.entries(families).map(([name, [title]]) => [name, title]) };
  const named = (words, ending) => ({ group: words, options: kinds.map((kind) => [`${kind}_${ending}`, `${words}, ${kind} tokens`]) });
  const capacity = [
    { group: "Throughput per accelerator", options: kinds.map((kind) => [`${kind}_tps_per_accelerator`, `${kind[0].toUpperCase()}${kind.slice(1)} throughput per accelerator`]) },
    named("Throughput per MW provisioned", "provisioned_tps_per_mw"), named("Throughput per MW measured", "measured_tps_per_mw"),
    named("Cost", "usd_per_mtok"), named("Energy measured", "measured_j_per_token"), named("Energy provisioned", "provisioned_j_per_token"),
    { group: "Requests", options: [["requests_rps", "Request throughput"], ["goodput_rps", "Goodput"]] },
  ];
  EB.axisOptions = { y: [...capacity, latencies], x: [latencies, ...capacity] };
  const known = new Set([...capacity, latencies].flatMap((one) => one.options.map(([name]) => name)));

  // What the address says of an axis: { name, statistic, whole }; a metric's full name will do (`ttft_p99_ns`,
  // `output_tps_per_accelerator_whole_run`).
  EB.axisAsked = (given, otherwise) => {
    for (const [name, [, by]] of Object.entries(families)) {
      const statistic = Object.keys(by).find((one) => by[one] === given);
      if (statistic) return { name, statistic };
    }
    const base = given?.replace(/_whole_run$/, "");
    if (!known.has(base)) return { name: otherwise };
    return base === given ? { name: given } : { name: base, whole: true };
  };
  EB.isFamily = (name) => name in families;
  EB.isPriced = (name) => /_(usd_per_mtok|provisioned_tps_per_mw|provisioned_j_per_token)$/.test(name);

  // An axis ready for use: { metric, of(point) → { four, reason }, unlike(point) → how the figure of another tool differs }.
  EB.axis = (name, { statistic = "mean", whole = false, rates, pricing }) => {
    if (rates.figures[name]) {
      const metric = { ...rates.figures[name] };
      if (whole && !/measured_/.test(name)) metric.title += " (whole run)";
      const cache = new Map();
      const rate = (point) => {
        const key = `${point.part} ${point.night}`;
        if (!cache.has(key)) cache.set(key, EB.rateOf(rates, point.part, point.night, pricing));
        return cache.get(key);
      };
      return { metric, of: (point) => EB.costOf(point, name, rate(point), whole), unlike: () => "", rate };
    }
    const by = families[name]?.[1];
    const base = by ? by[statistic] ?? Object.values(by)[0] : whole && EB.index.metrics[`${name}_whole_run`] ? `${name}_whole_run` : name;
    const metric = EB.index.metrics[base];
    return {
      metric, unlike: (point) => point.unlike[base] ?? "",
      of: (point) => {
        const four = point.values[base];
        return (four?.[0] ?? null) === null ? { four: [null, null, null, 0], reason: lacking(point, base, metric) } : { four, reason: "" };
      },
    };
  };
  const lacking = (point, base, metric) => {
    if (point.invalid) return "every run was invalidated";
    const whole = (point.values[`${base}_whole_run`]?.[0] ?? null) !== null;
    return `no ${metric.title}${whole ? ", but one of the whole run" : ""}`;
  };
})();
