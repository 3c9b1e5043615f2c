"use strict";
// What a longer context costs, along lines on which nothing else changes; and what a prefix cache saves.
(() => {
  const { element } = EB;
  const kinds = [["total", "total tokens"], ["output", "output tokens"], ["input", "input tokens"]];
  const statistics = [["ttft_p50_ns", "TTFT, median"], ["ttft_p99_ns", "TTFT, p99"], ["ttft_mean_ns", "TTFT, mean"]];

  // ---- which points ----
  const modelOf = (view) => EB.index.models.find((one) => one.name === view.get("model"))?.name ?? EB.index.models.reduce((most, one) => (one.points > most.points ? one : most)).name;
  const rowsOf = async (model) => {
    const [points, found] = await Promise.all([EB.now(model), EB.load(`context/${EB.index.models.find((one) => one.name === model).key}`)]), by = new Map(points.map((point) => [point.id, point]));
    return { lines: EB.rows(found.lines).map((one) => ({ ...one, point: by.get(one.id) })), savings: EB.rows(found.savings).map((one) => ({ ...one, point: by.get(one.with_cache), bare: by.get(one.without_cache) })), points };
  };
  const of = { load: (row) => `${row.point.load} ${row.point.load_kind === "open" ? "Poisson" : "in flight"}`, osl: (row) => `${row.point.osl_tokens} out`, part: (row) => row.point.part ?? row.point.product ?? "?", engine: (row) => row.point.engine };
  // The load and output length of which most lines have several contexts stand first.
  const standardOf = (rows) => {
    const several = rows.filter((row) => row.contexts > 1), counts = EB.tally((several.length ? several : rows).map((row) => JSON.stringify([of.load(row), of.osl(row)])));
    return counts.length ? JSON.parse(counts.reduce((most, one) => (one[1] > most[1] ? one : most))[0]) : [null, null];
  };
  const choose = (view, rows) => {
    const [load, osl] = standardOf(rows), loads = EB.distinct(rows.map(of.load)), lengths = EB.distinct(rows.map(of.osl));
    const chosen = { load: loads.includes(view.get("load")) ? view.get("load") : load, osl: lengths.includes(view.get("osl")) ? view.get("osl") : osl };
    const like = rows.filter((row) => of.load(row) === chosen.load && of.osl(row) === chosen.osl);
    const kept = like.filter((row) => ["part", "engine"].every((key) => !view.list(key).length || view.list(key).includes(of[key](row))));
    const usable = kept.filter((row) => !row.left_out), lines = usable.filter((row) => row.contexts > 1);
    // Points that no line joins tell nothing of context: they are shown where there is nothing else, or if asked for.
    const shown = lines.length && view.get("alone") !== "1" ? lines : usable;
    return { chosen, loads, lengths, like, kept, usable: shown, alone: usable.length - shown.length };
  };

  // ---- figures ----
  const figuresOf = (view, rows, rates) => {
    const kind = kinds.some(([one]) => one === view.get("kind")) ? view.get("kind") : "total", ttft = statistics.some(([one]) => one === view.get("ttft")) ? view.get("ttft") : "ttft_p50_ns", pricing = EB.pricing(view, rates);
    const rate = (point) => EB.rateOf(rates, point.part, point.night, pricing), none = [null, null, null, 0];
    // Other tools tell the whole run alone.
    const whole = (point) => Boolean(point.tool) || view.get("window") === "whole", speed = (point) => `${kind}_tps_per_accelerator${whole(point) ? "_whole_run" : ""}`;
    return { kind, ttft, list: [
      { key: "ttft", title: EB.title(ttft), of: ({ point }) => [point.values[ttft] ?? none, "no TTFT"] },
      { key: "throughput", title: EB.title(`${kind}_tps_per_accelerator`), of: ({ point }) => [point.values[speed(point)] ?? none, `no ${kind} throughput`] },
      { key: "cost", title: `${rates.figures[`${kind}_usd_per_mtok`].title} (${rates.figures[`${kind}_usd_per_mtok`].unit})`, of: ({ point }) => { const found = EB.costOf(point, `${kind}_usd_per_mtok`, rate(point), whole(point)); return [found.four, found.reason]; } },
    ] };
  };
  const columnsOf = (figures) => [
    { name: "engine", of: (row) => EB.engineOf(row.point), head: true }, { name: "part", of: (row) => EB.partOf(row.point), whole: true }, { name: "split", of: (row) => row.point.parallelism }, { name: "precision", of: (row) => row.point.precision },
    { name: "input length (tokens)", of: (row) => row.point.isl_tokens, number: true }, { name: "output length (tokens)", of: (row) => row.point.osl_tokens, number: true },
    { name: "load", of: (row) => row.point.load, cell: (row) => EB.link(row.point.load, "frontier", { model: row.point.model, workload: row.point.workload, point: row.id }) },
    ...figures.list.flatMap((figure) => [
      { name: figure.title, of: (row) => figure.of(row)[0][0], number: true, hint: (row) => (figure.of(row)[0][0] === null ? figure.of(row)[1] : ""), cell: (row) => { const [four] = figure.of(row); return element("span", [EB.figure(four[0]), element("br"), element("span", four[0] === null ? "" : EB.interval(four), "interval")]); } },
      ...[["low", 1], ["high", 2], ["n", 3]].map(([end, at]) => ({ name: `${figure.title}, ${end}`, of: (row) => figure.of(row)[0][at], only: "csv" })),
    ]),
    { name: "prefix cache", of: (row) => (row.prefix_cache === null ? null : row.prefix_cache ? "on" : "off") }, { name: "contexts on its line", of: (row) => row.contexts, number: true }, { name: "left out", of: (row) => row.left_out || null }, { name: "host", of: (row) => row.point.host }, { name: "night", of: (row) => row.point.night, whole: true }, { name: "measured by", of: (row) => row.point.tool || "enginebench" }, { name: "point", of: (row) => row.id, only: "csv" },
  ];

  // Lines of a name, each by input length with a hole between; a line's recipe may differ from another's without a word.
  // A name has one colour in all charts: `names` are those of all.
  const tracesOf = (rows, figure, name, names) => {
    return names.filter((one) => rows.some((row) => name(row) === one)).map((one) => {
      const style = EB.style(names.indexOf(one)), lines = new Map();
      for (const row of rows) if (name(row) === one && figure.of(row)[0][0] !== null) { if (!lines.has(row.line)) lines.set(row.line, []); lines.get(row.line).push(row); }
      const listed = [...lines.values()].flatMap((line, place) => [...(place ? [null] : []), ...line.sort((a, b) => a.point.isl_tokens - b.point.isl_tokens)]);
      const four = (row) => (row ? figure.of(row)[0] : [null, null, null]), ends = (end) => listed.map((row) => (row && four(row)[end] !== null ? Math.abs(four(row)[end] - four(row)[0]) : 0));
      return {
        name: one, rows: listed, mode: "lines+markers", swatch: style, x: listed.map((row) => row?.point.isl_tokens ?? null), y: listed.map((row) => four(row)[0]), line: { color: style.colour, dash: style.dash, width: 1.6 }, marker: { color: style.colour, size: 9, symbol: style.symbol },
        error_y: listed.some((row) => four(row)[1] !== null) ? { type: "data", symmetric: false, array: ends(2), arrayminus: ends(1), thickness: 1.2, width: 3 } : {}, hoverinfo: "text",
        hovertext: listed.map((row) => (row ? EB.hover([one, `${row.point.isl_tokens} tokens in, ${row.point.osl_tokens} out, ${row.point.load}`, `${figure.title}: ${EB.figure(four(row)[0])} ${EB.interval(four(row))}`, `night ${row.point.night}`]) : "")),
      };
    });
  };
  const layoutOf = (rows, figure, log) => {
    const at = EB.distinct(rows.map((row) => row.point.isl_tokens));
    return EB.layout("input length (tokens)", figure.title, { xaxis: { type: "log", ...(at.length && at.length <= 14 ? { tickvals: at, ticktext: at.map(EB.figure) } : {}) }, yaxis: log ? { type: "log" } : { rangemode: "tozero" } });
  };

  // ---- words ----
  const leadOf = (rows, figures, name) => {
    const lines = new Map();
    for (const row of rows) { if (!lines.has(row.line)) lines.set(row.line, []); lines.get(row.line).push(row); }
    const several = [...lines.values()].map((line) => line.filter((row) => row.point.isl_tokens > 0).sort((a, b) => a.point.isl_tokens - b.point.isl_tokens)).filter((line) => line.length > 1 && line[0].point.isl_tokens < line[line.length - 1].point.isl_tokens);
    if (!several.length) return "No line here was measured at more than one input length, so nothing tells what a longer context costs: measure a deployment on workloads of several input lengths and one output length.";
    const ratio = (line, figure) => { const [short, long] = [line[0], line[line.length - 1]].map((row) => figure.of(row)[0][0]); return short > 0 && long > 0 ? long / short : null; };
    const [ttft, throughput] = figures.list, known = several.map((line) => [line, ratio(line, ttft)]).filter(([, one]) => one !== null);
    if (!known.length) return `${EB.counted(several.length, "line")} over several input lengths.`;
    const [line, times] = known.reduce((least, one) => (one[1] < least[1] ? one : least)), speed = ratio(line, throughput), [short, long] = [line[0].point.isl_tokens, line[line.length - 1].point.isl_tokens];
    return `TTFT grows least with context on ${name(line[0])}: ${EB.figure(times)} times from ${EB.figure(short)} to ${EB.figure(long)} tokens${speed === null ? "" : `, at ${EB.figure(speed)} times the throughput (${figures.kind} tokens)`}.`;
  };
  const countsOf = (rows, picked, figure) => {
    const shown = picked.usable.filter((row) => figure.of(row)[0][0] !== null), lines = new Set(shown.map((row) => row.line)).size, out = picked.kept.filter((row) => row.left_out).length, alone = shown.filter((row) => row.contexts < 2).length, reasons = EB.tally(picked.usable.filter((row) => figure.of(row)[0][0] === null).map((row) => figure.of(row)[1]));
    return [`${EB.counted(shown.length, "point")} on ${EB.counted(lines, "line")}.`, alone ? `${alone} stand alone: one input length of their line.` : picked.alone ? `${picked.alone} not shown: one input length of their line.` : "", ...reasons.map(([why, count]) => `${count} without the figure: ${why}.`), out ? `${out} left out: ${EB.tally(picked.kept.filter((row) => row.left_out).map((row) => row.left_out)).map(([why, count]) => `${count} ${why}`).join(", ")}.` : "",
      rows.length - picked.like.length ? `${rows.length - picked.like.length} at other loads or output lengths.` : "", picked.like.length - picked.kept.length ? `${picked.like.length - picked.kept.length} not chosen.` : "", shown.some((row) => row.point.tool) ? "Throughput of other tools is of the whole run." : ""].filter(Boolean).join(" ");
  };
  const savingsOf = (savings, points) => {
    if (!savings.length) return [EB.note(points.some((point) => (point.values.prefix_hit_share?.[0] ?? 0) > 0) ? "Points with hits in their prefix cache are here, but none was measured without it with all else equal, so there is nothing to hold them against." : "No deployment was measured both with a prefix cache and without, all else equal.")];
    const times = (row, name) => { const [centre, low, high] = ["", "_low", "_high"].map((end) => row[`${name}_ratio${end}`]); return element("span", [EB.figure(centre), element("br"), element("span", low === null || high === null ? (centre === null ? "" : "no interval") : `[${EB.figure(low)}, ${EB.figure(high)}]`, "interval")]); };
    const ratio = (name, title) => [{ name: title, of: (row) => row[`${name}_ratio`], number: true, cell: (row) => times(row, name) }, ...["low", "high"].map((end) => ({ name: `${title}, ${end}`, of: (row) => row[`${name}_ratio_${end}`], only: "csv" }))];
    const told = (name) => savings.map((row) => row[`${name}_ratio`]).filter((one) => one !== null).sort((a, b) => a - b), span = (name, words) => { const all = told(name); return all.length ? `${words} ${EB.figure(all[0])} to ${EB.figure(all[all.length - 1])} times (median ${EB.figure(all[Math.floor(all.length / 2)])})` : ""; };
    return [
      element("p", `With the cache, ${[span("ttft", "TTFT is"), span("throughput", "throughput"), span("cost", "the cost of a token")].filter(Boolean).join(", ")} of that without, over ${EB.counted(savings.length, "pair")} of points.`),
      EB.table("With the prefix cache / without it, all else of the recipe equal: below 1 of TTFT and cost, above 1 of throughput, it saves", [
        { name: "engine", of: (row) => EB.engineOf(row.point), head: true }, { name: "part", of: (row) => EB.partOf(row.point), whole: true }, { name: "workload", of: (row) => row.point.workload, whole: true }, { name: "input length (tokens)", of: (row) => row.point.isl_tokens, number: true },
        { name: "input tokens found in the cache (%)", of: (row) => row.hit_share, number: true }, ...ratio("ttft", "TTFT, median (times)"), ...ratio("throughput", "throughput, total tokens (times)"), ...ratio("cost", "cost a token (times)"),
        { name: "points", of: (row) => `${row.with_cache} ${row.without_cache}`, cell: (row) => element("span", [[row.point, "with"], [row.bare, "without"]].flatMap(([point, words], at) => [at ? ", " : "", EB.link(`${point.load} ${words}`, "frontier", { model: point.model, workload: point.workload, point: point.id })])) },
      ], savings, { csv: "cache-saving" }),
      EB.note("Intervals hold the worse end of the one against the better of the other: wider than a test of both. For a verdict use Compare."),
    ];
  };

  EB.page("context", {
    async draw(main, view) {
      if (!EB.index.models.length) { main.append(EB.note("The store has no points: measure a night (`enginebench night`) or import another tool's results (`enginebench import`).")); return null; }
      const [rates] = await Promise.all([EB.load("rates"), EB.script("parts/economics.js"), EB.script("parts/scatter.js")]);
      const controls = element("form", null, { "aria-label": "What is shown", class: "choose", onsubmit: (event) => event.preventDefault() }), lead = element("p", null, { class: "lead", role: "status" }), cache = element("div"), prices = element("div");
      const charts = ["ttft", "throughput", "cost"].map((key) => [key, EB.chart(`context-${key}`, `${{ ttft: "TTFT", throughput: "Throughput", cost: "Cost" }[key]} over input length`, { height: 340 })]);
      main.append(controls, lead, ...charts.map(([key, chart]) => EB.section({ ttft: "TTFT", throughput: "Throughput", cost: "Cost" }[key], chart)), EB.section("Cache reuse and its saving", cache), prices);
      return async () => {
        const model = modelOf(view), { lines, savings, points } = await rowsOf(model), rows = lines.filter((row) => row.point.isl_tokens > 0), picked = choose(view, rows), figures = figuresOf(view, rows, rates);
        const fixed = (value, also = {}) => ({ get: () => value, set: (change) => view.set({ ...change, ...also }) });
        EB.renew(controls, [element("p", [
          EB.select(fixed(model, { load: "", osl: "", part: [], engine: [] }), "model", "model", EB.index.models.map((one) => one.name)), EB.select(fixed(picked.chosen.load), "load", "load", picked.loads), EB.select(fixed(picked.chosen.osl), "osl", "output length", picked.lengths),
          EB.several(view, "part", "Part", EB.distinct(rows.map(of.part))), EB.several(view, "engine", "Engine", EB.distinct(rows.map(of.engine))), EB.select(fixed(figures.ttft), "ttft", "TTFT as", statistics), EB.select(fixed(figures.kind), "kind", "throughput and cost of", kinds),
          EB.select(fixed(view.get("window") === "whole" ? "whole" : "steady"), "window", "throughput of", [["steady", "steady window"], ["whole", "whole run"]]), EB.check(view, "ylog", "logarithmic y"), EB.check(view, "alone", "points that no line joins")], "controls")]);
        const words = EB.namer(picked.usable.map((row) => ({ ...row.point, workload: "" }))), cached = picked.usable.some((row) => row.prefix_cache) && picked.usable.some((row) => row.prefix_cache === false);
        const name = (row) => `${words({ ...row.point, workload: "" })}${cached && row.prefix_cache ? " · prefix cache" : ""}`;
        lead.textContent = leadOf(picked.usable, figures, name);
        EB.renew(prices, [EB.section("Prices and power", EB.pricingControls(view, rates, picked.usable.map((row) => row.point)))]);
        cache.replaceChildren(...savingsOf(savings, points));
        const names = EB.distinct(picked.usable.map(name));
        await Promise.all(charts.map(([key, chart]) => {
          const figure = figures.list.find((one) => one.key === key), shown = picked.usable.filter((row) => figure.of(row)[0][0] !== null);
          chart.querySelector(".plot").hidden = !shown.length;
          return chart.update({ traces: tracesOf(shown, figure, name, names), columns: columnsOf(figures), rows: picked.kept, note: countsOf(rows, picked, figure), layout: layoutOf(shown, figure, view.get("ylog") === "1") });
        }));
      };
    },
  });
})();
