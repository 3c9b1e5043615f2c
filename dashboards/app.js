"use strict";
// The whole front end: reads window.ENGINEBENCH (data.js), keeps its view in the URL's hash.
(() => {
  const data = window.ENGINEBENCH;
  const $ = (id) => document.getElementById(id);
  // Okabe and Ito's palette, told apart by colour-blind readers; a symbol goes with each colour.
  const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c8c8c"];
  const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon"];
  const ys = ["output_tps_per_accelerator", "total_tps_per_accelerator", "input_tps_per_accelerator", "output_tps_per_accelerator_whole_run", "requests_rps", "goodput_rps", "ttft_mean_ns", "tpot_mean_ns", "energy_j_per_output_token"];
  const xs = ["interactivity_mean_tps", "interactivity_p50_tps", "normalised_interactivity_tps", "ttft_mean_ns", "ttft_p50_ns", "tpot_mean_ns", "e2el_mean_ns"];
  const columns = ["output_tps_per_accelerator", "total_tps_per_accelerator", "requests_rps", "goodput_rps", "interactivity_mean_tps", "ttft_mean_ns", "tpot_mean_ns", "itl_p50_ns", "e2el_mean_ns", "success_share"];
  const all = "all";
  const view = { night: "", model: all, workload: all, engine: all, y: ys[0], x: xs[0], xlog: false, ylog: false, run: "", sort: "", down: false };

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const distinct = (values) => [...new Set(values)].sort();
  const engineOf = (point) => `${point.engine} ${point.engine_version}`;
  const figure = (value) => value === null || value === undefined ? "–" : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  const minute = (utc) => `${utc.slice(0, 16).replace("T", " ")} UTC`;
  const title = (name) => `${data.metrics[name].title} (${data.metrics[name].unit})`;

  function readHash() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const key of Object.keys(view)) {
      if (!given.has(key)) continue;
      view[key] = typeof view[key] === "boolean" ? given.get(key) === "true" : given.get(key);
    }
  }
  function writeHash() {
    history.replaceState(null, "", "#" + new URLSearchParams(view).toString());
  }
  function fill(id, options, key) {
    const select = $(id);
    select.replaceChildren(...options.map(([value, label]) => Object.assign(element("option", label), { value })));
    if (!options.some(([value]) => value === view[key])) view[key] = options.length ? options[0][0] : "";
    select.value = view[key];
    select.onchange = () => { view[key] = select.value; draw(); };
  }
  function check(id) {
    $(id).checked = view[id];
    $(id).onchange = () => { view[id] = $(id).checked; draw(); };
  }
  const matches = (point) => (view.model === all || point.model === view.model) && (view.workload === all || point.workload === view.workload) && (view.engine === all || engineOf(point) === view.engine);

  function error(points, metric) {
    const of = (point) => point.values[metric];
    return { type: "data", symmetric: false, thickness: 1.2, width: 3,
      array: points.map((p) => of(p)[2] === null ? 0 : of(p)[2] - of(p)[0]),
      arrayminus: points.map((p) => of(p)[1] === null ? 0 : of(p)[0] - of(p)[1]) };
  }
  const interval = (triple) => triple[1] === null ? "no interval (n = 1)" : `[${figure(triple[1])}, ${figure(triple[2])}]`;
  // What a reader must know besides the marks: runs that count no more, a point that repeats another.
  const notes = (point) => [...point.invalid_reasons.map((reason) => `${point.invalid ? "invalid" : "invalid runs left out"}: ${reason}`), ...(point.reproduces ? [`reproduces ${point.reproduces}: no verdict`] : [])];
  function words(point, ...metrics) {
    const lines = [`${point.model} on ${engineOf(point)}`, `${point.workload} ${point.load}, ${point.precision}, ${point.parallelism}, night ${point.night}`];
    for (const name of metrics) lines.push(`${title(name)}: ${figure(point.values[name][0])} ${interval(point.values[name])}`);
    lines.push(`${point.starts} server starts, ${point.repeats} runs; interval over ${point.varies}`);
    if (point.failed_quality) lines.push(...point.quality_reasons.map((reason) => `wrong answers: ${reason}`));
    lines.push(...notes(point));
    if (point.marks.length) lines.push("marks: " + point.marks.join(", "));
    return lines.join("<br>").replaceAll("&", "&amp;");
  }
  function layout(xTitle, yTitle, extra) {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
    return { modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: ink }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, family: "system-ui, DejaVu Sans, sans-serif" },
      margin: { t: 34, r: 10, b: 50, l: 60 }, hovermode: "closest", legend: { orientation: "h", y: -0.22 },
      xaxis: { ...axis, title: { text: xTitle }, ...extra.xaxis }, yaxis: { ...axis, title: { text: yTitle }, ...extra.yaxis } };
  }
  const settings = { responsive: true, displaylogo: false };
  const better = (metric, a, b) => data.metrics[metric].better === "higher" ? a >= b : a <= b;
  // A server that gives wrong answers beats nobody and stands on no frontier.
  const hollow = (point) => point.marked || point.failed_quality ? "-open" : "";
  const quality = (point) => [point.quality_score === null ? "" : figure(point.quality_score), point.failed_quality ? "failed" : point.quality_passed ? "passed" : ""].filter(Boolean).join(" ") || "–";
  const dominated = (point, points) => points.some((other) => {
    const [x, y, u, v] = [point.values[view.x][0], point.values[view.y][0], other.values[view.x][0], other.values[view.y][0]];
    return better(view.x, u, x) && better(view.y, v, y) && (u !== x || v !== y);
  });

  function drawFrontier(chosen) {
    const shown = chosen.filter((p) => p.values[view.x][0] !== null && p.values[view.y][0] !== null);
    const curveOf = (p) => [p.model, engineOf(p), p.precision, p.parallelism, p.workload, p.load_kind === "open" ? "Poisson" : "closed loop", p.host, ...(p.reproduces ? ["reproduction"] : [])].join(" · ");
    const fit = shown.filter((p) => !p.failed_quality && !p.reproduces), failed = shown.filter((p) => p.failed_quality).length;
    const names = distinct(shown.map(curveOf));
    const traces = names.map((name, index) => {
      const points = shown.filter((p) => curveOf(p) === name).sort((a, b) => (a.concurrency ?? a.rate_rps) - (b.concurrency ?? b.rate_rps));
      const colour = colours[index % colours.length];
      return { name, mode: "lines+markers+text", x: points.map((p) => p.values[view.x][0]), y: points.map((p) => p.values[view.y][0]),
        error_x: { ...error(points, view.x), color: colour }, error_y: { ...error(points, view.y), color: colour },
        text: points.map((p) => p.load), textposition: "top right", hovertext: points.map((p) => words(p, view.y, view.x)), hoverinfo: "text",
        line: { color: colour, width: 1.5 },
        marker: { color: colour, size: 10, symbol: points.map((p) => symbols[index % symbols.length] + hollow(p)), opacity: points.map((p) => dominated(p, fit) ? 0.4 : 1) } };
    });
    const best = fit.filter((p) => !dominated(p, fit)).sort((a, b) => a.values[view.x][0] - b.values[view.x][0]);
    traces.push({ name: "frontier", mode: "lines", x: best.map((p) => p.values[view.x][0]), y: best.map((p) => p.values[view.y][0]), hoverinfo: "skip", line: { color: "#8c8c8c", width: 5, dash: "dot" }, opacity: 0.45 });
    Plotly.react("frontier", traces, layout(title(view.x), title(view.y), { xaxis: { type: view.xlog ? "log" : "linear" }, yaxis: { type: view.ylog ? "log" : "linear", rangemode: "tozero" } }), settings);
    const night = data.points.filter((p) => p.night === view.night);
    const missing = chosen.length - shown.length;
    $("frontier-note").textContent = `${shown.length} of ${night.length} points of this night shown; ${night.length - chosen.length} filtered out, ${missing} without a figure for one of the axes. Bars: 95 % intervals. Dotted: frontier; paler: dominated; hollow: every run is marked, or the server gave wrong answers${failed ? ` (${failed} here, kept off the frontier)` : ""}.${shown.length - fit.length > failed ? ` Reproductions are kept off it too.` : ""}`;
  }
  function drawNights() {
    const points = data.points.filter((p) => matches(p) && p.values[view.y][0] !== null);
    const nameOf = (p) => [p.model, p.engine, p.precision, p.parallelism, p.workload, p.load, p.host, ...(p.reproduces ? ["reproduction"] : [])].join(" · ");
    const traces = distinct(points.map(nameOf)).map((name, index) => {
      const own = points.filter((p) => nameOf(p) === name).sort((a, b) => a.night < b.night ? -1 : 1);
      const versions = distinct(own.map((p) => p.engine_version));
      const colour = colours[index % colours.length];
      return { name, mode: "markers", x: own.map((p) => p.night), y: own.map((p) => p.values[view.y][0]), error_y: { ...error(own, view.y), color: colour },
        hovertext: own.map((p) => words(p, view.y)), hoverinfo: "text",
        marker: { color: colour, size: 9, symbol: own.map((p) => symbols[versions.indexOf(p.engine_version) % symbols.length] + hollow(p)) } };
    });
    Plotly.react("nights", traces, layout("night", title(view.y), { xaxis: { type: "date", tickformat: "%Y-%m-%d", ...nightTicks(points) }, yaxis: { rangemode: "tozero" } }), settings);
    const nights = distinct(points.map((p) => p.night));
    $("nights-note").textContent = `${points.length} points of ${nights.length} night${nights.length === 1 ? "" : "s"}; no line is drawn over nights that were not measured. The symbol changes with the engine's version.`;
  }
  function nightTicks(points) {
    const nights = distinct(points.map((p) => p.night));
    return nights.length && nights.length <= 8 ? { tickmode: "array", tickvals: nights } : {};
  }
  function drawTable(chosen) {
    const text = [["engine", engineOf], ["model", (p) => p.model], ["workload", (p) => p.workload], ["load", (p) => p.load], ["split", (p) => p.parallelism], ["starts × runs", (p) => p.starts ? `${p.starts} × ${p.repeats / p.starts}` : "none"], ["quality", quality]];
    const value = (p) => view.sort in data.metrics ? p.values[view.sort][0] : (text.find(([name]) => name === view.sort) ?? [0, (q) => [q.workload, q.load_kind, String(q.concurrency ?? q.rate_rps).padStart(8)].join(" ")])[1](p);
    const rows = [...chosen].sort((a, b) => { const [u, v] = [value(a), value(b)]; return (u === v ? 0 : u === null ? 1 : v === null ? -1 : u < v ? -1 : 1) * (view.down ? -1 : 1); });
    const head = element("tr");
    const add = (name, label, className) => {
      const cell = element("th", null, className), button = element("button", label + (view.sort === name ? (view.down ? " ▾" : " ▴") : ""));
      button.onclick = () => { view.down = view.sort === name && !view.down; view.sort = name; draw(); };
      cell.append(button); head.append(cell);
    };
    text.forEach(([name]) => add(name, name, ""));
    columns.forEach((name) => add(name, title(name), "n"));
    head.append(element("th", "marks"), element("th", "run"));
    const body = rows.map((p) => {
      const row = element("tr");
      text.forEach(([name, of]) => {
        const cell = element("td", of(p));
        if (name === "quality") cell.title = p.quality_reasons.join("; ");
        row.append(cell);
      });
      for (const name of columns) {
        const cell = element("td", figure(p.values[name][0]), "n");
        if (p.values[name][1] !== null) cell.append(element("br"), element("span", interval(p.values[name]), "interval"));
        row.append(cell);
      }
      const marks = element("td", p.marks.join(", "));
      notes(p).forEach((note) => marks.append(element("div", note, "note")));
      row.append(marks);
      const links = element("td");
      p.trials.forEach((trial, index) => {
        const link = element("a", `details${p.trials.length > 1 ? " " + (index + 1) : ""}`);
        link.href = "#run"; link.onclick = (event) => { event.preventDefault(); view.run = trial; draw(); $("h-run").scrollIntoView(); };
        links.append(link, " ");
      });
      row.append(links);
      return row;
    });
    const top = element("thead"), rest = element("tbody");
    top.append(head); rest.append(...body);
    $("table").replaceChildren(top, rest);
  }
  function drawRun() {
    const trial = data.trials.find((one) => one.trial === view.run);
    if (!trial) { $("run").replaceChildren(); return; }
    const list = element("dl");
    const add = (name, value) => { if (value !== null && value !== undefined && value !== "") list.append(element("dt", name), element("dd", typeof value === "object" ? JSON.stringify(value) : value)); };
    add("status", `${trial.status} (reached: ${trial.stage})`);
    add("invalid", trial.invalid.join("; "));
    add("reproduces", trial.reproduces);
    const env = trial.environment;
    add("machine", `${env.host}, ${env.os}, ${env.cpu}, ${env.cores} cores, ${(env.memory_bytes / 1e9).toFixed(1)} GB`);
    for (const device of env.accelerators) add("accelerator", `${device.product}, ${(device.memory_bytes / 1e9).toFixed(1)} GB, driver ${device.driver ?? "none"}`);
    add("harness", `enginebench ${env.harness_version}, commit ${env.harness_commit ?? "unknown"}, Python ${env.python}`);
    for (const [name, value] of Object.entries(trial.engine ?? {})) add(name.replaceAll("_", " "), Array.isArray(value) ? value.join("; ") : value);
    add("stages, s", Object.entries(trial.stage_s).map(([name, value]) => `${name} ${value}`).join(", "));
    const parts = [list, element("h3", "Repeat this run"), element("pre", trial.repeat_command)];
    if (trial.server_command) parts.push(element("h3", "The server's command"), element("pre", trial.server_command));
    if (trial.failure) parts.push(element("h3", "Failure"), element("p", `${trial.failure.failure_class}: ${trial.failure.message}`), element("pre", trial.failure.log_tail || "no log"));
    if (trial.quality) parts.push(element("h3", "Quality"), ...qualityOf(trial.quality));
    const names = ["output_tps_per_accelerator", "output_tps_per_accelerator_whole_run", "interactivity_mean_tps", "ttft_mean_ns", "tpot_mean_ns", "e2el_mean_ns", "running_requests_mean", "running_requests_max", "waiting_requests_mean", "waiting_requests_max", "kv_cache_mean_share", "kv_cache_max_share", "prefix_hit_share", "preempted_requests", "acceptance_share"];
    const table = element("table"), head = element("tr");
    ["point", "repeat", "began (UTC)", "lasted (s)"].forEach((name) => head.append(element("th", name)));
    names.forEach((name) => head.append(element("th", title(name), "n")));
    head.append(element("th", "neighbour (cores)", "n"), element("th", "marks"));
    const top = element("thead"), body = element("tbody");
    top.append(head);
    for (const run of trial.runs) {
      const row = element("tr");
      row.append(element("td", run.point), element("td", run.repeat), element("td", run.started_utc.slice(0, 19).replace("T", " ")), element("td", figure(run.duration_s), "n"));
      for (const name of names) { const cell = element("td", figure(run.metrics[name]), "n"); if (run.absent[name]) cell.title = run.absent[name]; row.append(cell); }
      row.append(element("td", figure(run.usage ? run.usage.neighbour_cores : null), "n"), element("td", [...run.marks.map((mark) => data.meanings[mark] ?? mark), ...(run.invalid ? [`invalid: ${run.invalid}`] : [])].join("; ")));
      body.append(row);
    }
    table.append(top, body);
    const box = element("div", null, "scroll"); box.append(table);
    const reasons = {};
    trial.runs.forEach((run) => Object.entries(run.absent).forEach(([name, why]) => { (reasons[why] ??= new Set()).add(name); }));
    const absent = element("ul");
    Object.entries(reasons).forEach(([why, set]) => absent.append(element("li", `${why}: ${[...set].join(", ")}`)));
    parts.push(element("h3", "Runs"), box, element("h3", "Not given, and why"), absent);
    $("run").replaceChildren(...parts);
  }
  function qualityOf(found) {
    const parts = [element("p", found.passed === null ? "Not judged." : found.passed ? "Passed: the server answers right." : "Failed: the server gave wrong answers; its points are kept off every frontier.")];
    const reasons = element("ul");
    reasons.append(...found.reasons.map((reason) => element("li", reason)));
    const table = element("table"), head = element("tr"), top = element("thead"), body = element("tbody"), limits = found.thresholds;
    const limit = (label, value) => limits ? `${label} (${value(limits)})` : label;
    ["load", "in flight", "took (s)", "questions right [95 %]", "lost / won to the reference", limit("KL, nats a token", (of) => `at most ${figure(of.kl_nats)}`), limit("likeliest token agrees", (of) => `at least ${figure(of.top1_share)}`), limit("NLL difference, nats a token", (of) => `±${figure(of.nll_difference_nats)}`)].forEach((name) => head.append(element("th", name)));
    for (const check of found.checks) {
      const row = element("tr"), agreed = check.agreement ?? {};
      const scores = check.scores.map((one) => `${one.family} ${one.right}/${one.asked} [${figure(one.low)}, ${figure(one.high)}]`).join("; ");
      [check.when, check.concurrency, figure(check.duration_ns / 1e9), scores || "–", check.lost === null ? "–" : `${check.lost} / ${check.gained}`, figure(agreed.kl_nats), figure(agreed.top1_share), figure(agreed.nll_difference_nats)].forEach((value) => row.append(element("td", value)));
      body.append(row);
    }
    top.append(head); table.append(top, body);
    const box = element("div", null, "scroll"); box.append(table);
    parts.push(reasons);
    if (found.checks.length) parts.push(box);
    if (found.lm_eval?.length) parts.push(lmEvalOf(found));
    return parts;
  }
  function lmEvalOf(found) {
    const table = element("table"), head = element("tr"), top = element("thead"), body = element("tbody");
    [`lm-eval ${found.lm_eval_version ?? ""}`, "version", "metric", "examples", "documents", "score [95 %]", "floor"].forEach((name) => head.append(element("th", name)));
    for (const one of found.lm_eval) {
      const row = element("tr"), interval = one.low === null ? "" : ` [${figure(one.low)}, ${figure(one.high)}]`;
      const floor = one.passed === null ? "–" : `${figure(one.floor)} ${one.passed ? "passed" : "failed"}`;
      [one.task, one.task_version, one.metric, one.fewshot ?? "–", one.asked ?? "–", one.value === null ? "no finite number" : `${figure(one.value)}${interval}`, floor].forEach((value) => row.append(element("td", value)));
      body.append(row);
    }
    top.append(head); table.append(top, body);
    const box = element("div", null, "scroll"); box.append(table);
    return box;
  }
  function drawMethods() {
    const head = element("tr");
    ["metric", "unit", "better", "formula", "source"].forEach((name) => head.append(element("th", name)));
    const rows = Object.values(data.metrics).map((metric) => {
      const row = element("tr");
      [metric.title, metric.unit, metric.better, metric.formula, metric.source].forEach((value) => row.append(element("td", value)));
      return row;
    });
    const top = element("thead"), body = element("tbody");
    top.append(head); body.append(...rows);
    $("methods").replaceChildren(top, body);
  }
  function drawHeader() {
    const nights = distinct(data.points.map((p) => p.night));
    if (!nights.length && !data.trials.length) { $("sentence").textContent = "The store is empty: `make night` measures this machine and fills it."; return; }
    const newest = nights[nights.length - 1], own = data.points.filter((p) => p.night === newest);
    const count = (of, word) => { const n = distinct(own.map(of)).length; return `${n} ${word}${n === 1 ? "" : "s"}`; };
    const bad = data.trials.filter((one) => one.failure);
    $("sentence").textContent = `Newest night ${newest ?? "–"}: ${count((p) => p.model, "model")}, ${count(engineOf, "engine version")}, ${count((p) => p.product, "part")}, ${own.length} points from ${own.reduce((sum, p) => sum + p.repeats + p.left_out, 0)} runs; ${bad.length ? `${bad.length} of ${data.trials.length} trials failed or were interrupted` : "no failures"}. Last run began ${data.newest_utc === null ? "–" : minute(data.newest_utc)}.`;
    $("failures").replaceChildren(...bad.map((one) => element("li", `${one.night} ${one.label}: ${one.status} at ${one.stage}: ${one.failure.failure_class}: ${one.failure.message}`)));
  }
  function draw() {
    const chosen = data.points.filter((p) => p.night === view.night && matches(p));
    drawFrontier(chosen); drawTable(chosen); drawNights();
    $("trial").value = view.run; drawRun(); writeHash();
  }
  readHash();
  const options = (values) => [[all, all], ...values.map((value) => [value, value])];
  fill("night", distinct(data.points.map((p) => p.night)).reverse().map((v) => [v, v]), "night");
  fill("model", options(distinct(data.points.map((p) => p.model))), "model");
  fill("workload", options(distinct(data.points.map((p) => p.workload))), "workload");
  fill("engine", options(distinct(data.points.map(engineOf))), "engine");
  fill("y", ys.map((name) => [name, title(name)]), "y");
  fill("x", xs.map((name) => [name, title(name)]), "x");
  fill("trial", [...data.trials].reverse().map((one) => [one.trial, `${one.night} ${one.label} ${one.trial} (${one.status})`]), "run");
  check("xlog"); check("ylog");
  drawHeader(); drawMethods(); draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
