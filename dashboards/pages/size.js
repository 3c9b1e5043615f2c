"use strict";
// For a buyer: what a traffic takes under an objective, of every part and engine that was measured.
(() => {
  const { element } = EB;
  const parts = ["parts/economics.js", "parts/pareto.js", "parts/interpolation.js", "parts/sizing.js"];
  const latencies = [["ttft", "TTFT"], ["tpot", "TPOT"], ["e2el", "E2EL"]], percentiles = { p50: 0.5, p90: 0.9, p99: 0.99 };
  // Limits until a reader gives others.
  const STANDARD = { ttft: ["2000", "p99"], tpot: ["50", "p99"], e2el: ["", "p99"] };
  const MOST_BARS = 20;
  const drawn = { usd_per_month: "Cost ($/month)", accelerators: "Accelerators", kw: "Power, all in (kW)", total_usd_per_mtok: "Cost ($/Mtok, total tokens)", output_usd_per_mtok: "Cost ($/Mtok, output tokens)" };

  // ---- what is asked ----
  const modelOf = (view) => EB.index.models.find((one) => one.name === view.get("model"))?.name ?? EB.index.models.reduce((most, one) => (one.points > most.points ? one : most)).name;
  const workloadsOf = (points) => {
    const counts = new Map(EB.tally(points.filter((point) => point.isl_tokens > 0 && point.osl_tokens > 0).map((point) => point.workload)));
    return [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  };
  // The limits in force: of a named objective, the reader's own, or the standard ones.
  const limitsOf = (view, objectives) => {
    const name = view.get("slo"), given = {};
    const own = name === "own" || latencies.some(([key]) => view.get(key) !== null);
    for (const [key] of latencies) given[key] = own ? [view.get(key, ""), view.get(`${key}_p`) in percentiles ? view.get(`${key}_p`) : "p99"] : STANDARD[key];
    if (!objectives[name]) return { name: "own", given, limits: latencies.filter(([key]) => Number(given[key][0]) > 0).map(([key]) => ({ metric: key, at_most_ms: Number(given[key][0]), share: percentiles[given[key][1]] })) };
    for (const [key] of latencies) given[key] = ["", "p99"];
    for (const one of objectives[name].limits) given[one.metric] = [String(one.at_most_ms), Object.keys(percentiles).find((short) => percentiles[short] === one.share) ?? "p99"];
    return { name, given, limits: objectives[name].limits, source: objectives[name].source };
  };
  const number = (view, key, otherwise) => { const given = view.get(key); return given === null || given === "" || !Number.isFinite(Number(given)) ? otherwise : Number(given); };
  const demandOf = (view, objectives) => {
    const { limits, ...asked } = limitsOf(view, objectives), unit = view.get("unit") === "tps" ? "tps" : "rps", traffic = number(view, "traffic", 10), together = number(view, "together", null);
    return {
      ...asked, unit, limits, together: together === null ? null : together / 100, rate_rps: unit === "rps" ? traffic : null, output_tps: unit === "tps" ? traffic : null,
      utilisation: number(view, "utilisation", 80) / 100, spare: Math.round(number(view, "spare", 1)),
    };
  };
  // Why a demand can't be; empty: it can.
  const wrong = (demand) => {
    if (!((demand.rate_rps ?? demand.output_tps) > 0)) return "The traffic is no rate above 0: give requests or output tokens a second.";
    if (!(demand.utilisation > 0 && demand.utilisation <= 1)) return `The utilisation is ${EB.figure(demand.utilisation * 100)} %: give a share above 0 and up to 100 %.`;
    if (demand.spare < 0) return `${demand.spare} deployments to spare: give 0 or more.`;
    if (demand.together !== null && !(demand.together > 0 && demand.together < 1)) return `All limits at once for ${EB.figure(demand.together * 100)} % of the requests: give a share above 0 and below 100 %.`;
    return demand.limits.length ? "" : "No limit is given: give at least one of TTFT, TPOT and E2EL in ms.";
  };

  // ---- controls ----
  const controlsOf = (view, asked) => {
    const { model, workload, workloads, points, demand, objectives, span } = asked;
    const fixed = (value, keep = (change) => change) => ({ get: () => value, list: view.list, set: (change) => view.set(keep(change)) });
    // A limit that is changed makes the objective the reader's own; the other limits stay.
    const own = (change) => ({ slo: "own", ...Object.fromEntries(latencies.flatMap(([key]) => [[key, demand.given[key][0]], [`${key}_p`, demand.given[key][1]]])), ...change });
    const lengths = (name) => { const point = points.find((one) => one.workload === name); return `${name} (${point.isl_tokens} in, ${point.osl_tokens} out)`; };
    const objective = (change) => ({ ...Object.fromEntries(latencies.flatMap(([key]) => [[key, ""], [`${key}_p`, ""]])), together: "", ...change });
    return [
      element("fieldset", [element("legend", "Traffic"),
        EB.select(fixed(model, (change) => ({ ...change, workload: "" })), "model", "model", EB.index.models.map((one) => one.name)), EB.select(fixed(workload), "workload", "requests like", workloads.map((name) => [name, lengths(name)])),
        EB.input(fixed(demand.rate_rps ?? demand.output_tps), "traffic", "traffic", { min: "0" }), EB.select(fixed(demand.unit), "unit", "in", [["rps", "requests/s"], ["tps", "output tokens/s"]])], "controls"),
      element("fieldset", [element("legend", "Objective"),
        EB.select(fixed(demand.name, objective), "slo", "objective", [["own", "own limits"], ...Object.keys(objectives)]),
        ...latencies.flatMap(([key, title]) => [EB.input(fixed(demand.given[key][0], own), key, `${title} at most (ms)`, { min: "0" }), demand.together === null ? EB.select(fixed(demand.given[key][1], own), `${key}_p`, `${title} at`, Object.keys(percentiles)) : null]),
        EB.input(fixed(demand.together === null ? "" : EB.figure(demand.together * 100)), "together", "all at once for (% of requests)", { min: "0", max: "100", placeholder: "each" })], "controls"),
      element("fieldset", [element("legend", "Headroom"),
        EB.input(fixed(EB.figure(demand.utilisation * 100)), "utilisation", "utilisation (% of the measured rate)", { min: "0", max: "100" }), EB.input(fixed(demand.spare), "spare", "spare deployments (N + …)", { min: "0", step: "1" }),
        EB.select(fixed(span), "window", "rate of", [["steady", "steady window"], ["whole", "whole run"]]), EB.check(view, "all", "every deployment, not the cheapest of each part and engine")], "controls"),
    ];
  };

  // ---- answers ----
  const answersOf = (points, demand, rates, pricing, span) => {
    // Other tools tell the whole run alone.
    const of = (foreign) => EB.size(points.filter((point) => Boolean(point.tool) === foreign), demand, { rates, pricing, whole: foreign || span === "whole" });
    return EB.cheapest([...of(false), ...of(true)]);
  };
  const kindOf = (row) => `${row.first.part ?? row.first.product} ${row.first.engine} ${row.first.tool}`;
  // The first of each part and engine, the cheapest that has an answer if one has.
  const chosen = (rows, every) => {
    if (every) return rows;
    const met = new Set();
    return [...rows.filter((row) => row.meets), ...rows.filter((row) => !row.meets)].filter((row) => !met.has(kindOf(row)) && met.add(kindOf(row)));
  };
  const deployment = (row) => `${row.first.devices ?? "?"} × ${row.first.part ?? row.first.product ?? "?"}`;
  const range = ([centre, low, high]) => (centre === null ? "" : low === null || high === null ? "no interval" : `[${EB.figure(low)}, ${EB.figure(high)}]`);
  const figureColumns = (name, title) => [
    { name: title, of: (row) => row.figures[name][0], number: true, hint: (row) => row.absent[name] ?? row.absent[`${name}_low`], cell: (row) => element("span", [EB.figure(row.figures[name][0]), element("br"), element("span", range(row.figures[name]), "interval")]) },
    ...["low", "high"].map((end, at) => ({ name: `${title}, ${end}`, of: (row) => row.figures[name][at + 1], only: "csv" })),
  ];
  const evidence = (row) => element("span", row.on.flatMap((point, at) => [
    at ? ", " : "", EB.link(point.load, "frontier", { model: point.model, workload: point.workload, point: point.id }),
    ...(point.trials.length ? [" (", EB.link("run", "run", { trial: point.trials[0], night: point.night }), ")"] : []),
  ]));
  const limitOf = (row) => ({ ttft: "TTFT", tpot: "TPOT", e2el: "E2EL", joint: "all limits at once" })[row.limitedBy] ?? row.limitedBy;
  const arrivals = (row) => (row.first.load_kind === "open" ? "Poisson" : "closed loop"), how = (row) => [row.first.parallelism, row.first.precision, arrivals(row)].filter(Boolean).join(", ");
  const named = [
    { name: "engine", of: (row) => EB.engineOf(row.first), head: true }, { name: "deployment", of: deployment, whole: true, cell: (row) => element("div", [deployment(row), element("div", how(row), "small")]) },
    { name: "split", of: (row) => row.first.parallelism, only: "csv" }, { name: "precision", of: (row) => row.first.precision, only: "csv" }, { name: "arrivals", of: arrivals, only: "csv" },
  ];
  const wide = (name, of) => ({ name, of, cell: (row) => element("div", of(row), "note") });
  const columns = [
    ...named, ...figureColumns("accelerators", "accelerators"), { name: "replicas + spare", of: (row) => row.figures.replicas[0], number: true, cell: (row) => `${EB.figure(row.figures.replicas[0])} + ${row.figures.deployments[0] - row.figures.replicas[0]}` },
    ...figureColumns("usd_per_month", "$/month"), ...figureColumns("total_usd_per_mtok", "$/Mtok, total"), ...figureColumns("kw", "kW"), { name: "limited by", of: limitOf },
    { name: "rests on", of: (row) => row.on.map((point) => point.load).join(" "), cell: evidence }, { name: "basis", of: (row) => row.basis }, ...figureColumns("deployment_rps", "measured rate of one (requests/s)"), wide("limit in figures", (row) => row.words),
    ...figureColumns("output_usd_per_mtok", "$/Mtok, output"),
    { name: "sure", of: (row) => (row.kept.sure ? "yes" : "no"), hint: (row) => (row.kept.sure ? "its interval lies within the limits" : "its interval reaches over a limit, or it has none") },
    { name: "night", of: (row) => row.night, whole: true }, wide("rate", (row) => [row.price.id, row.price.source].filter(Boolean).join(": ")), { name: "measured by", of: (row) => row.first.tool || "enginebench" }, { name: "host", of: (row) => row.first.host, only: "csv" },
    { name: "points", of: (row) => row.on.map((point) => point.id).join(" "), only: "csv" }, { name: "$/accelerator-hour", of: (row) => row.price.usd, only: "csv" }, { name: "kW an accelerator", of: (row) => row.price.kw, only: "csv" },
  ];
  const without = [...named, { name: "why", of: limitOf }, wide("limit in figures", (row) => row.words), { name: "night", of: (row) => row.night, whole: true }, { name: "measured by", of: (row) => row.first.tool || "enginebench" }];

  const chartOf = (rows, metric) => {
    const told = rows.filter((row) => row.figures[metric][0] !== null).sort((a, b) => a.figures[metric][0] - b.figures[metric][0]), shown = told.slice(0, MOST_BARS), met = new Map();
    const label = (row) => {
      const words = EB.hover([`${row.first.engine} ${(row.first.tool ? row.first.version_label : row.first.engine_version).split("/").pop()}`.slice(0, 32), [deployment(row), row.first.parallelism, row.first.precision].filter(Boolean).join(" ").slice(0, 32)]), times = (met.get(words) ?? 0) + 1;
      met.set(words, times);
      return times > 1 ? `${words} (${times})` : words;
    };
    shown.forEach((row) => { row.label = label(row); });
    const groups = EB.distinct(shown.map((row) => row.first.part ?? row.first.product ?? "?"));
    const traces = groups.map((name, at) => {
      const own = shown.filter((row) => (row.first.part ?? row.first.product ?? "?") === name), colour = EB.style(at).colour, of = (end) => own.map((row) => (row.figures[metric][end] === null ? 0 : Math.abs(row.figures[metric][end] - row.figures[metric][0])));
      return {
        type: "bar", orientation: "h", name, y: own.map((row) => row.label), x: own.map((row) => row.figures[metric][0]), marker: { color: colour }, swatch: { colour, symbol: "square" }, hoverinfo: "text",
        error_x: own.some((row) => row.figures[metric][1] !== null) ? { type: "data", symmetric: false, array: of(2), arrayminus: of(1), thickness: 1.4, width: 4 } : {},
        hovertext: own.map((row) => EB.hover([`${EB.engineOf(row.first)} on ${deployment(row)}`, `${drawn[metric]}: ${EB.figure(row.figures[metric][0])} ${range(row.figures[metric])}`, `limited by ${limitOf(row)}`])),
      };
    });
    const layout = EB.layout(drawn[metric], "", { barmode: "overlay", bargap: 0.3, xaxis: { rangemode: "tozero" }, yaxis: { autorange: "reversed", categoryorder: "array", categoryarray: shown.map((row) => row.label), tickfont: { size: 11 } } });
    return { traces, layout, count: shown.length, spread: shown.some((row) => row.figures[metric][1] !== null), more: told.length - shown.length, lacking: rows.length - told.length };
  };

  // ---- words ----
  const leadOf = (best, demand) => {
    if (!best) return "No deployment that was measured is known to keep this objective.";
    const { figures } = best, rangeOf = (name) => (figures[name][1] === null ? "" : ` ${range(figures[name])}`), money = figures.usd_per_month[0] === null ? `no price (${best.absent.usd_per_month})` : `$${EB.figure(figures.usd_per_month[0])} a month${rangeOf("usd_per_month")}, $${EB.figure(figures.total_usd_per_mtok[0])}/Mtok`;
    return `Cheapest: ${EB.counted(figures.accelerators[0], "accelerator")}${rangeOf("accelerators")}, ${best.first.part ?? best.first.product}, with ${EB.engineOf(best.first)}: ${money}${figures.kw[0] === null ? "" : `, ${EB.figure(figures.kw[0])} kW`}. ` +
      `${EB.counted(figures.replicas[0], "deployment")} of ${best.first.devices} and ${demand.spare} to spare for ${EB.figure(best.traffic)} requests/s; limited by ${limitOf(best)}.`;
  };
  const honesty = (rows, demand) => {
    const meeting = rows.filter((row) => row.meets), closed = meeting.filter((row) => row.first.load_kind !== "open").length, foreign = meeting.filter((row) => row.first.tool).length, alone = meeting.filter((row) => row.intervalReason).length, priceless = meeting.filter((row) => row.price.usd === null).length;
    return [
      "Nothing is extrapolated: a rate is measured, or read between two measured loads. Where the highest load measured keeps the objective, more may fit; nobody measured it.",
      closed ? `${EB.counted(closed, "answer")} of closed loops are optimistic in the tails: a closed loop never has more than its requests in flight, under arrivals as they come the tails are longer at the same rate. The utilisation is to leave room for that; answers of Poisson arrivals have it measured.` : "",
      `Limits are judged by stored percentiles, failed requests counted${demand.together === null ? "" : "; of all limits at once these tell bounds only, and where the bounds leave it open nothing is promised"}.`,
      alone ? `${EB.counted(alone, "answer")} without an interval: one run tells nothing of the spread.` : "",
      foreign ? `${EB.counted(foreign, "answer")} of other tools: their latencies leave failed requests out and are not defined as ours; requests/s are made of their tokens over the whole run and the nominal ISL and OSL.` : "",
      priceless ? `${EB.counted(priceless, "answer")} without a price: ${EB.tally(meeting.map((row) => row.price.usdReason).filter(Boolean)).map(([why]) => why).join("; ")}. Choose another day or give a price below.` : "",
      demand.source ? `Objective: ${demand.source}.` : "",
      "A month is 730 hours, all of them paid for; $/Mtok are of the traffic, so what is spare or idle is in them.",
    ].filter(Boolean);
  };
  const hiddenOf = (rows, shown) => {
    const dearer = rows.filter((row) => row.meets).length - shown.filter((row) => row.meets).length, none = rows.filter((row) => !row.meets).length - shown.filter((row) => !row.meets).length, out = rows.reduce((sum, row) => sum + row.leftOut, 0);
    return [`${EB.counted(rows.length, "deployment")} measured, ${rows.filter((row) => row.meets).length} with an answer.`, dearer ? `Not shown: ${dearer} dearer of the same part and engine.` : "", none ? `Not shown: ${none} without an answer, of parts and engines that stand here.` : "", out ? `${EB.counted(out, "point")} left out (wrong answers, invalidated, late client).` : ""].filter(Boolean).join(" ");
  };

  async function draw(main, view) {
    if (!EB.index.models.length) { main.append(EB.note("The store has no points: measure a night (`enginebench night`) or import another tool's results (`enginebench import`).")); return null; }
    const [rates, sizing] = await Promise.all([EB.load("rates"), EB.load("sizing"), ...parts.map(EB.script)]);
    const controls = element("form", null, { "aria-label": "What is to be served", class: "choose", onsubmit: (event) => event.preventDefault() }), lead = element("p", null, { class: "lead", role: "status" }), prices = element("div"), body = element("div"), notes = element("div"), unmetBox = element("div");
    const chart = EB.chart("size", "What the traffic takes"), metricBox = element("p", null, "controls"), section = EB.section("Side by side", metricBox, chart);
    main.append(controls, lead, body, section, notes, unmetBox, prices);
    return async () => {
      const model = modelOf(view), points = await EB.now(model), workloads = workloadsOf(points), workload = workloads.includes(view.get("workload")) ? view.get("workload") : workloads[0], demand = demandOf(view, sizing.objectives);
      if (workload === undefined) { lead.textContent = `No point of ${model} tells its input and output lengths: nothing can be sized.`; section.hidden = true; for (const box of [body, notes, unmetBox, prices]) box.replaceChildren(); EB.renew(controls, [EB.select({ get: () => model, set: view.set }, "model", "model", EB.index.models.map((one) => one.name))]); return; }
      const own = points.filter((point) => point.workload === workload), steady = own.some((point) => !point.tool && (point.values.requests_rps?.[0] ?? null) !== null);
      const span = ["steady", "whole"].includes(view.get("window")) ? view.get("window") : steady ? "steady" : "whole";
      EB.renew(controls, controlsOf(view, { model, workload, workloads, points, demand, objectives: sizing.objectives, span }));
      EB.renew(prices, [EB.section("Prices and power", EB.pricingControls(view, rates, own))]);
      const reason = wrong(demand);
      lead.className = reason ? "lead bad" : "lead";
      const rows = reason ? [] : answersOf(own, demand, rates, EB.pricing(view, rates), span), shown = chosen(rows, view.get("all") === "1"), met = shown.filter((row) => row.meets), unmet = shown.filter((row) => !row.meets);
      lead.textContent = reason || leadOf(rows.find((row) => row.meets), demand);
      body.replaceChildren(...(rows.length ? [EB.note(hiddenOf(rows, shown))] : []), ...(met.length ? [EB.table("Deployments that keep the objective, the cheapest first", columns, met, { csv: "size" })] : []));
      unmetBox.replaceChildren(...(unmet.length ? [EB.section("Without an answer", EB.table("Deployments without an answer, and why", without, unmet, { csv: "size-without" }))] : []));
      notes.replaceChildren(...(rows.length ? [element("ul", honesty(rows, demand).map((words) => element("li", words)), "note")] : []));
      section.hidden = !met.length;
      if (!met.length) return;
      const metric = drawn[view.get("show")] ? view.get("show") : met.some((row) => row.figures.usd_per_month[0] !== null) ? "usd_per_month" : "accelerators";
      EB.renew(metricBox, [EB.select({ get: () => metric, set: view.set }, "show", "shown", Object.entries(drawn))]);
      const made = chartOf(met, metric);
      chart.querySelector(".plot").style.height = `${90 + 44 * Math.max(made.count, 2)}px`;
      await chart.update({ traces: made.traces, layout: made.layout, columns, rows: met, note: [made.spread ? "Lines on bars: 95 % intervals." : "", made.more ? `${made.more} more are in the table.` : "", made.lacking ? `${EB.counted(made.lacking, "answer")} without this figure (no price or power of the part).` : ""].filter(Boolean).join(" ") });
    };
  }
  EB.page("size", { draw });
})();
