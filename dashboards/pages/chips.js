"use strict";
// What is known of every part, what it costs, and how near to its limits measured points came.
(() => {
  const { element } = EB;
  const facts = [["memory", "Memory (GB)", 1e-9], ["memory bandwidth", "Bandwidth (TB/s)", 1e-12], ["power limit", "Power limit (W)", 1]];
  const shares = {
    decode_bandwidth_share: "Decode: bandwidth used (MBU)", prefill_flops_share: "Prefill: FLOP/s used (MFU)", flops_share: "Prefill and decode: FLOP/s used (MFU)", first_token_flops_share: "First token alone: FLOP/s used",
  };
  const xs = { load: ["requests in flight, or requests/s asked", (row) => row.point.concurrency ?? row.point.rate_rps, true], isl: ["input length (tokens)", (row) => row.point.isl_tokens, true], flops: [`${shares.flops_share} (%)`, (row) => row.shares.flops_share[0], false], speed: ["interactivity, mean (tok/s/user)", (row) => row.point.values.interactivity_mean_tps?.[0] ?? null, false] };
  const unit = (name) => `${shares[name]} (%)`;

  // ---- facts and rates ----
  const specificationsOf = (rows) => {
    const parts = EB.distinct(rows.map((row) => row.part)), precisions = EB.tally(rows.map((row) => row.precision).filter(Boolean)).map(([name]) => name);
    const find = (part, fact, precision = null) => rows.find((row) => row.part === part && row.fact === fact && row.precision === precision);
    const column = (name, of, scale) => ({ name, number: true, of: (part) => { const row = of(part); return row ? row.value * scale : null; }, hint: (part) => { const row = of(part); return row ? [row.source, row.date, row.condition].filter(Boolean).join(", ") : "not known"; } });
    return [
      EB.table(`Parts: ${parts.length}, each value of one device; its source stands in the table of every value`, [
        { name: "part", of: (part) => part, head: true }, { name: "product", of: (part) => rows.find((row) => row.part === part).product, whole: true },
        ...facts.map(([fact, title, scale]) => column(title, (part) => find(part, fact), scale)), ...precisions.map((precision) => column(`Dense ${precision} (TFLOP/s)`, (part) => find(part, "dense compute", precision), 1e-12)),
      ], parts, { csv: "parts" }),
      element("details", [element("summary", `Every value with its source: ${EB.counted(rows.length, "value")}`), EB.table("Values and sources", [
        { name: "part", of: (row) => row.part, head: true }, { name: "value of", of: (row) => [row.fact, row.precision].filter(Boolean).join(" ") }, { name: "value", of: (row) => row.value, number: true, cell: (row) => scaled(row) },
        { name: "unit", of: (row) => row.unit, only: "csv" }, { name: "source", of: (row) => row.source }, { name: "read on", of: (row) => row.date, whole: true }, { name: "condition", of: (row) => row.condition },
      ], rows, { csv: "specifications" })]),
    ];
  };
  const scaled = (row) => { const step = [[1e15, "P"], [1e12, "T"], [1e9, "G"]].find(([size]) => row.value >= size) ?? [1, ""]; return `${EB.figure(row.value / step[0])} ${step[1]}${row.unit === "bytes" ? "B" : row.unit === "bytes/s" ? "B/s" : row.unit}`; };
  const ratesOf = (rows, classes) => EB.table("Rates: US dollars an accelerator-hour by kind of seller, and kW all in; a night has the rates of its day", [
    { name: "part", of: (row) => row.part, head: true }, { name: "in force from", of: (row) => row.since, whole: true }, { name: "until before", of: (row) => row.before, whole: true, cell: (row) => row.before ?? "still in force" },
    ...classes.map((name) => ({ name: `${name} ($/h)`, of: (row) => row[`${name}_usd`], number: true })), { name: "kW all in", of: (row) => row.all_in_kw, number: true },
    { name: "source", of: (row) => row.source }, { name: "condition", of: (row) => row.condition }, { name: "rate", of: (row) => row.rate, only: "csv" },
  ], rows, { csv: "rates" });

  // ---- against the limits ----
  const modelOf = (view) => EB.index.models.find((one) => one.name === view.get("model"))?.name ?? EB.index.models.reduce((most, one) => (one.points > most.points ? one : most)).name;
  const rowsOf = async (model) => {
    const [points, found] = await Promise.all([EB.now(model), EB.load(`roofline/${EB.index.models.find((one) => one.name === model).key}`)]), by = new Map(points.map((point) => [point.id, point]));
    const name = EB.namer(points);
    return EB.rows(found).map((one) => ({ ...one, point: by.get(one.id), name: name(by.get(one.id)), shares: Object.fromEntries(Object.keys(shares).map((key) => [key, [one[key], one[`${key}_low`], one[`${key}_high`]]])) }));
  };
  const filtersOf = (view, rows) => {
    const of = { part: (row) => row.point.part ?? row.point.product, engine: (row) => row.point.engine, workload: (row) => row.point.workload };
    const options = Object.fromEntries(Object.entries(of).map(([key, one]) => [key, EB.distinct(rows.map(one))]));
    const kept = rows.filter((row) => Object.entries(of).every(([key, one]) => !view.list(key).length || view.list(key).includes(one(row))));
    return { options, kept };
  };
  const cellOf = (row, key) => element("span", [EB.figure(row.shares[key][0]), element("br"), element("span", row.shares[key][0] === null ? "" : row.shares[key][1] === null ? "no interval" : `[${EB.figure(row.shares[key][1])}, ${EB.figure(row.shares[key][2])}]`, "interval")]);
  const columns = [
    { name: "engine", of: (row) => EB.engineOf(row.point), head: true }, { name: "part", of: (row) => EB.partOf(row.point), whole: true }, { name: "split", of: (row) => row.point.parallelism }, { name: "precision", of: (row) => row.point.precision }, { name: "workload", of: (row) => row.point.workload },
    { name: "load", of: (row) => row.point.load, cell: (row) => EB.link(row.point.load, "frontier", { model: row.point.model, workload: row.point.workload, point: row.id }) },
    ...Object.entries(shares).flatMap(([key, title]) => [
      { name: `${title} (%)`, of: (row) => row.shares[key][0], number: true, cell: (row) => cellOf(row, key), hint: (row) => row.absent[key] }, ...["low", "high"].map((end, at) => ({ name: `${title}, ${end} (%)`, of: (row) => row.shares[key][at + 1], only: "csv" })),
    ]),
    { name: "binds", of: (row) => row.binds, hint: (row) => row.absent.binds }, { name: "decoding at once", of: (row) => row.decoding_sequences, number: true }, { name: "computed in", of: (row) => row.compute_precision },
    { name: "attention counted", of: (row) => (row.attention_counted === null ? null : row.attention_counted ? "yes" : "no") }, { name: "not given, and why", of: (row) => lackOf(row).join("; "), cell: (row) => element("div", lackOf(row).join("; "), "note") },
    { name: "night", of: (row) => row.point.night, whole: true }, { name: "measured by", of: (row) => row.point.tool || "enginebench" },
  ];
  const lackOf = (row) => EB.tally(Object.entries(row.absent).filter(([key]) => key in shares && key !== "first_token_flops_share").map(([, why]) => why)).map(([why]) => why);

  // Curves of one name one after another, a hole between: recipes that differ in no word are curves of their own.
  const curvesOf = (rows, of) => {
    const curves = new Map();
    for (const row of rows) { const key = `${row.point.curve} ${row.point.host} ${row.point.load_kind}`; if (!curves.has(key)) curves.set(key, []); curves.get(key).push(row); }
    return [...curves.values()].flatMap((curve, at) => [...(at ? [null] : []), ...curve.sort((a, b) => of(a) - of(b))]);
  };
  // On a logarithmic axis the places that were measured are named, where they are few.
  const ticks = (rows, [, of, logarithmic]) => {
    const at = EB.distinct(rows.map(of));
    return logarithmic ? { type: "log", ...(at.length && at.length <= 14 ? { tickvals: at, ticktext: at.map(EB.figure) } : {}) } : { type: "linear" };
  };
  const tracesOf = (rows, metric, [, of]) => {
    const lines = EB.distinct(rows.map((row) => row.name)), all = rows.map(of).filter((one) => one !== null);
    const traces = lines.map((name, at) => {
      const style = EB.style(at), listed = curvesOf(rows.filter((row) => row.name === name), of), ends = (end) => listed.map((row) => (row && row.shares[metric][end] !== null ? Math.abs(row.shares[metric][end] - row.shares[metric][0]) : 0));
      return {
        name, mode: "lines+markers", rows: listed, swatch: style, x: listed.map((row) => (row ? of(row) : null)), y: listed.map((row) => (row ? row.shares[metric][0] : null)), line: { color: style.colour, dash: style.dash, width: 1.3 },
        marker: { color: style.colour, size: 9, symbol: listed.map((row) => style.symbol + (row && EB.hollow(row.point) ? "-open" : "")) }, error_y: listed.some((row) => row && row.shares[metric][1] !== null) ? { type: "data", symmetric: false, array: ends(2), arrayminus: ends(1), thickness: 1.2, width: 3 } : {},
        hoverinfo: "text", hovertext: listed.map((row) => (row ? EB.hover([`${EB.engineOf(row.point)}, ${EB.partOf(row.point)}`, `${row.point.workload} ${row.point.load}, night ${row.point.night}`, `${unit(metric)}: ${EB.figure(row.shares[metric][0])}`, row.binds ? `nearer to its limit: ${row.binds}` : ""].filter(Boolean)) : "")),
      };
    });
    const limit = { name: "limit of the part", mode: "lines", x: [Math.min(...all), Math.max(...all)], y: [100, 100], hoverinfo: "skip", line: { color: "#8c8c8c", dash: "dot", width: 2 }, swatch: { colour: "#8c8c8c" } };
    return rows.length ? [...traces, limit] : [];
  };
  const explain = [
    "MBU: bytes that decoding must read in a second (weights that a step touches / mean TPOT, and the KV cache of the mean context for every output token) / bandwidth of all devices (Databricks, 2023).",
    "MFU: FLOPs of the prompts (2 × active parameters, and causal attention where all layers have it in full) / dense FLOP/s of the precision it is computed in (PaLM, appendix B). “Prefill and decode” adds the output tokens.",
    "Bytes and FLOPs are what the model needs at least: an engine that moves more is busier than its share says. The nearer of the two limits binds (Williams, Waterman and Patterson, 2009).",
    "First token alone: FLOPs of one prompt / median TTFT / dense FLOP/s, at one request in flight.",
  ];

  async function limits(view) {
    const box = element("div"), controls = element("form", null, { "aria-label": "Which points", class: "choose", onsubmit: (event) => event.preventDefault() }), lead = element("p", null, { role: "status" }), reasons = element("div");
    const chart = EB.chart("roofline", "Measured against the part's limit", { height: 460 });
    box.append(controls, lead, chart, reasons, element("ul", explain.map((words) => element("li", words)), "note"));
    const update = async () => {
      const model = modelOf(view), rows = await rowsOf(model), { options, kept } = filtersOf(view, rows), metric = view.get("share") in shares ? view.get("share") : "decode_bandwidth_share", x = xs[view.get("x")] ? view.get("x") : "load";
      EB.renew(controls, [element("p", [
        EB.select({ get: () => model, set: (change) => view.set({ ...change, part: [], engine: [], workload: [] }) }, "model", "model", EB.index.models.map((one) => one.name)), EB.several(view, "part", "Part", options.part), EB.several(view, "engine", "Engine", options.engine), EB.several(view, "workload", "Workload", options.workload),
        EB.select({ get: () => metric, set: view.set }, "share", "figure", Object.entries(shares)), EB.select({ get: () => x, set: view.set }, "x", "over", Object.entries(xs).map(([key, [words]]) => [key, words]))], "controls")]);
      const [words, of, logarithmic] = xs[x], told = kept.filter((row) => row.shares[metric][0] !== null), shown = told.filter((row) => { const at = of(row); return at !== null && (!logarithmic || at > 0); });
      const best = told.length ? told.reduce((most, row) => (row.shares[metric][0] > most.shares[metric][0] ? row : most)) : null;
      lead.textContent = best ? `Most of ${shares[metric]}: ${EB.figure(best.shares[metric][0])} % by ${best.name}, ${best.point.workload} ${best.point.load}${best.binds ? `; nearer to its limit: ${best.binds}` : ""}.` : kept.length ? "No point shown has this figure; why stands below." : "No point is left by these choices.";
      const foreign = shown.filter((row) => row.point.tool).length, counts = [EB.counted(shown.length, "point"), kept.length - shown.length ? `${kept.length - shown.length} without the figure` : "", rows.length - kept.length ? `${rows.length - kept.length} not chosen` : "", foreign ? `${foreign} of other tools, by their whole run` : ""].filter(Boolean).join(", ");
      reasons.replaceChildren(...reasonsOf(kept.filter((row) => row.shares[metric][0] === null), metric));
      chart.querySelector(".plot").hidden = !shown.length;
      await chart.update({ traces: tracesOf(shown, metric, xs[x]), columns, rows: kept, note: `${counts}. 100 % is the part's limit.`, layout: EB.layout(words, unit(metric), { xaxis: ticks(shown, xs[x]), yaxis: { rangemode: "tozero" } }) });
    };
    return [box, update];
  }
  const reasonsOf = (rows, metric) => (rows.length ? [EB.note("Without the figure, and why:"), element("ul", EB.tally(rows.map((row) => row.absent[metric] ?? "not known")).map(([why, count]) => element("li", `${why} (${EB.counted(count, "point")})`)), "note")] : []);

  EB.page("chips", {
    async draw(main, view) {
      const [chips, rates] = await Promise.all([EB.load("chips"), EB.load("rates"), EB.script("parts/scatter.js")]), some = EB.index.models.length > 0;
      const [box, update] = some ? await limits(view) : [EB.note("The store has no points, so nothing is measured against these limits: measure a night (`enginebench night`) or import another tool's results (`enginebench import`)."), null];
      main.append(EB.section("Measured against the part's limit", box), EB.section("Specifications", ...specificationsOf(chips.specifications)), EB.section("Rates", ratesOf(chips.rates, rates.classes)));
      return update;
    },
  });
})();
