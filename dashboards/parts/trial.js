"use strict";
// Pieces of one trial, for the page of a run and for the details of a point: commands, environment, what the gate found,
// distributions, what went on over time, the log's end.
(() => {
  const { element } = EB;
  const plainTable = (caption, heads, rows, numbers = 0) => element("div", element("table", [
    element("caption", caption),
    element("thead", element("tr", heads.map((name, at) => element("th", name, { scope: "col", class: numbers && at >= numbers ? "n" : null })))),
    element("tbody", rows.map((row) => element("tr", row.map((value, at) => element("td", value instanceof Node ? value : String(value), { class: numbers && at >= numbers ? "n" : null }))))),
  ]), { class: "scroll", tabindex: "0", role: "region", "aria-label": caption });
  EB.plainTable = plainTable;

  // Text to be copied: a command, a log.
  EB.pre = (text, label) => element("pre", text, { tabindex: "0", role: "region", "aria-label": label });
  EB.command = (title, text) => [element("h3", title), EB.pre(text, title), element("p", element("button", "Copy", { type: "button", "aria-label": `Copy: ${title}`, onclick: () => navigator.clipboard?.writeText(text) }), "tools")];
  EB.commandsOf = (trial) => [
    ...(trial.server_command ? EB.command("The server's command", trial.server_command) : [element("h3", "The server's command"), EB.note("enginebench started no server here.")]),
    ...EB.command("Repeat this trial", trial.repeat_command),
  ];

  const gb = (bytes) => (bytes === null || bytes === undefined ? null : bytes / 1e9);
  EB.environmentOf = (trial) => {
    const list = element("dl");
    const add = (name, value) => { if (value !== null && value !== undefined && value !== "") list.append(element("dt", name), element("dd", typeof value === "object" ? Object.entries(value).map((one) => one.join(": ")).join("; ") : String(value))); };
    const env = trial.environment;
    add("status", `${trial.status} (reached: ${trial.stage})`);
    add("invalid", trial.invalid.join("; "));
    add("reproduces", trial.reproduces);
    add("began", EB.minute(trial.started_utc));
    add("machine", `${env.host}, ${env.os}, ${env.cpu}, ${env.cores} cores, ${EB.figure(gb(env.memory_bytes))} GB`);
    for (const [words, count] of EB.tally(env.accelerators.map((one) => `${one.product}, ${EB.figure(gb(one.memory_bytes))} GB, driver ${one.driver ?? "none"}`))) add("accelerators", `${count} × ${words}`);
    add("harness", `enginebench ${env.harness_version}, commit ${env.harness_commit ?? "unknown"}, Python ${env.python}`);
    for (const [name, value] of Object.entries(trial.engine ?? {})) add(name.replaceAll("_", " "), Array.isArray(value) ? value.join("; ") : value);
    add("stages, s", Object.entries(trial.stage_s).map(([name, value]) => `${name} ${value}`).join(", "));
    return list;
  };

  EB.failureOf = (failure) => [element("p", `${failure.failure_class}: ${failure.message}`, "bad"), EB.pre(failure.log_tail || "no log", "The end of the log when it failed")];

  EB.qualityOf = (found) => {
    const parts = [element("p", found.passed === null ? "Not judged." : found.passed ? "Passed: the server answers right." : "Failed: the server gave wrong answers; its points are kept off every frontier.", found.passed === false ? "bad" : null)];
    if (found.reasons.length) parts.push(element("ul", found.reasons.map((reason) => element("li", reason))));
    if (found.checks.length) parts.push(checksOf(found));
    if (found.lm_eval?.length) parts.push(lmEvalOf(found));
    return parts;
  };
  const checksOf = (found) => {
    const limits = found.thresholds, limit = (label, value) => (limits ? `${label} (${value(limits)})` : label);
    const heads = ["load", "in flight", "took (s)", "questions right [95 %]", "lost / won to the reference", limit("KL, nats a token", (of) => `at most ${EB.figure(of.kl_nats)}`),
      limit("likeliest token agrees", (of) => `at least ${EB.figure(of.top1_share)}`), limit("NLL difference, nats a token", (of) => `±${EB.figure(of.nll_difference_nats)}`)];
    return plainTable("The gate's passes", heads, found.checks.map((check) => {
      const agreed = check.agreement ?? {};
      const scores = check.scores.map((one) => `${one.family} ${one.right}/${one.asked} [${EB.figure(one.low)}, ${EB.figure(one.high)}]`).join("; ");
      return [check.when, check.concurrency, EB.figure(check.duration_ns / 1e9), scores || EB.missing, check.lost === null ? EB.missing : `${check.lost} / ${check.gained}`,
        EB.figure(agreed.kl_nats), EB.figure(agreed.top1_share), EB.figure(agreed.nll_difference_nats)];
    }));
  };
  const lmEvalOf = (found) => plainTable(`lm-eval ${found.lm_eval_version ?? ""}`, ["task", "version", "metric", "examples", "documents", "score [95 %]", "floor"], found.lm_eval.map((one) => {
    const interval = one.low === null ? "" : ` [${EB.figure(one.low)}, ${EB.figure(one.high)}]`;
    const floor = one.passed === null ? EB.missing : `${EB.figure(one.floor)} ${one.passed ? "passed" : "failed"}`;
    return [one.task, one.task_version, one.metric, one.fewshot ?? EB.missing, one.asked ?? EB.missing, one.value === null ? "no finite number" : `${EB.figure(one.value)}${interval}`, floor];
  }));

  // Histograms of some runs: bins are logarithmic, 20 to a factor of ten, as `site.details` makes them.
  const edge = (bin) => 10 ** (bin / 20) / 1e6;
  const binsOf = (found) => found.counts.map((count, at) => ({ from: edge(found.first + at), to: edge(found.first + at + 1), count, share: (100 * count) / found.n }));
  EB.distributionOf = (what, title, details, runs) => {
    const held = runs.map((run) => ({ run, found: details.distributions?.[run.run]?.[what] ?? null })).filter((one) => one.found);
    const lack = details.lack.distributions ?? runs.map((run) => details.distributions?.[run.run]?.[`${what}_lack`]).find(Boolean) ?? "no request ended well";
    if (!held.length) return element("div", [element("h3", title), EB.note(`No distribution: ${lack}.`)]);
    const chart = EB.chart(`distribution-${what}`, `${title}, ${EB.counted(held.length, "run")}`, { height: 280 });
    const rows = [];
    const traces = held.map(({ run, found }, at) => {
      const style = EB.style(at), bins = binsOf(found), name = `${run.load}, repeat ${run.repeat}`;
      rows.push(...bins.map((bin) => ({ ...bin, name, run: run.run, n: found.n })));
      const words = (bin) => EB.hover([name, `${EB.figure(bin.from)} to ${EB.figure(bin.to)} ms: ${bin.count} of ${found.n} (${EB.figure(bin.share)} %)`]);
      const ends = bins.length ? [bins[0].from, ...bins.map((bin) => bin.from), bins[bins.length - 1].to] : [];
      return { name, mode: "lines", line: { shape: "hv", color: style.colour, dash: style.dash, width: 1.8 }, fill: held.length === 1 ? "tozeroy" : "none", hoverinfo: "text", swatch: { colour: style.colour },
        x: ends, y: bins.length ? [0, ...bins.map((bin) => bin.share), 0] : [], hovertext: bins.length ? ["", ...bins.map(words), ""] : [] };
    });
    const zeros = held.reduce((sum, { found }) => sum + found.zeros, 0), n = held.reduce((sum, { found }) => sum + found.n, 0);
    const unit = what === "ttft" ? "request" : "gap";
    chart.update({
      traces, rows, layout: EB.layout(`${title} (ms)`, `${unit}s (%)`, { xaxis: { type: "log" }, yaxis: { rangemode: "tozero" } }),
      note: `${EB.counted(n, unit)} ${what === "ttft" ? "that" : "in requests that"} ended well, in bins 12 % wide${zeros ? `; ${zeros.toLocaleString("en")} of 0 ms, events that came in one read, are not drawn` : ""}.`,
      columns: [{ name: "run", of: (row) => row.name, head: true }, { name: "from (ms)", of: (row) => row.from, number: true }, { name: "to (ms)", of: (row) => row.to, number: true },
        { name: `${unit}s`, of: (row) => row.count, number: true }, { name: "share (%)", of: (row) => row.share, number: true }, { name: "run id", of: (row) => row.run }],
    });
    return element("div", [element("h3", title), chart]);
  };
  EB.distributionsOf = (details, runs) => [EB.distributionOf("ttft", "TTFT", details, runs), EB.distributionOf("itl", "ITL, gaps between events", details, runs)];

  // Several series over the same time, each on an axis of its own above the other; when runs went on is shaded.
  const overTime = (name, label, found, series, runs) => {
    const own = series.filter(([key]) => found[key]), height = 1 / own.length;
    const chart = EB.chart(name, label, { height: 70 + 105 * own.length });
    const layout = EB.layout("seconds", ""), { yaxis } = layout;
    const spans = runs.map((run) => ({ run, from: Date.parse(run.started_utc) / 1000 - found.began_ns / 1e9 })).filter(({ run, from }) => from + run.duration_s > 0 && from < found.t_s[found.t_s.length - 1]);
    layout.shapes = spans.map(({ run, from }) => ({ type: "rect", xref: "x", yref: "paper", x0: from, x1: from + run.duration_s, y0: 0, y1: 1, line: { width: 0 }, fillcolor: "rgba(128,128,128,0.14)" }));
    const traces = own.map(([key, title], at) => {
      const style = EB.style(at), axis = `y${at ? at + 1 : ""}`;
      layout[`yaxis${at ? at + 1 : ""}`] = { ...yaxis, title: { text: title, font: { size: 11 } }, rangemode: "tozero", domain: [1 - (at + 1) * height + 0.03, 1 - at * height - 0.01] };
      return { name: title, mode: "lines", x: found.t_s, y: found[key], yaxis: axis, line: { color: style.colour, width: 1.6 }, swatch: { colour: style.colour }, hoverinfo: "x+y" };
    });
    layout.xaxis.anchor = `y${own.length > 1 ? own.length : ""}`;
    chart.update({
      traces, layout, rows: found.t_s.map((_, at) => at), note: `${EB.counted(found.t_s.length, "moment")} since the first sample; shaded: while a run went on (${EB.counted(spans.length, "run")}).`,
      columns: [{ name: "seconds", of: (at) => found.t_s[at], number: true, head: true }, ...own.map(([key, title]) => ({ name: title, of: (at) => found[key][at], number: true }))],
    });
    return chart;
  };
  EB.telemetryOf = (details, runs) => {
    const many = details.telemetry?.devices > 1 ? `, ${details.telemetry.devices} together` : "", mean = many && ", mean";
    const parts = [element("h3", "Accelerators and machine over time")];
    if (details.telemetry) parts.push(overTime("telemetry", "Accelerators and machine over time", details.telemetry, [["power_w", `power (W${many})`], ["utilisation_pct", `busy (%${mean})`],
      ["memory_gb", `memory (GB${many})`], ["temperature_c", "hottest (°C)"], ["busy_cores", "busy CPU cores"]], runs));
    else parts.push(EB.note(`None: ${details.lack.telemetry}.`));
    parts.push(element("h3", "What the engine told of itself"));
    if (details.engine) parts.push(overTime("engine", "What the engine told of itself over time", details.engine, [["requests_running", "running requests"], ["requests_waiting", "waiting requests"], ["kv_cache_pct", "KV cache (%)"]], runs));
    else parts.push(EB.note(`None: ${details.lack.engine}.`));
    return parts;
  };
  EB.logOf = (details) => [...(details.log ?
    [EB.note(`The last ${details.log.lines.length} of ${EB.counted(details.log.of, "line")}.`), EB.pre(details.log.lines.join("\n"), "The end of the server's log")] : [EB.note(`None: ${details.lack.log}.`)])];
})();
