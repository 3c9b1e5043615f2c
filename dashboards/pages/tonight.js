"use strict";
// The first page: what changed in the newest night in one sentence, then how every model, part and engine stands, each with
// its evidence behind a link. All of it was made at build time: the piece `tonight`.
(() => {
  const { element, link } = EB;
  const classes = { worse: "worse", better: "better", insufficient: "waiting", incomparable: "waiting" };
  const days = (count) => (count === null || count === undefined ? "" : count === 0 ? "newest night" : `${EB.counted(count, "day")} before the newest night`);
  const titled = (name) => EB.index.metrics[name].title;
  const inList = (parts) => parts.filter(Boolean).join(", ");
  const trends = (text, of) => link(text, "trends", { model: of.model, engine: of.engine, curve: of.curve, host: of.host, load: of.load, metric: of.metric });
  const compared = (text, change) => link(text, "compare", { a: change.a, b: change.b, metric: change.metrics });

  // The night's changes by curve: one slower build moves throughput, interactivity and TTFT together.
  const byCurve = (news) => {
    const groups = new Map();
    for (const one of news) {
      const key = `${one.curve} ${one.host ?? ""} ${one.worse}`;
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    return [...groups.values()];
  };
  const failuresOf = (night) => EB.index.nights.find((one) => one.night === night)?.failed ?? [];

  const sentence = (piece) => {
    const groups = byCurve(piece.news), worse = groups.filter(([one]) => one.worse).length, better = groups.length - worse;
    const failed = failuresOf(piece.night), lost = failed.filter((one) => one.status === "interrupted").length;
    const fresh = piece.unmeasured.filter((one) => one.days === null || one.days <= piece.stale_days), stale = piece.unmeasured.length - fresh.length;
    if (!piece.night) return "The store is empty: “make night” measures this machine and fills it.";
    if (!EB.index.nights.length) {
      const count = EB.index.models.reduce((sum, one) => sum + one.points, 0);
      return `The store has no nights of its own. It holds ${EB.counted(count, "point")} that other tools measured, up to ${piece.night}; the grid shows what stands of them.`;
    }
    const changes = inList([worse && `${EB.counted(worse, "change")} for the worse`, better && `${better}${worse ? "" : better === 1 ? " change" : " changes"} for the better`]) || "no change";
    return `Night ${piece.night}: ${inList([changes, failed.length - lost ? `${EB.counted(failed.length - lost, "trial")} failed` : "no trial failed", lost && `${lost} interrupted`,
      `${EB.counted(piece.measured, "curve")} measured`, fresh.length && `${EB.counted(fresh.length, "curve")} not measured`, stale && `${stale} stale for more than ${piece.stale_days} days`])}.`;
  };

  const sized = (one) => `${EB.change(one.ratio)}${one.low === null || one.low === undefined ? "" : ` [${EB.change(one.low)}, ${EB.change(one.high)}]`}`;
  const newsItem = (group) => {
    const [first] = group, word = first.worse ? "Worse" : "Better";
    const metrics = group.map((one) => `${titled(one.metric)}${one.load && one.kind === "nights" ? ` at ${one.load} alone` : one.load?.startsWith("at equal") ? " at equal interactivity" : ""} ${sized(one)}`).join("; ");
    const state = first.kind === "versions" ? `${first.to} against ${first.from}, ${first.n_a ?? "–"} and ${first.n_b ?? "–"} server starts` : `${first.status === "confirmed" ? "confirmed" : "waits for a confirming rerun"}, since ${first.night}: ${first.causes.join("; ")}`;
    const evidence = first.kind === "versions" ? compared("compare them", first) : trends("see it in Trends", first);
    return element("li", [element("strong", `${word}: `, first.worse ? "worse" : "better"), `${first.label}: ${metrics} (${state}). `, evidence]);
  };
  const failureItem = (one, night) => element("li", [element("strong", `${one.failure_class}: `, "bad"), `${one.label}, ${one.status} at ${one.stage}: ${one.message} `, link("its log", "run", { night, trial: one.trial })]);

  const changeLine = (cell, figure, change) => {
    const of = { ...figure, model: cell.model, engine: cell.engine };
    const { verdict } = change, why = change.why ? `: ${change.why}` : "";
    if (change.how === "nights") {
      const told = verdict === "no change" ? `no change${why}` : `${verdict} ${sized(change)} since ${change.night}${change.status === "waiting" ? ", to be confirmed" : ""}`;
      return element("p", trends(told, of), classes[verdict]);
    }
    if (change.how === "versions") return element("p", [compared(`${verdict}${change.ratio ? ` ${sized(change)}` : ""}`, change), ` against ${change.from}${verdict === "better" || verdict === "worse" || verdict === "no change" ? "" : why}`], classes[verdict]);
    return element("p", [trends(verdict, of), why]);
  };
  // An image is known by what stands behind its last slash.
  const short = (version) => version.split("/").pop();
  const cellOf = (cell, figure, change, metric, piece) => {
    const old = cell.days !== null && cell.days > piece.stale_days, parts = [];
    if (figure) {
      const ends = figure.low === null ? (cell.tool ? "" : " no interval") : ` [${EB.figure(figure.low)}, ${EB.figure(figure.high)}]`;
      const view = { model: cell.model, workload: figure.workload, part: cell.product, engine: cell.engine, y: metric.endsWith("_tps_per_accelerator") ? metric : null };
      const value = link(`${figure.unlike ? "≈ " : ""}${EB.figure(figure.value)}`, "frontier", view);
      parts.push(element("p", [value, element("span", ends, "interval")], "headline"));
      const what = [figure.load, figure.precision, figure.parallelism, figure.devices && `${figure.devices} device${figure.devices === 1 ? "" : "s"}`, `n = ${figure.n}`];
      parts.push(element("p", what.filter(Boolean).join(" · ")), element("p", short(figure.version_label), { title: figure.version_label }));
      if (!cell.tool) parts.push(changeLine(cell, figure, change));
    } else parts.push(element("p", `${EB.missing} no eligible figure of this metric and workload`));
    const stand = old ? [element("strong", "stale: "), `${cell.night}, ${EB.counted(cell.days, "day")} older`] : [cell.tool ? cell.night : link(cell.night, "nights", { night: cell.night }), `, ${days(cell.days)}`];
    parts.push(element("p", stand, old ? "warn" : null));
    const { failed, passed, score, reasons } = cell.quality;
    if (failed) parts.push(element("p", link(`wrong answers: ${failed} of ${EB.counted(cell.points, "point")} kept out`, "quality", { model: cell.model }), { class: "bad", title: reasons.join("; ") }));
    else if (!cell.tool) parts.push(element("p", passed ? `answers right${score === null ? "" : ` (${EB.figure(score)})`}` : "answers not judged", passed ? "good" : null));
    if (cell.failed) parts.push(element("p", [`${cell.failed} of ${EB.counted(cell.tried, "trial")} failed in 30 days, last `, link(cell.last_failure.failure_class, "run", { night: cell.last_failure.night, trial: cell.last_failure.trial })], "bad"));
    if (cell.missing) parts.push(element("p", `${EB.counted(cell.missing, "load")} missing of the newest version`, "waiting"));
    return element("td", parts, figure ? null : "empty");
  };

  const grid = (piece, metric, workload) => {
    const figures = new Map(EB.rows(piece.figures).filter((one) => one.metric === metric && one.workload === workload).map((one) => [one.cell, one]));
    const engineOf = (cell) => (cell.tool ? `${cell.engine}, told by ${cell.tool}` : cell.engine);
    const all = EB.distinct(piece.cells.map(engineOf)), body = element("tbody");
    const engines = all.filter((engine) => piece.cells.some((cell, at) => engineOf(cell) === engine && figures.has(at)));
    const none = piece.cells.filter((cell, at) => !figures.has(at)).length, hidden = all.filter((engine) => !engines.includes(engine));
    const unlike = EB.distinct([...figures.values()].map((one) => one.unlike).filter(Boolean));
    const models = Map.groupBy ? Map.groupBy(piece.cells, (cell) => cell.model) : piece.cells.reduce((map, cell) => map.set(cell.model, [...(map.get(cell.model) ?? []), cell]), new Map());
    for (const [model, cells] of models) {
      const parts = EB.distinct(cells.filter((cell) => figures.has(piece.cells.indexOf(cell))).map((cell) => cell.product));
      parts.forEach((part, place) => {
        const row = element("tr");
        if (!place) row.append(element("th", link(model, "frontier", { model, workload }), { scope: "rowgroup", rowspan: parts.length }));
        row.append(element("th", part, { scope: "row" }));
        for (const engine of engines) {
          const at = piece.cells.findIndex((cell) => cell.model === model && cell.product === part && engineOf(cell) === engine), figure = figures.get(at);
          row.append(at < 0 ? element("td", EB.missing, "empty") : cellOf(piece.cells[at], figure, figure && piece.changes[figure.change], metric, piece));
        }
        body.append(row);
      });
    }
    const head = element("tr", [...["model", "part", ...engines].map((name) => element("th", name, { scope: "col" }))]);
    const caption = `Best ${EB.title(metric)}, ${workload}`;
    const table = element("table", [element("caption", caption), element("thead", head), body], "grid");
    const told = [
      "In brackets the 95 % interval, then load, precision, split, devices, n and version.", none ? `${EB.counted(none, "cell")} of ${piece.cells.length} ${none === 1 ? "has" : "have"} no figure of this metric and workload${hidden.length ? `; models, parts and engines without any are left out: ${hidden.join(", ")}` : ""}.` : "",
      ...unlike.map((reason) => `≈ not of our definition: ${reason}.`), piece.cells.some((cell) => cell.tool) ? "Told by another tool: one run, so no interval and no verdict." : "",
    ].filter(Boolean).join(" ");
    return element("div", [element("div", table, { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }), EB.note(told)]);
  };

  const missing = (piece) => {
    const curve = (one) => `${one.engine}${one.precision ? `, ${one.precision}, ${one.parallelism}` : ""}`;
    const shared = [{ name: "model", of: (one) => one.model, head: true }, { name: "part", of: (one) => one.product }, { name: "engine", of: curve }];
    const table = (caption, columns, rows) => (rows.length ? EB.table(caption, columns, rows, { most: 20 }) : null);
    const tables = [
      table("Curves that the newest night did not measure", [...shared, { name: "workload", of: (one) => one.workload }, { name: "last measured", of: (one) => one.night, cell: (one) => trends(one.night, one) }, { name: "days before", of: (one) => one.days, number: true }], piece.unmeasured),
      table("Loads that the newest version has not measured", [...shared, { name: "workload", of: (one) => one.workload }, { name: "newest version", of: (one) => one.version_label }, { name: "loads", of: (one) => one.missing.join("; ") }], piece.missing_loads),
      table("Nights that were missed, at the usual distance", [{ name: "grid", of: (one) => one.grid, head: true }, { name: "part", of: (one) => one.product }, { name: "engine", of: (one) => one.engine }, { name: "between", of: (one) => `${one.after} and ${one.before}` }, { name: "missed", of: (one) => one.missed, number: true }, { name: "usual, days", of: (one) => one.every_days, number: true }], piece.missing_nights),
    ].filter(Boolean);
    return EB.section("What is missing", ...(tables.length ? tables : [element("p", "Nothing: every curve that stands is of the newest night, with all its loads, and no night of the last 30 days was missed.")]),
      EB.note("What a grid's plan skipped is not in the store; “enginebench plan GRID” tells it with reasons."));
  };

  EB.page("tonight", {
    async draw(main, view) {
      const piece = await EB.load("tonight");
      main.append(element("p", sentence(piece), { class: "lead", id: "sentence" }));
      if (!piece.night) return () => {};
      const late = Math.floor((Date.parse(EB.index.built_utc) - Date.parse(piece.night)) / 864e5);
      if (late > 2) main.append(element("p", `The newest figure is ${EB.counted(late, "day")} older than this page.`, "warn"));
      if (piece.news.length) main.append(EB.section("What changed", element("ul", byCurve(piece.news).map(newsItem))));
      const failed = failuresOf(piece.night);
      if (failed.length) main.append(EB.section("What failed", element("ul", failed.map((one) => failureItem(one, piece.night)), { id: "failures" })));
      const rows = EB.rows(piece.figures), box = element("div");
      if (!rows.length) { main.append(EB.section("How everything stands", EB.note("No figure in the store is fit to be shown: see what failed, and Quality.")), missing(piece)); return () => {}; }
      const counts = new Map();
      for (const one of rows) counts.set(one.workload, (counts.get(one.workload) ?? new Set()).add(one.cell));
      const workloads = [...counts].sort((a, b) => b[1].size - a[1].size || (a[0] < b[0] ? -1 : 1)).map(([name, cells]) => [name, `${name} (${EB.counted(cells.size, "cell")})`]);
      main.append(EB.section("How everything stands", element("form", [
        EB.select(view, "metric", "Metric", piece.metrics.map((name) => [name, EB.title(name)])), EB.select(view, "workload", "Workload", workloads),
      ], { class: "controls", onsubmit: () => false }), box, EB.note(`The best figure of what may stand in a verdict: wrong answers, invalidated runs, a late client and reproductions are kept out. Changes: from ${piece.first_nights} nights on by the change detector (${piece.watched.map(titled).join(", ")}), else the newest version against the one before by Welch's t. Stale: more than ${piece.stale_days} days before the newest night.`)), missing(piece));
      return () => {
        const metric = piece.metrics.includes(view.get("metric")) ? view.get("metric") : piece.metrics[0];
        const workload = counts.has(view.get("workload")) ? view.get("workload") : workloads[0][0];
        box.replaceChildren(grid(piece, metric, workload));
      };
    },
  });
})();
