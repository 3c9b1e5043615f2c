"use strict";
// How many accelerators a traffic needs under an objective: the arithmetic of `enginebench.analysis.sizing` and `.slo`, here
// because traffic, limits and prices are the reader's. A test holds both to the same figures, reasons and words. Needs
// economics.js, pareto.js and interpolation.js. Latencies are in ms, as the points have them.
(() => {
  const MONTH_HOURS = 730, STORED = [[0.5, "p50"], [0.9, "p90"], [0.99, "p99"]];
  const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
  const sum = (values) => values.reduce((total, one) => total + one, 0);

  // ---- figures in words, as Python's %.4g and its like write them ----
  const general = (value, digits) => {
    if (!value) return "0";
    const [mantissa, power] = value.toExponential(digits - 1).split("e"), bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (power < -4 || power >= digits) return `${bare(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
    return bare(value.toFixed(digits - 1 - power));
  };
  const milliseconds = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1, roundingMode: "halfEven" });
  const ms = (value) => `${milliseconds.format(value).replace(/\.0$/, "")} ms`;
  const percent = (share) => `${general(share * 100, 6)} %`;
  const limitName = (limit) => `${limit.metric} <= ${ms(limit.at_most_ms)}`;

  // ---- whether a point keeps an objective: by its stored percentiles ----
  // The stored percentile of a latency at a share: of our points failures counted, which other tools do not do.
  const columnOf = (point, metric, share) => {
    const short = STORED.find(([one]) => one === share)?.[1];
    return short ? `${metric}_${short}${point.tool ? "" : "_all"}_ns` : null;
  };
  const successOf = (point) => (known(point.values.success_share?.[0]) ? point.values.success_share[0] / 100 : null);
  // Where a run lacks a figure, as it was endless, the others' tell less.
  const whole = (point, four) => (four[3] ?? Infinity) >= (point.values.success_share?.[3] ?? 0);

  const boundsOf = (point, limit) => {
    let low = 0, high = 1, sureLow = false, sureHigh = false;
    const told = [];
    for (const [share] of STORED) {
      const four = point.values[columnOf(point, limit.metric, share)];
      if (!known(four?.[0]) || !whole(point, four)) continue;
      told.push([share, four[0]]);
      if (four[0] <= limit.at_most_ms) { low = share; sureLow = (known(four[2]) && four[2] ? four[2] : Infinity) <= limit.at_most_ms; }
      else if (share < high) { high = share; sureHigh = (known(four[1]) && four[1] ? four[1] : -Infinity) > limit.at_most_ms; }
    }
    const success = successOf(point), failing = success !== null && success < limit.share;
    const over = told.filter(([share, value]) => share <= limit.share && value > limit.at_most_ms);
    const [verdict, words] = failing || over.length ? ["failed", excessOf(limit, over, failing ? success : null)] : low >= limit.share ? ["passed", ""] : ["undecided", unknownOf(limit)];
    if (success !== null && success < high) [high, sureHigh] = [success, true];
    return { limit, low: Math.min(low, high), high, verdict, sureLow, sureHigh, words };
  };
  const excessOf = (limit, over, success) => {
    if (success !== null) return `only ${general(success * 100, 4)} % of the requests ended well; ${percent(limit.share)} are to keep ${limitName(limit)}`;
    const [share, value] = over[over.length - 1], short = STORED.find(([one]) => one === share)[1];
    return `${limit.metric} ${short} is ${ms(value)}, ${general(value / limit.at_most_ms, 4)} times the limit of ${ms(limit.at_most_ms)}`;
  };
  const unknownOf = (limit) => {
    const short = STORED.find(([one]) => one === limit.share)?.[1];
    const why = short ? `its ${limit.metric} ${short} is not known (a run has too few requests for it)` : "percentiles are stored at p50, p90, p99, and the requests are not at hand";
    return `whether ${percent(limit.share)} keep ${limitName(limit)} can't be told: ${why}`;
  };
  const boundWords = (low, high) => (low < high ? `between ${general(low * 100, 4)} and ${general(high * 100, 4)} %` : `${general(high * 100, 4)} %`);

  // { verdict: passed, failed or undecided; sure; joint: [low, high] share that keeps all limits at once; broken; words }.
  EB.judge = (point, { limits, together = null }) => {
    const found = limits.map((limit) => boundsOf(point, limit)), low = Math.max(0, 1 - sum(found.map((one) => 1 - one.low))), high = Math.min(...found.map((one) => one.high));
    let verdict, telling, words;
    if (together === null) {
      verdict = ["failed", "undecided"].find((one) => found.some((bounds) => bounds.verdict === one)) ?? "passed";
      telling = found.filter((one) => one.verdict === verdict);
      words = telling.map((one) => one.words).filter(Boolean).join("; ");
    } else {
      verdict = low >= together - 1e-12 ? "passed" : high < together ? "failed" : "undecided";
      telling = found.filter((one) => verdict !== "failed" || one.high < together);
      words = verdict === "passed" ? "" : `${boundWords(low, high)} of the requests keep all limits at once; ${percent(together)} are asked for`;
    }
    const sure = verdict === "passed" ? telling.every((one) => one.sureLow) : telling.some((one) => one.sureHigh);
    return { verdict, sure, joint: [low, high], broken: telling.filter((one) => one.verdict === "failed").map((one) => one.limit), words };
  };

  // ---- the highest rate of one curve that keeps it ----
  // Requests a second; other tools tell none: their output tok/s / OSL, else all their tok/s / (ISL + OSL), so requests of the
  // nominal lengths.
  EB.requestRate = (point, ofWholeRun) => {
    const span = ofWholeRun ? "_whole_run" : "", four = point.values[`requests_rps${span}`];
    if (known(four?.[0]) || !point.tool) return four ?? [null, null, null, 0];
    const told = [["output", point.osl_tokens], ["total", point.isl_tokens + point.osl_tokens]].map(([kind, length]) => [point.values[`${kind}_tps_per_accelerator${span}`], length]).find(([tokens]) => known(tokens?.[0]));
    if (!told || point.devices === null) return [null, null, null, 0];
    const [tokens, length] = told;
    return [0, 1, 2].map((end) => (known(tokens[end]) ? (tokens[end] * point.devices) / length : null)).concat(tokens[3]);
  };
  // From the lightest load to the heaviest: by requests in flight or rate asked, else by rate served.
  const byLoad = (points, rateOf) => {
    let asked = points.map((point) => point.concurrency ?? point.rate_rps ?? null);
    if (asked.some((one) => one === null)) asked = points.map((point) => rateOf(point)[0]);
    const order = points.map((_, at) => at).sort((a, b) => (known(asked[a]) ? asked[a] : Infinity) - (known(asked[b]) ? asked[b] : Infinity) || a - b);
    return order.map((at) => points[at]);
  };

  EB.capacity = (curve, objective, ofWholeRun = false) => {
    const rateOf = (point) => EB.requestRate(point, ofWholeRun), loads = byLoad(curve, rateOf), kept = loads.map((point) => EB.judge(point, objective));
    const speeds = loads.map((point) => rateOf(point)[0]), good = loads.map((_, at) => at).filter((at) => kept[at].verdict === "passed" && known(speeds[at]));
    if (!good.length) return none(loads, kept);
    const best = good.reduce((most, at) => (speeds[at] > speeds[most] ? at : most)), next = best + 1;
    const [value, low, high] = rateOf(loads[best]), base = { kept: kept[best], on: [loads[best]] };
    const measured = (by, words) => ({ ...base, ...spread({ value, low, high }), basis: "measured", limitedBy: by, words });
    if (next === loads.length) return measured("highest load measured", `${loads[best].load} is the highest load measured: more may fit, not measured`);
    const other = kept[next], name = loads[next].load;
    if (other.verdict === "undecided") return measured("not judged", `${name} can't be judged: ${other.words}`);
    if (other.verdict === "passed") return measured("throughput peaks", `${name} keeps it too, at no higher rate that is known`);
    const [crossing, limit] = crossingOf(loads, best, rateOf, other, objective), by = limit ?? other.broken[0]?.metric ?? "joint";
    const lighter = loads.slice(0, best).filter((_, at) => kept[at].verdict === "failed").map((point) => point.load);
    const words = `${name}: ${other.words}${lighter.length ? `; so does the lighter ${lighter.join(", ")}` : ""}`;
    if (crossing !== null && crossing.value > value) {
      return { ...base, ...spread(crossing), on: [loads[best], ...crossing.points.filter((point) => point !== loads[best])], basis: "between", limitedBy: by, words };
    }
    return measured(by, words);
  };
  const spread = ({ value, low, high, intervalReason = "" }) => {
    const why = known(low) && known(high) ? "" : intervalReason || "the load has one run";
    return { rate: why ? [value, null, null] : [value, low, high], intervalReason: why };
  };
  const nothing = { rate: [null, null, null], intervalReason: "", basis: "none", on: [] };
  const none = (loads, kept) => {
    const [first] = kept;
    if (first.verdict === "passed") return { ...nothing, kept: first, limitedBy: "not judged", words: `${loads[0].load} keeps it, but its rate of requests is not known` };
    const by = kept.every((one) => one.verdict === "failed") ? "no load meets it" : "not judged";
    return { ...nothing, kept: first, limitedBy: by, words: `at the lowest load, ${loads[0].load}: ${first.words}` };
  };
  // Where between two loads the first limit is reached, by the percentile that it is on, and which one that is. Read along the
  // whole curve where that percentile grows with load, else on the straight line between the two.
  const crossingOf = (loads, best, rateOf, other, objective) => {
    if ((objective.together ?? null) !== null || !other.broken.length) return [null, null];
    const two = loads.slice(best, best + 2);
    let first = null;
    for (const limit of other.broken) {
      const name = columnOf(loads[best], limit.metric, limit.share), of = (point) => point.values[name], latency = loads.map((point) => of(point)?.[0] ?? null);
      const [below, above] = [latency[best], latency[best + 1]];
      if (name === null || !known(below) || !known(above) || !(below <= limit.at_most_ms && limit.at_most_ms < above)) return [null, limit.metric];
      const grows = latency.every(known) && latency.every((one, at) => !at || one > latency[at - 1]);
      const found = EB.read(grows ? loads : two, of, rateOf, limit.at_most_ms);
      if (found.value === null) return [null, limit.metric];
      if (first === null || found.value < first[0].value) first = [found, limit.metric];
    }
    return first;
  };

  // ---- what the traffic takes ----
  // For each curve of the points, of one model and workload, the cheapest first and those without an answer last. `demand`:
  // { limits: [{ metric, at_most_ms, share }], together, rate_rps or output_tps, utilisation, spare }; `pricing` as EB.pricing
  // gives it. A figure is [centre, low, high]; `absent`: figure to why it is null.
  EB.size = (points, demand, { rates, pricing, whole: ofWholeRun = false }) => {
    const curves = new Map();
    for (const point of points) {
      const key = JSON.stringify([point.curve, point.host, point.load_kind]);
      if (!curves.has(key)) curves.set(key, []);
      curves.get(key).push(point);
    }
    return EB.cheapest([...curves.values()].map((curve) => {
      const usable = curve.filter((point) => !EB.whyNotEligible(point));
      const one = usable.length ? EB.capacity(usable, demand, ofWholeRun) : leftOut(curve);
      const on = one.on.length ? one.on : curve, first = on[0], night = on.map((point) => point.night).reduce((a, b) => (a > b ? a : b));
      const price = EB.rateOf(rates, first.part, night, pricing);
      return { ...one, ...sized(first, one, demand, price), first, night, price, meets: one.rate[0] !== null, leftOut: curve.length - usable.length, wholeRun: ofWholeRun };
    }));
  };
  EB.cheapest = (rows) => {
    const of = (value) => (value === null ? Infinity : value);
    const order = (a, b, name) => { const [u, v] = [of(a.figures[name][0]), of(b.figures[name][0])]; return u === v ? 0 : u < v ? -1 : 1; };
    return [...rows].sort((a, b) => order(a, b, "usd_per_month") || order(a, b, "accelerators"));
  };
  const leftOut = (curve) => ({ ...nothing, kept: null, limitedBy: "left out", words: `no point may be used: ${EB.distinct(curve.map(EB.whyNotEligible)).join(", ")}` });

  const counted = ["replicas", "deployments", "accelerators"], money = ["usd_per_month", "total_usd_per_mtok", "input_usd_per_mtok", "output_usd_per_mtok"];
  const sized = (point, one, demand, price) => {
    const traffic = demand.rate_rps ?? demand.output_tps / point.osl_tokens, tokens = { total: point.isl_tokens + point.osl_tokens, input: point.isl_tokens, output: point.osl_tokens };
    const figures = Object.fromEntries([...counted, ...money, "kw"].map((name) => [name, [null, null, null]])), absent = {};
    // The fewest replicas come of the highest rate.
    [one.rate[0], one.rate[2], one.rate[1]].forEach((rate, end) => {
      const count = rate === null || rate <= 0 ? null : Math.max(1, Math.ceil((traffic / (rate * demand.utilisation)) * (1 - 1e-9)));
      if (rate !== null && count === null) absent[`replicas${["", "_low", "_high"][end]}`] = "the rate, or its interval, reaches 0";
      const all = count === null ? null : count + demand.spare, devices = all === null ? null : all * point.devices;
      const month = devices === null || price.usd === null ? null : devices * price.usd * MONTH_HOURS;
      const found = { replicas: count, deployments: all, accelerators: devices, usd_per_month: month, kw: devices === null || price.kw === null ? null : devices * price.kw };
      for (const [kind, of] of Object.entries(tokens)) found[`${kind}_usd_per_mtok`] = month === null || !of ? null : month / ((traffic * of * MONTH_HOURS * 3600) / 1e6);
      for (const [name, value] of Object.entries(found)) figures[name][end] = value;
    });
    if (price.usdReason) for (const name of money) absent[name] = price.usdReason;
    if (price.kwReason) absent.kw = price.kwReason;
    if (one.rate[0] === null) for (const name of ["deployment_rps", ...counted, ...money, "kw"]) absent[name] = `${one.limitedBy}: ${one.words}`;
    else if (one.intervalReason) absent.deployment_rps_low = absent.deployment_rps_high = one.intervalReason;
    return { traffic, figures: { deployment_rps: one.rate, ...figures }, absent };
  };
})();
