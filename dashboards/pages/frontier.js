"use strict";
// Any figure over any other, of any points: curves with intervals, the frontier, what is beaten, and each point's details.
(() => {
  const { element } = EB;
  const parts = ["parts/economics.js", "parts/pareto.js", "parts/axes.js", "parts/scatter.js", "parts/trial.js"];
  const filters = [
    ["part", "Part", (point) => point.product], ["engine", "Engine", (point) => point.engine], ["version", "Version", (point) => EB.engineOf(point)], ["precision", "Precision", (point) => point.precision],
    ["workload", "Workload", (point) => point.workload], ["night", "Night", (point) => point.night], ["tool", "Measured by", (point) => point.tool || "enginebench"],
  ];
  const groups = {
    curve: ["curve", null], "part+engine": ["part and engine", (point) => `${point.product} · ${point.engine}`], part: ["part", (point) => point.product], engine: ["engine", (point) => point.engine],
    version: ["version", (point) => EB.engineOf(point)], precision: ["precision", (point) => point.precision], model: ["model", (point) => point.model], workload: ["workload", (point) => point.workload],
    night: ["night", (point) => point.night],
  };
  // Curves that are told apart by colour at once, and points whose loads are written beside them.
  const MOST_CURVES = 12, MOST_LABELS = 40;

  // ---- which points ----
  const modelsOf = (view) => {
    const known = EB.index.models.map((one) => one.name), given = view.list("model").filter((name) => known.includes(name));
    return given.length ? given : [EB.index.models.reduce((most, one) => (one.points > most.points ? one : most)).name];
  };
  // `now`, a month or `all`; a night that is asked for is looked for in its month.
  const whenOf = (view) => {
    const months = EB.distinct(view.list("night").map((night) => night.slice(0, 7)));
    return view.get("when") ?? (months.length === 0 ? "now" : months.length === 1 ? months[0] : "all");
  };
  const load = async (models, when) =>
    (await Promise.all(models.map((model) => (when === "now" ? EB.now(model) : EB.history(model, (month) => when === "all" || month === when))))).flat();
  // The workload with most points stands alone until others are asked for: figures of two are no match for each other.
  const standardOf = (key, points) => {
    if (key !== "workload" || !points.length) return [];
    return [EB.tally(points.map((point) => point.workload)).reduce((most, one) => (one[1] > most[1] ? one : most))[0]];
  };
  const wantedOf = (view, key, points) => (view.list(key).length ? view.list(key) : standardOf(key, points));
  const filtered = (view, points) => {
    const left = [];
    let kept = points;
    for (const [key, label, of] of filters) {
      const wanted = wantedOf(view, key, points), before = kept.length;
      if (wanted.length) kept = kept.filter((point) => wanted.includes(of(point)));
      if (kept.length < before) left.push(`${(before - kept.length).toLocaleString("en")} by ${label.toLowerCase()}`);
    }
    return { kept, left };
  };

  // ---- the axes ----
  const has = (point, name) => (point.values[name]?.[0] ?? null) !== null;
  const kinds = ["output", "total", "input"];
  const axesOf = (view, points, rates) => {
    const counts = kinds.map((kind) => [kind, points.filter((point) => ["", "_whole_run"].some((end) => has(point, `${kind}_tps_per_accelerator${end}`))).length]);
    const y = EB.axisAsked(view.get("y"), `${counts.reduce((most, one) => (one[1] > most[1] ? one : most))[0]}_tps_per_accelerator`), x = EB.axisAsked(view.get("x"), "interactivity");
    // Other tools tell the whole run alone: where there is nothing else, that is shown.
    const steady = points.some((point) => kinds.some((kind) => has(point, `${kind}_tps_per_accelerator`)));
    const span = ["steady", "whole"].includes(view.get("window")) ? view.get("window") : x.whole || y.whole || (points.length && !steady) ? "whole" : "steady";
    const statistic = view.get("stat") ?? x.statistic ?? y.statistic ?? "mean";
    const of = (axis) => EB.axis(axis.name, { statistic: view.get("stat") ?? axis.statistic ?? "mean", whole: span === "whole", rates, pricing: EB.pricing(view, rates) });
    return { x: of(x), y: of(y), names: { x: x.name, y: y.name }, span, statistic, logs: ["x", "y"].filter((axis) => view.get(`${axis}log`) === "1"), mix: view.get("mix") === "1" };
  };

  // ---- what the reader can choose ----
  const controlsOf = (view, models, when, points, axes, by) => {
    // What is chosen by itself stands in the box as if the reader had chosen it.
    const standing = { get: (key) => ({ y: axes.names.y, x: axes.names.x, window: axes.span, stat: axes.statistic, when, by })[key] ?? view.get(key), list: view.list, set: view.set };
    const months = EB.distinct(EB.index.models.filter((one) => models.includes(one.name)).flatMap((one) => one.months.map((month) => month.month))).reverse();
    const severals = filters.map(([key, label, of]) => {
      const options = EB.distinct(points.map(of).filter((one) => one !== null));
      return options.length > 1 || view.list(key).length ? EB.several(view, key, label, EB.distinct([...options, ...view.list(key)]), standardOf(key, points)) : null;
    });
    return [
      element("div", [
        EB.select(standing, "y", "y axis", EB.axisOptions.y), EB.select(standing, "x", "x axis", EB.axisOptions.x), EB.select(standing, "stat", "statistic of speeds and latencies", EB.statistics),
        EB.select(standing, "window", "throughput of the", [["steady", "steady window"], ["whole", "whole run"]]), EB.check(view, "ylog", "log y"), EB.check(view, "xlog", "log x"),
      ], "controls"),
      element("div", [
        EB.several(view, "model", "Model", EB.index.models.map((one) => one.name), models), EB.select(standing, "when", "points", [["now", "that stand now"], ...months, ["all", "of every night"]]), ...severals,
        EB.select(standing, "by", "colours by", Object.entries(groups).map(([key, [label]]) => [key, label])),
        points.some((point) => point.tool) ? EB.check(view, "mix", "one frontier for figures of all tools") : null,
        EB.link("Start anew", "frontier"),
      ], "controls"),
    ];
  };

  // ---- what is not there, and why ----
  const sentence = (told) => told.filter(Boolean).join(" ");
  const counted = (rows, words) => EB.tally(rows.map(words)).sort((a, b) => b[1] - a[1]).map(([word, count]) => `${count.toLocaleString("en")}: ${word}`).join(", ");
  const countsOf = (points, { left, kept }, placed, axes, when) => {
    const out = placed.shown.filter((row) => row.out), beaten = placed.shown.filter((row) => !row.out && !row.best), foreign = placed.shown.filter((row) => row.point.tool);
    const whole = axes.span === "steady" && placed.lacking.some((row) => /one of the whole run/.test(row.x.reason + row.y.reason));
    return sentence([
      `${placed.shown.length.toLocaleString("en")} of ${EB.counted(points.length, "point")} ${when === "now" ? "that stand now" : when === "all" ? "of every night" : `of ${when}`} shown.`,
      left.length ? `Filtered out: ${left.join(", ")}.` : "",
      placed.lacking.length ? `Without a figure for an axis: ${counted(placed.lacking, (row) => row.y.reason || row.x.reason)}.${whole ? " Choose throughput of the whole run to see them." : ""}` : "",
      placed.off.length ? `${EB.counted(placed.off.length, "point")} at 0 or less, for which a logarithmic axis has no place.` : "",
      kept.length && placed.shown.length ? `On the frontier ${placed.shown.filter((row) => row.best).length}, beaten (paler) ${beaten.length}${out.length ? `, kept off it ${out.length} (${counted(out, (row) => row.out)})` : ""}.` : "",
      placed.shown.some((row) => EB.hollow(row.point)) ? "Hollow: every run is marked, or the server gave wrong answers." : "",
      foreign.length ? `${foreign.length.toLocaleString("en")} are other tools' figures, one run each (small, without interval), ${axes.mix ? "on one frontier with ours, as asked" : "on a frontier of their own"}.` : "",
      placed.shown.some((row) => row.y.four[1] !== null || row.x.four[1] !== null) ? "Bars: 95 % intervals." : "",
    ]);
  };
  const differencesOf = (placed, axes) => {
    const told = EB.tally(placed.shown.flatMap((row) => EB.unlikes(row, axes)));
    return told.length ? [element("p", "Figures of the same name that do not mean the same:", "note"), element("ul", told.map(([words, count]) => element("li", `${words} (${EB.counted(count, "point")})`)), "note")] : [];
  };

  // ---- the table twin ----
  const columnsOf = (axes, choose) => {
    const figures = (axis, key) => [
      { name: EB.axisTitle(axis), of: (row) => row[key].four[0], number: true, cell: (row) => element("span", [EB.figure(row[key].four[0]), element("br"), element("span", EB.interval(row[key].four), "interval")]), hint: (row) => axis.unlike(row.point) },
      ...[["low", 1], ["high", 2], ["n", 3]].map(([end, at]) => ({ name: `${EB.axisTitle(axis)}, ${end}`, of: (row) => row[key].four[at], only: "csv" })),
      ...(axis.rate ? [["rate", "id"], ["rate source", "source"], ["$/accelerator-hour", "usd"], ["kW all in", "kw"]].map(([name, of]) => ({ name: `${name} of ${key}`, of: (row) => axis.rate(row.point)[of], only: "csv" })) : []),
      { name: `how ${key} differs`, of: (row) => axis.unlike(row.point), only: "csv" },
    ];
    const button = (row) => element("button", "Details", { type: "button", "aria-label": `Details of ${row.name}, ${row.point.load}`, onclick: () => choose(row) });
    return [
      { name: "engine", of: (row) => EB.engineOf(row.point), head: true }, { name: "model", of: (row) => row.point.model }, { name: "part", of: (row) => EB.partOf(row.point) }, { name: "split", of: (row) => row.point.parallelism },
      { name: "precision", of: (row) => row.point.precision }, { name: "workload", of: (row) => row.point.workload }, { name: "load", of: (row) => row.point.load }, { name: "details", of: () => null, cell: button, only: "table" },
      ...figures(axes.y, "y"), ...figures(axes.x, "x"), { name: "frontier", of: EB.standing },
      { name: "starts × runs", of: (row) => (row.point.starts ? `${row.point.starts} × ${EB.figure(row.point.repeats / row.point.starts)}` : "none") },
      { name: "quality", of: (row) => EB.quality(row.point), hint: (row) => row.point.quality_reasons.join("; ") }, { name: "marks and notes", of: (row) => [...row.point.marks, ...EB.notes(row.point)].join("; ") },
      { name: "measured by", of: (row) => row.point.tool || "enginebench" }, { name: "night", of: (row) => row.point.night }, { name: "trials", of: (row) => row.point.trials.join(" "), only: "csv" }, { name: "point", of: (row) => row.point.id, only: "csv" },
    ];
  };

  // ---- one point ----
  // A point that the address names has its details, be it on the chart or not.
  const named = (id, placed, axes, points) => {
    const shown = placed.shown.find((row) => row.point.id === id), point = points.find((one) => one.id === id);
    if (shown || !point) return shown;
    const row = { point, x: axes.x.of(point), y: axes.y.of(point) };
    return { ...row, hidden: row.y.reason || row.x.reason || (placed.off.some((one) => one.point === point) ? "a logarithmic axis has no place for it" : "filtered out") };
  };
  const detailsOf = async (view, row, axes) => {
    const { point } = row, figure = (axis, found) => element("li", `${EB.axisTitle(axis)}: ${found.reason ? `${EB.missing}, ${found.reason}` : `${EB.figure(found.four[0])} ${EB.interval(found.four)}, n = ${found.four[3]}`}`);
    const head = [
      element("p", [EB.curveOf(point), `, ${point.load}, night ${point.night}: ${EB.standing(row)}.`], "lead"), element("ul", [figure(axes.y, row.y), figure(axes.x, row.x)]),
      ...[...EB.notes(point), ...EB.unlikes(row, axes)].map(EB.note), ...(point.missing?.length ? [EB.note(`This version has not measured: ${point.missing.join("; ")}.`)] : []),
    ];
    if (!point.trials.length) return [...head, EB.note(`Measured by ${point.tool}: its files hold no command, environment, requests or log.`)];
    const id = point.trials.includes(view.get("trial")) ? view.get("trial") : point.trials[0];
    const [trial, details] = await Promise.all([EB.trial(point.night, id), EB.trialDetails(point.night, id)]);
    const runs = trial.runs.filter((run) => run.load === point.load && run.workload === point.workload);
    const which = { get: () => id, set: view.set };
    return [
      ...head,
      element("p", [point.trials.length > 1 ? EB.select(which, "trial", "server start", point.trials) : `Trial ${id}`, " ", EB.link("The run whole", "run", { trial: id, night: point.night }), " ",
        EB.link("Over the nights", "trends", { model: point.model, workload: point.workload, load: point.load })], "controls"),
      ...EB.commandsOf(trial), element("h3", "Environment"), EB.environmentOf(trial), ...EB.distributionsOf(details, runs), ...EB.telemetryOf(details, runs), element("h3", "Log"), ...EB.logOf(details),
    ];
  };

  async function draw(main, view) {
    if (!EB.index.models.length) { main.append(EB.note("The store has no points: measure a night (`enginebench night`) or import another tool's results (`enginebench import`).")); return null; }
    const [rates] = await Promise.all([EB.load("rates"), ...parts.map(EB.script)]);
    const controls = element("form", null, { "aria-label": "What is shown", class: "choose", onsubmit: (event) => event.preventDefault() }), prices = element("div"), differences = element("div");
    const heading = element("h2", "The point", { tabindex: "-1" }), panel = element("section", null, { hidden: true, "aria-label": "The point" }), details = element("div");
    panel.append(heading, element("p", element("button", "Close", { type: "button", onclick: () => view.set({ point: "", trial: "" }) }), "tools"), details);
    const choose = async (row) => { await view.set({ point: row.point.id, trial: "" }); heading.focus(); };
    const chart = EB.chart("frontier", "Frontier", { pick: choose, height: 520 });
    main.append(controls, chart, differences, prices, panel);
    let shownPoint = null;

    return async function update() {
      const models = modelsOf(view), when = whenOf(view), points = await load(models, when), selection = filtered(view, points);
      const axes = axesOf(view, selection.kept, rates), placed = EB.placed(selection.kept, axes, axes);
      const curves = new Set(placed.shown.map((row) => row.name)).size, by = view.get("by") in groups ? view.get("by") : curves <= MOST_CURVES ? "curve" : "part+engine";
      EB.renew(controls, controlsOf(view, models, when, points, axes, by));
      const priced = Object.values(axes.names).filter(EB.isPriced).length > 0;
      EB.renew(prices, priced ? [EB.section("Prices and power", EB.pricingControls(view, rates, selection.kept))] : []);
      const of = groups[by][1], names = EB.distinct(placed.shown.map((row) => (of ? of(row.point) : row.name)));
      const options = { labelled: placed.shown.length <= MOST_LABELS, nightly: when !== "now" };
      const traces = names.map((name, at) => EB.curves(name ?? EB.missing, placed.shown.filter((row) => (of ? of(row.point) : row.name) === name), axes, EB.style(at), options));
      const type = (axis) => (axes.logs.includes(axis) ? { type: "log" } : { type: "linear", rangemode: "tozero" });
      await chart.update({
        traces: [...traces, ...EB.frontiers(placed.sets)], columns: columnsOf(axes, choose), rows: placed.shown, note: countsOf(points, selection, placed, axes, when),
        layout: EB.layout(EB.axisTitle(axes.x), EB.axisTitle(axes.y), { xaxis: type("x"), yaxis: type("y"), uirevision: JSON.stringify([axes.names, axes.span, axes.statistic, axes.logs]) }),
      });
      differences.replaceChildren(...differencesOf(placed, axes));
      await showPoint(view.get("point"), placed, axes, points);
    };

    async function showPoint(id, placed, axes, points) {
      const row = named(id, placed, axes, points), asked = row ? JSON.stringify([id, view.get("trial"), EB.axisTitle(axes.x), EB.axisTitle(axes.y), row.x.four, row.y.four, EB.standing(row)]) : null;
      panel.hidden = !id;
      if (asked && asked === shownPoint) return;
      shownPoint = asked;
      if (!row) { details.replaceChildren(EB.note("The point that the address names is not among those of these models and nights.")); return; }
      const made = await detailsOf(view, row, axes);
      if (shownPoint === asked) details.replaceChildren(...made);
    }
  }
  EB.page("frontier", { draw });
})();
