"use strict";
// Day 0 to peak: how many days and versions each engine took to its best, what set each step, and who led when.
(() => {
  const { element } = EB;
  const verdicts = { leads: "leads", tie: "tie: intervals overlap", "no interval": "ahead, not proved: a figure has no interval", alone: "alone" };
  const key = (row) => [row.precision, row.dummy_weights, row.vendor, row.product, row.devices, row.workload, row.tool].join("|");
  const words = (row) => [row.precision, `${row.devices ?? "?"} × ${row.product ?? "?"}`, row.workload,
    ...(row.dummy_weights ? ["made-up weights"] : []), ...(row.tool ? [`by ${row.tool}`] : [])].filter(Boolean).join(" · ");
  // Nights of other tools are no nights of this store.
  const toNight = (row, night) => (row.tool ? night : EB.toNight(night));
  const interval = (row) => (row.low === null ? "no interval" : `[${EB.figure(row.low)}, ${EB.figure(row.high)}]`);
  const cell = (row) => [EB.figure(row.value), " ", element("span", interval(row), "interval")];

  // Groups with several engines first, then those of the most nights: what a reader most likely came for.
  function groups(document) {
    const found = new Map();
    for (const row of EB.rows(document.peaks)) {
      const one = found.get(key(row)) ?? { key: key(row), label: words(row), engines: 0, nights: 0 };
      one.engines += 1; one.nights += row.nights;
      found.set(one.key, one);
    }
    return [...found.values()].sort((a, b) => Math.min(b.engines, 2) - Math.min(a.engines, 2) || b.nights - a.nights || (a.label > b.label ? 1 : -1));
  }
  const mine = (table, group) => EB.rows(table).filter((row) => key(row) === group);

  function traces(best, steps, peaks) {
    return peaks.flatMap((peak, n) => {
      const { colour, symbol, dash } = EB.style(n), of = (rows) => rows.filter((row) => row.engine === peak.engine);
      const nights = of(best), way = of(steps), hover = (row) => EB.hover([`${row.engine}, night ${row.night}`, `${EB.figure(row.value)} ${interval(row)}`, `${row.version_label}, ${row.load}`]);
      const last = way.at(-1);
      return [
        { type: "scatter", mode: "lines", name: peak.engine, x: [...way.map((row) => row.night), peak.last_night], y: [...way.map((row) => row.value), last.value],
          line: { color: colour, dash, shape: "hv", width: 2 }, swatch: { symbol, colour }, hoverinfo: "skip" },
        { type: "scatter", mode: "markers", name: peak.engine, legend: false, x: nights.map((row) => row.night), y: nights.map((row) => row.value),
          error_y: { type: "data", symmetric: false, thickness: 1, width: 2, color: colour, array: nights.map((row) => (row.high === null ? 0 : row.high - row.value)), arrayminus: nights.map((row) => (row.low === null ? 0 : row.value - row.low)) },
          marker: { color: colour, symbol, size: 7 }, rows: nights, hovertemplate: "%{text}<extra></extra>", text: nights.map(hover) },
      ];
    });
  }

  function peakTable(rows, unit) {
    const reached = (percent) => ({ name: `${percent} %`, number: true, of: (row) => row[`days_to_${percent}`], csv: `days to ${percent} %`,
      cell: (row) => `${EB.counted(row[`days_to_${percent}`], "day")}, ${EB.counted(row[`versions_to_${percent}`], "version")}` });
    return EB.table("Days and versions tried until 50, 90 and 100 % of the best so far", [
      { name: "engine", of: (row) => row.engine, head: true },
      { name: "day 0", of: (row) => row.first_night, cell: (row) => toNight(row, row.first_night) },
      { name: `best (${unit})`, of: (row) => row.value, cell, number: true },
      reached(50), reached(90), reached(100),
      { name: "as good from", of: (row) => row.days_to_tie, number: true, cell: (row) => (row.days_to_tie === null ? EB.missing : `day ${row.days_to_tie}`) },
      { name: "set by", of: (row) => `${row.version_label}, ${row.load}` }, { name: "on", of: (row) => row.best_night, cell: (row) => toNight(row, row.best_night) },
      { name: "since then", of: (row) => row.nights_since, cell: (row) => `${EB.counted(row.nights_since, "night")}, ${EB.counted(row.versions_since, "new version")}` },
    ], rows, { csv: "day-0-to-peak" });
  }
  const stepTable = (rows, unit) => EB.table("Best so far, step by step", [
    { name: "engine", of: (row) => row.engine, head: true }, { name: "night", of: (row) => row.night, cell: (row) => toNight(row, row.night) },
    { name: "day", of: (row) => row.day, number: true }, { name: `best (${unit})`, of: (row) => row.value, cell, number: true },
    { name: "gain", of: (row) => row.gain, number: true, cell: (row) => (row.gain === null ? EB.missing : EB.change(1 + row.gain)) },
    { name: "beyond the interval before", of: (row) => (row.sure === null ? "no interval" : row.sure ? "yes" : "no: may be luck") },
    { name: "set by", of: (row) => `${row.version_label}, ${row.load}${row.host ? `, ${row.host}` : ""}${row.new_load ? " (a load not measured before)" : ""}` },
  ], rows, { csv: "best-so-far" });
  const reignTable = (rows) => EB.table("Who leads when: of the engines measured in a night, nothing carried over from others", [
    { name: "from", of: (row) => row.first_night, cell: (row) => toNight(row, row.first_night) }, { name: "to", of: (row) => row.last_night },
    { name: "nights measured", of: (row) => row.nights, number: true }, { name: "engine", of: (row) => row.who, head: true },
    { name: "verdict", of: (row) => verdicts[row.verdict] },
    { name: "leader ÷ second", of: (row) => row.ratio, number: true },
  ], rows, { csv: "who-leads" });

  function lead(peaks, reigns, metric) {
    const last = reigns.at(-1), said = peaks.map((row) => (row.nights === 1 ? `${row.engine} has one night` : `${row.engine} came to 90 % of its best in ${EB.counted(row.days_to_90, "day")} and ${EB.counted(row.versions_to_90, "version")}`));
    const now = last.verdict === "alone" ? `only ${last.who} was measured in the last night, ${last.last_night}`
      : last.verdict === "tie" ? `${last.who} are level since ${last.first_night}: their intervals overlap`
        : last.verdict === "leads" ? `${last.who} leads since ${last.first_night}` : `${last.who} is ahead since ${last.first_night}, not proved`;
    return `${EB.title(metric)}, ${EB.index.metrics[metric].better} is better: ${said.join("; ")}. ${now[0].toUpperCase()}${now.slice(1)}.`;
  }

  EB.page("peak", {
    async draw(main, view) {
      const known = await EB.load("peak"), metrics = Object.keys(known);
      if (!metrics.length) {
        main.append(EB.note("There is no way to a peak yet: the store has no eligible figure of a night that is named by its date (wrong answers, invalidated runs and reproductions don't count)."));
        return null;
      }
      const controls = element("div", null, "controls"), said = element("p", null, "lead"), left = EB.note(""), tables = element("div");
      const chart = EB.chart("day-0-to-peak", "best of each night, and the best so far, over nights");
      main.append(said, controls, left, chart, tables);
      let before = "";
      return async () => {
        const metric = metrics.includes(view.get("metric")) ? view.get("metric") : metrics[0], models = known[metric];
        const model = models.find((one) => one.name === view.get("model")) ?? models[0];
        const document = await EB.load(`peak/${metric}/${model.key}`), found = groups(document);
        const group = found.find((one) => one.key === view.get("group")) ?? found[0];
        // Controls are made anew only where their options change, so that the keyboard stays where it is.
        if (before !== `${metric} ${model.key}`) {
          before = `${metric} ${model.key}`;
          const focus = globalThis.document.activeElement?.name;
          controls.replaceChildren(EB.select(view, "metric", "Metric", metrics.map((name) => [name, EB.title(name)])),
            EB.select(view, "model", "Model", models.map((one) => one.name)), EB.select(view, "group", "Of", found.map((one) => [one.key, one.label])));
          controls.querySelector(`[name="${focus ?? "none"}"]`)?.focus();
        }
        const [peaks, steps, reigns, best] = ["peaks", "steps", "reigns", "best"].map((name) => mine(document[name], group.key));
        const unit = EB.index.metrics[metric].unit, tool = peaks[0].tool;
        said.textContent = lead(peaks, reigns, metric);
        left.textContent = `A night's figure is its best over all loads, recipes and hosts. Left out: wrong answers, invalidated runs, runs that the client may have moved, reproductions, nights that are no dates. ${found.length === 1 ? "" : `${found.length - 1} other groups of this model are under “Of”. `}${tool ? `Measured by ${tool}, taken as given: one run a figure, so no interval, and no lead is proved.` : ""}`;
        await chart.update({
          traces: traces(best, steps, peaks), layout: EB.layout("night", EB.title(metric), { xaxis: { type: "date" } }), rows: best,
          columns: [{ name: "engine", of: (row) => row.engine, head: true }, { name: "night", of: (row) => row.night, cell: (row) => toNight(row, row.night) },
            { name: `best (${unit})`, of: (row) => row.value, number: true }, { name: "low", csv: `low (${unit})`, of: (row) => row.low, number: true }, { name: "high", csv: `high (${unit})`, of: (row) => row.high, number: true },
            { name: "n", of: (row) => row.n, number: true }, { name: "version", of: (row) => row.version_label }, { name: "load", of: (row) => row.load }, { name: "host", of: (row) => row.host }],
          note: "Lines: the best so far. Marks: the best of each night with its 95 % interval. A best of many noisy nights is in part luck.",
        });
        tables.replaceChildren(EB.section("Days and versions to the best", peakTable(peaks, unit)), EB.section("What set each step", stepTable(steps, unit)), EB.section("Who leads when", reignTable(reigns)));
      };
    },
  });
})();
