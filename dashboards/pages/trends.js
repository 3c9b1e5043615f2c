"use strict";
// One load of one curve over nights: every point as measured, its levels between steps, the band of its noise, and what
// else changed; from a step to its comparison and its bisection.
(() => {
  const { element } = EB;
  const kinds = { version: ["triangle-up", "engine version"], installed: ["cross", "what is installed"], model: ["hexagon", "the model's revision"], driver: ["square", "driver"], recipe: ["diamond", "recipe"], price: ["star", "price of the part"] };
  const classes = { true: "worse", false: "better" };
  const shell = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const sized = (one) => `${EB.change(one.ratio)} [${EB.change(one.low)}, ${EB.change(one.high)}]`;
  const title = (name) => EB.index.metrics[name].title;

  // What can be followed of a model: our curves by machine, and those that other tools told of.
  const curvesOf = (piece, points) => {
    const own = piece.curves.map((one, place) => ({ ...one, place, id: `${one.curve}@${one.host}@${one.engine}`, tool: "" }));
    const told = new Map();
    for (const point of points) {
      if (!point.tool) continue;
      if (!told.has(point.curve)) told.set(point.curve, { curve: point.curve, host: point.host, engine: point.engine, tool: point.tool, id: `${point.curve}@${point.host}@${point.engine}`, label: `${point.curve}, told by ${point.tool}`, product: point.product, workload: point.workload, nights: [], marks: [], findings: [], versions: [] });
      told.get(point.curve).nights.push(point.night);
    }
    for (const one of told.values()) one.nights = EB.distinct(one.nights);
    return [...own, ...told.values()];
  };
  const choose = (view, curves) => {
    let left = curves;
    for (const key of ["workload", "product", "engine"]) {
      const some = left.filter((one) => one[key] === view.get(key));
      if (some.length) left = some;
    }
    const given = left.filter((one) => one.curve === view.get("curve") && (!view.get("host") || one.host === view.get("host")));
    return { left, chosen: given[0] ?? [...left].sort((p, q) => q.findings.length - p.findings.length || q.nights.length - p.nights.length)[0] };
  };

  const followed = (curve, point) => {
    const since = curve.versions.filter(([night]) => night <= point.night).pop();
    return !since || since[1] === point.version;
  };
  const isDay = (night) => /^\d{4}-\d\d-\d\d$/.test(night);
  // Nights without a figure are gaps: those of the grid, and days on which it did not run though it usually does.
  const withGaps = (curve, byNight) => {
    const nights = EB.distinct([...curve.nights, ...byNight.keys()]), apart = [];
    const day = (night) => Date.parse(night) / 864e5;
    for (let i = 1; i < nights.length; i++) apart.push(day(nights[i]) - day(nights[i - 1]));
    const usual = [...apart].sort((p, q) => p - q)[Math.floor(apart.length / 2)] || 1, found = [];
    nights.forEach((night, i) => {
      if (i && apart[i - 1] > 1.5 * usual) found.push([null, null]);
      found.push([night, byNight.get(night) ?? null]);
    });
    return found;
  };

  const pointText = (metric) => (point) => EB.hover([`${point.night}: ${EB.figure(point.values[metric][0])} ${EB.index.metrics[metric].unit} ${EB.interval(point.values[metric])}, n = ${point.values[metric][3]}`, EB.engineOf(point), ...EB.notes(point)]);
  const points = (name, rows, metric, symbol, colour, extra = {}) => ({
    type: "scatter", mode: "markers", name, x: rows.map((row) => row.night), y: rows.map((row) => row.values[metric][0]), error_y: { ...EB.bars(rows, metric), color: colour },
    marker: { symbol, size: 7, color: colour }, swatch: { symbol: symbol.replace("-open", ""), colour }, hoverinfo: "text", hovertext: rows.map(pointText(metric)), ...extra,
  });
  const tracesOf = (curve, rows, metric, levels, findings) => {
    const usable = rows.filter((row) => EB.eligible(row) && !row.marked), out = rows.filter((row) => !usable.includes(row));
    const main = usable.filter((row) => followed(curve, row)), others = usable.filter((row) => !main.includes(row));
    const byNight = new Map(main.map((row) => [row.night, row.values[metric][0]])), line = withGaps(curve, byNight), traces = [];
    if (levels.some((one) => one.sd)) {
      const corners = (one) => { const [low, high] = [one.level / one.sd, one.level * one.sd]; return [[one.first, low], [one.last, low], [one.last, high], [one.first, high], [one.first, low], [null, null]]; };
      const path = levels.filter((one) => one.sd).flatMap(corners);
      traces.push({ type: "scatter", mode: "lines", name: "noise band", x: path.map(([x]) => x), y: path.map(([, y]) => y), fill: "toself", fillcolor: "rgba(0,114,178,.14)", line: { width: 0 }, hoverinfo: "skip", swatch: { symbol: "square", colour: "rgba(0,114,178,.4)" } });
    }
    traces.push({ type: "scatter", mode: "lines", name: "night by night", x: line.map(([x]) => x), y: line.map(([, y]) => y), connectgaps: false, line: { width: 1, color: ink("--soft") }, hoverinfo: "skip", swatch: { colour: ink("--soft") } });
    // A step lies on the point of its night: whichever of the two is pressed leads to the comparison.
    traces.push(points("measured", main, metric, "circle", EB.colours[0], { rows: main.map((row) => findings.find((one) => one.night === row.night) ?? null) }));
    if (others.length) traces.push(points("another version in that night", others, metric, "diamond-open", EB.colours[3]));
    if (out.length) traces.push(points("kept out of verdicts", out, metric, "circle-open", ink("--soft")));
    const steps = levels.flatMap((one) => [[one.first, one.level], [one.last, one.level], [null, null]]);
    if (steps.length) traces.push({ type: "scatter", mode: "lines", name: "level between steps", x: steps.map(([x]) => x), y: steps.map(([, y]) => y), line: { width: 2.5, color: EB.colours[1] }, hoverinfo: "skip", swatch: { colour: EB.colours[1] } });
    const levelAt = (night) => levels.filter((one) => one.first <= night).pop()?.level ?? byNight.get(night);
    if (findings.length) {
      traces.push({
        type: "scatter", mode: "markers", name: "step (press it for its comparison)", x: findings.map((one) => one.night), y: findings.map((one) => byNight.get(one.night) ?? levelAt(one.night)), rows: findings,
        marker: { size: 15, line: { width: 2, color: ink("--ink") }, symbol: findings.map((one) => `triangle-${one.ratio < 1 ? "down" : "up"}${one.status === "waiting" ? "-open" : ""}`), color: findings.map((one) => ink(one.worse ? "--bad" : "--good")) },
        hoverinfo: "text", hovertext: findings.map((one) => EB.hover([`${one.night}: ${sized(one)}, ${one.worse ? "worse" : "better"}, ${one.status}`, ...one.causes])), swatch: { symbol: "triangle-down", colour: ink("--ink") },
      });
    }
    return traces;
  };
  // What else changed: shapes just above the axis, on an axis of their own.
  const markTraces = (marks) => Object.entries(kinds).map(([kind, [symbol, name]], place) => {
    const some = marks.filter((one) => one.kind === kind), colour = EB.colours[(place + 2) % EB.colours.length];
    return { type: "scatter", mode: "markers", name: `change of ${name}`, x: some.map((one) => one.night), y: some.map(() => 0.03 + place * 0.035), yaxis: "y2", cliponaxis: false, marker: { symbol, size: 10, color: colour }, swatch: { symbol, colour }, hoverinfo: "text", hovertext: some.map((one) => EB.hover([`${one.night}: ${name}`, one.words])) };
  }).filter((trace) => trace.x.length);

  // Where a step leads: the nights before it against those after it, and the two versions.
  const span = ([first, last]) => (first === last ? first : `${first}..${last}`);
  const nightsView = (curve, one) => (one.before ? { a: `curve=${curve.curve},host=${curve.host},engine=${curve.engine},night=${span(one.before)}`, b: `curve=${curve.curve},host=${curve.host},engine=${curve.engine},night=${span(one.after)}` } : null);
  const versionsView = (curve, one) => {
    const [old, recent] = one.versions, shared = `curve=${curve.curve},host=${curve.host},engine=${curve.engine},engine_version=`;
    return old && recent && old !== recent ? { a: shared + old, b: shared + recent } : null;
  };
  const commands = (curve, one) => {
    const versions = versionsView(curve, one), grid = `configs/grids/${curve.grid}.yaml`, store = ["--store", EB.index.store];
    if (!versions) return [];
    const where = [["engine", curve.engine], ["model", curve.model], ["precision", curve.precision], ["workload", curve.workload]].flatMap(([key, value]) => ["--where", `${key}=${value}`]);
    const named = (version) => `engine=${curve.engine},model=${curve.model},workload=${curve.workload},engine_version=${version}`;
    return [["enginebench", "bisect", grid, "--range", one.versions.join(".."), ...where, "--metric", one.metric, ...store], ["enginebench", "compare", named(one.versions[0]), named(one.versions[1]), "--run", grid, ...store]];
  };
  const stepItem = (curve, one) => {
    const nights = nightsView(curve, one), versions = versionsView(curve, one), lines = commands(curve, one);
    return element("li", [
      element("p", [element("strong", `${one.night}, ${one.worse ? "worse" : "better"}: `, classes[one.worse]), `${title(one.metric)}${one.load ? ` at ${one.load} alone` : ""} ${sized(one)}, ${one.status === "confirmed" ? `confirmed on ${one.found}` : "waits for a confirming rerun or the next night"}.`]),
      element("p", `What differed: ${one.causes.join("; ")}.`),
      element("p", [nights ? EB.link(`Compare ${span(one.after)} with ${span(one.before)}`, "compare", { ...nights, metric: one.metric }) : "Nothing was measured before it.", versions ? " · " : "", versions ? EB.link(`Compare version ${one.versions[1]} with ${one.versions[0]}`, "compare", { ...versions, metric: one.metric }) : ""]),
      lines.length ? element("details", [element("summary", "Find the version between, or measure both again, on a machine of the same kind"), ...lines.map((words) => element("pre", words.map(shell).join(" ")))])
        : element("p", "The version is the same before and after it: there is none to bisect.", "note"),
    ]);
  };

  const tableOf = (metric) => [
    { name: "night", of: (row) => row.night, head: true }, { name: "load", of: (row) => row.load }, { name: "version", of: EB.engineOf },
    { name: EB.title(metric), of: (row) => row.values[metric][0], number: true }, { name: "low", of: (row) => row.values[metric][1], number: true }, { name: "high", of: (row) => row.values[metric][2], number: true }, { name: "n", of: (row) => row.values[metric][3], number: true },
    { name: "notes", of: (row) => EB.notes(row).join("; ") || null }, { name: "trials", of: (row) => row.trials.join(" "), cell: (row) => (row.trials.length ? element("span", row.trials.flatMap((trial) => [EB.link(trial.slice(0, 10), "run", { night: row.night, trial }), " "])) : EB.missing) },
  ];

  const orderOf = (rows) => EB.distinct(rows.map((row) => row.load)).sort((p, q) => EB.loadOrder(rows.find((row) => row.load === p)) - EB.loadOrder(rows.find((row) => row.load === q)));

  EB.page("trends", {
    async draw(main, view) {
      const models = EB.index.models.map((one) => one.name);
      if (!models.length) { main.append(EB.note("The store is empty: there is nothing to follow over nights.")); return () => {}; }
      const controls = element("form", null, { class: "controls", onsubmit: () => false }), lead = element("p", null, "lead"), steps = element("div");
      const go = (finding) => { const to = nightsView(standing, finding); if (to) location.hash = EB.address("compare", { ...to, metric: finding.metric }); };
      const chart = EB.chart("trends", "One load of a curve over nights", { pick: go });
      main.append(lead, controls, chart, steps);
      let standing = null, turn = 0;
      return async () => {
        const mine = ++turn, model = models.includes(view.get("model")) ? view.get("model") : EB.index.models.reduce((most, one) => (one.points > most.points ? one : most)).name;
        const found = EB.index.models.find((one) => one.name === model);
        const [piece, all] = await Promise.all([EB.load(`changes/${found.key}`), EB.history(model)]);
        if (mine !== turn) return;
        const curves = curvesOf(piece, all), { left, chosen } = choose(view, curves);
        standing = { ...chosen, model };
        const alike = left.filter((one) => ["workload", "product", "engine"].every((key) => one[key] === chosen[key]));
        const own = all.filter((point) => point.curve === chosen.curve && point.host === chosen.host && point.engine === chosen.engine && !point.reproduces);
        const has = (name) => own.filter((point) => (point.values[name]?.[0] ?? null) !== null);
        const metrics = [...new Set([...piece.watched, ...Object.keys(EB.index.metrics)])].filter((name) => has(name).length);
        const metric = metrics.includes(view.get("metric")) ? view.get("metric") : metrics[0], fit = metric ? has(metric) : [];
        const loads = orderOf(fit), often = (one) => fit.filter((point) => point.load === one).length;
        const load = loads.includes(view.get("load")) ? view.get("load") : loads.reduce((most, one) => (often(one) >= often(most) ? one : most), loads[0]);
        const set = (key, label, options, value) => EB.select({ get: () => value, set: view.set }, key, label, options);
        const of = (key, rows) => EB.distinct(rows.map((one) => one[key] ?? "")).map((one) => [one, one || "not told"]);
        EB.renew(controls, [
          set("model", "Model", models, model), set("workload", "Workload", of("workload", curves), chosen.workload), set("product", "Part", of("product", curves.filter((one) => one.workload === chosen.workload)), chosen.product),
          set("engine", "Engine", of("engine", curves.filter((one) => one.workload === chosen.workload && one.product === chosen.product)), chosen.engine),
          alike.length > 1 ? set("curve", "Curve", alike.map((one) => [one.curve, `${one.label.split(", ").slice(0, 2).join(", ")}${one.parallelism ? `, ${one.parallelism}, recipe ${one.recipe.slice(0, 6)}` : ""}`]), chosen.curve) : null,
          set("load", "Load", loads, load), set("metric", "Metric", metrics.map((name) => [name, EB.title(name)]), metric),
        ]);
        if (!metric) { lead.textContent = `${chosen.label}: no figure of it is in the store.`; return; }
        await show({ piece, chosen: standing, own, load, metric, lead, chart, steps, all });
      };
    },
  });

  async function show({ piece, chosen, own, load, metric, lead, chart, steps }) {
    const rows = own.filter((point) => point.load === load && (point.values[metric]?.[0] ?? null) !== null).sort((p, q) => (p.night < q.night ? -1 : 1));
    const series = rows[0]?.series, levels = chosen.tool ? [] : EB.rows(piece.levels).filter((one) => one.curve === chosen.place && one.series === series && one.metric === metric);
    const findings = chosen.findings.filter((one) => one.metric === metric && (!one.load || one.load === load)), watched = piece.watched.includes(metric);
    const nights = new Set(rows.map((row) => row.night)), missing = chosen.nights.filter((night) => !nights.has(night));
    const notes = piece.notes.filter((note) => note.startsWith(`${chosen.label}: `)).map((note) => note.slice(chosen.label.length + 2));
    const last = levels[levels.length - 1], sd = levels.find((one) => one.sd)?.sd;
    const steps_ = findings.filter((one) => one.status === "confirmed").length, waiting = findings.length - steps_;
    lead.textContent = chosen.tool ? `${chosen.label}, at ${load}: ${EB.counted(nights.size, "day")}, one run each, so no interval and no verdict.`
      : `${chosen.label}, at ${load}: ${EB.counted(nights.size, "night")}; ${watched ? `${steps_ ? EB.counted(steps_, "confirmed step") : "no confirmed step"}${waiting ? `, ${waiting} waiting` : ""}` : `${title(metric)} is not followed by the change detector`}${last ? `; level since ${last.first}: ${EB.figure(last.level)} ${EB.index.metrics[metric].unit} (median of ${EB.counted(last.nights, "night")})` : ""}.`;
    const told = [
      sd ? `Noise band: a night lies within ±${EB.figure((sd - 1) * 100)} % of its level in 95 of 100 (robust standard deviation about the levels).` : watched && !chosen.tool ? "Too few nights for a noise band." : "",
      missing.length ? `${EB.counted(missing.length, "night")} of its ${chosen.tool ? "curve" : "grid"} without this figure, left as gaps: ${missing.slice(-6).join(", ")}${missing.length > 6 ? ", …" : ""}.` : chosen.tool ? "" : "No night of its grid is missing.",
      chosen.marks.length ? "" : chosen.tool ? "" : "No change of version, driver, recipe or price in these nights.",
    ].filter(Boolean).join(" ");
    const days = rows.every((row) => isDay(row.night)), ends = [rows[0]?.night, rows[rows.length - 1]?.night].map((night) => Date.parse(night));
    const about = (time, more) => new Date(time + more * 864e5).toISOString().slice(0, 10);
    // A night or two alone would be drawn by the millisecond.
    const axis = !days ? { type: "category" } : { type: "date", tickformat: "%b %-d\n%Y", ...(ends[1] - ends[0] < 4 * 864e5 ? { range: [about(ends[0], -3), about(ends[1], 3)] } : {}) };
    await chart.update({
      traces: [...tracesOf(chosen, rows, metric, levels, findings), ...markTraces(chosen.marks)], columns: tableOf(metric), rows, note: told,
      layout: EB.layout("Night", EB.title(metric), { xaxis: axis, yaxis2: { overlaying: "y", side: "right", range: [0, 1], visible: false, fixedrange: true } }),
    });
    const marks = chosen.marks.length ? EB.table("What changed, by night", [{ name: "night", of: (one) => one.night, head: true }, { name: "what", of: (one) => kinds[one.kind][1] }, { name: "how", of: (one) => one.words }], chosen.marks, { most: 30 }) : null;
    const parts = [
      findings.length ? EB.section("Steps", element("ul", findings.map((one) => stepItem(chosen, one)), "steps")) : EB.section("Steps", EB.note(chosen.tool ? "None: figures of other tools are one run each, and nothing tells their noise." : watched ? "None in this metric and load." : `Steps are told of ${piece.watched.map(title).join(", ")}.`)),
      marks ? EB.section("What else changed", marks) : null, notes.length ? EB.section("Notes", element("ul", notes.map((note) => element("li", note)))) : null,
    ];
    steps.replaceChildren(...parts.filter(Boolean));
  }
})();
