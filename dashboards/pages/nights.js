"use strict";
// Nights: what ran, what failed, what was not measured and why, how long it took, and whether the client was exact.
(() => {
  const { element } = EB;
  const hours = (seconds) => seconds / 3600;
  const ended = (row) => ["complete", "failed", "interrupted"].filter((name) => row.trials[name]).map((name) => `${row.trials[name]} ${name}`).join(", ");

  const stintColumns = (view) => [
    { name: "night", head: true, of: (row) => row.night, cell: (row) => EB.link(row.night, "nights", { night: row.night, ...(view.get("host") ? { host: view.get("host") } : {}) }) },
    { name: "grid", of: (row) => row.grid }, { name: "host", of: (row) => row.host }, { name: "part", of: (row) => row.product },
    { name: "trials", of: (row) => Object.values(row.trials).reduce((sum, one) => sum + one, 0), number: true }, { name: "ended", of: ended, cell: (row) => element("span", ended(row), row.trials.failed ? "bad" : "") },
    { name: "runs", of: (row) => row.runs, number: true },
    { name: "not measured", of: (row) => row.unmeasured, number: true, hint: () => "asked of trials that failed or were interrupted" },
    { name: "not needed", of: (row) => row.unneeded, number: true, hint: () => "known before, or their budget was spent" },
    { name: "begun", of: (row) => row.begun_utc, cell: (row) => EB.minute(row.begun_utc) },
    { name: "wall time", csv: "wall time (s)", of: (row) => row.wall_s, cell: (row) => EB.spent(row.wall_s), number: true },
    { name: "accelerator-hours", of: (row) => hours(row.device_s), number: true },
    { name: "of them measuring", csv: "measuring accelerator-hours", of: (row) => hours(row.measuring_device_s), number: true, cell: (row) => `${EB.figure(hours(row.measuring_device_s))} (${row.device_s ? Math.round(row.measuring_device_s / row.device_s * 100) : 0} %)` },
  ];

  // Accelerator-hours of each night as bars: measuring below, all else above it.
  function bars(rows) {
    const nights = EB.distinct(rows.map((row) => row.night)), sum = (night, pick) => rows.filter((row) => row.night === night).reduce((total, row) => total + pick(row), 0);
    return [["warm-up and measuring", (row) => row.measuring_device_s, 0], ["getting and starting engines, questions, stopping", (row) => row.device_s - row.measuring_device_s, 4]].map(([name, pick, n]) => ({
      type: "bar", name, x: nights, y: nights.map((night) => hours(sum(night, pick))), marker: { color: EB.style(n).colour, pattern: { shape: n ? "/" : "", fgcolor: EB.style(n).colour, bgcolor: "rgba(0,0,0,0)", fillmode: "overlay" } },
      swatch: { symbol: "square", colour: EB.style(n).colour }, hovertemplate: `%{x}: %{y:.4g} h<extra></extra>`, rows: nights.map((night) => ({ night })),
    }));
  }

  const trialColumns = (night) => [
    { name: "begun", of: (row) => row.started_utc, cell: (row) => EB.minute(row.started_utc) }, { name: "trial", head: true, of: (row) => row.trial, cell: (row) => EB.toTrial(row.trial, night, row.trial) },
    { name: "what", of: (row) => row.what },
    { name: "ended", of: (row) => row.status, cell: (row) => element("span", row.status === "complete" ? "complete" : `${row.status} at ${row.stage}`, row.status === "complete" ? "good" : "bad") },
    { name: "why, and what to know", of: why }, { name: "precision", of: (row) => row.precision }, { name: "on", of: (row) => row.part }, { name: "split", of: (row) => row.parallelism }, { name: "start", of: (row) => row.start + 1, number: true },
    { name: "runs", of: (row) => row.runs, number: true, cell: (row) => `${row.runs} of ${row.asked}` }, { name: "took", csv: "took (s)", of: (row) => row.spent_s, cell: (row) => EB.spent(row.spent_s), number: true },
    { name: "answers", of: (row) => (row.passed === null ? "not judged" : row.passed ? "right" : "wrong"), cell: (row) => element("span", row.passed === null ? "not judged" : row.passed ? "right" : "wrong", row.passed === false ? "bad" : "") },
    { name: "grid", of: (row) => row.grid }, { name: "host", of: (row) => row.host },
  ];
  const why = (row) => [...(row.failure ? [`${row.failure[0]}: ${row.failure[1]}`] : []), ...(row.invalid ? [`invalid: ${row.invalid}`] : []), ...(row.reproduces ? [`reproduces ${row.reproduces}`] : []),
    ...row.stops, ...row.marks.map((mark) => EB.index.meanings[mark] ?? mark)].join("; ");

  function calibrations(rows) {
    if (!rows.length) return [EB.note("No calibration is stored: a night makes one before it measures a closed loop, and `enginebench calibrate` at any time.")];
    const levels = rows.flatMap((one) => one.levels.map((level, n) => ({ ...level, host: one.host, cpu: one.cpu, cores: one.cores, started_utc: one.started_utc, exact: one.exact[n] }))).reverse();
    const share = (name) => ({ name: { tpot_error_share: "TPOT off by", itl_p99_error_share: "p99 ITL off by", throughput_error_share: "throughput off by" }[name], csv: name, number: true, of: (row) => row[name], cell: (row) => (row[name] === null ? EB.missing : `${EB.figure(row[name] * 100)} %`) });
    const micro = (name, title) => ({ name: title, csv: name, number: true, of: (row) => row[name], cell: (row) => (row[name] === null ? EB.missing : `${EB.figure(row[name] / 1e3)} µs`) });
    return [element("p", "The load generator against a server of known timings. Exact: TTFT within 0.1 ms in the mean and 0.5 ms at p99, TPOT within 0.1 %, p99 ITL within 1 %, throughput within 0.5 %, no failed request."),
      EB.table("Calibrations, newest first", [
        { name: "when", of: (row) => row.started_utc, cell: (row) => EB.minute(row.started_utc), head: true }, { name: "host", of: (row) => row.host }, { name: "in flight", of: (row) => row.concurrency, number: true },
        { name: "exact", of: (row) => (row.exact ? "yes" : "no"), cell: (row) => element("span", row.exact ? "yes" : "no", row.exact ? "good" : "bad") },
        micro("ttft_error_mean_ns", "mean TTFT off by"), micro("ttft_error_p99_ns", "p99 TTFT off by"), share("tpot_error_share"), share("itl_p99_error_share"), share("throughput_error_share"),
        { name: "requests", of: (row) => row.requests, number: true }, { name: "failed", of: (row) => row.failed_requests, number: true }, { name: "client cores", of: (row) => row.client_cores, number: true },
      ], levels, { csv: "calibrations", most: 60 })];
  }

  EB.page("nights", {
    async draw(main, view) {
      const data = await EB.load("nights"), { missing } = await EB.load("reliability"), nights = EB.distinct(data.stints.map((row) => row.night)).reverse();
      main.append(EB.live());
      if (!nights.length) { main.append(EB.note("No night is stored yet: `enginebench night GRID` measures one."), EB.section("Is the client exact?", ...calibrations(data.calibrations))); return null; }
      const hosts = EB.distinct(data.stints.map((row) => row.host)), grids = EB.distinct(data.stints.map((row) => row.grid));
      const lead = element("p", null, "lead"), one = element("div"), all = element("div"), left = EB.note("");
      const chart = EB.chart("nights", "accelerator-hours of each night", { pick: (row) => view.set({ night: row.night }) });
      const night = EB.select(view, "night", "Night", nights);
      main.append(lead, element("div", [night, EB.select(view, "grid", "Grid", grids, "all grids"), EB.select(view, "host", "Host", hosts, "all hosts")], "controls"), left, one, EB.section("All nights", chart, all), EB.section("Is the client exact?", ...calibrations(data.calibrations)));
      return async () => {
        const chosen = nights.includes(view.get("night")) ? view.get("night") : nights[0];
        night.querySelector("select").value = chosen;
        const wanted = (row) => (!view.get("grid") || row.grid === view.get("grid")) && (!view.get("host") || row.host === view.get("host"));
        const stints = data.stints.filter(wanted), mine = stints.filter((row) => row.night === chosen), sum = (pick) => mine.reduce((total, row) => total + pick(row), 0);
        const trials = (await EB.load(`nights/${chosen}`)).filter(wanted), gaps = missing.filter((row) => row.after < chosen && row.before >= chosen);
        const count = (name) => sum((row) => row.trials[name] ?? 0);
        lead.textContent = mine.length ? `Night ${chosen}: ${EB.counted(sum((row) => row.runs), "run")} of ${EB.counted(trials.length, "trial")} in ${EB.figure(hours(sum((row) => row.device_s)))} accelerator-hours; ${count("failed")} failed, ${count("interrupted")} interrupted, ${EB.counted(sum((row) => row.unmeasured), "run")} asked for and not measured, ${sum((row) => row.unneeded)} not needed.` : `Nothing of this choice was measured in night ${chosen}.`;
        left.textContent = `${data.stints.length === stints.length ? "" : `${data.stints.length - stints.length} of ${data.stints.length} rows are of other grids or hosts. `}${gaps.map((row) => `${row.engine} on ${row.product} of grid ${row.grid} was not tried between ${row.after} and ${row.before}. `).join("")}What a plan skipped, and why, \`enginebench plan\` tells; the store keeps only what was tried.`;
        one.replaceChildren(EB.table(`Trials of night ${chosen}, in order`, trialColumns(chosen), trials, { csv: `night-${chosen}`, most: 200 }));
        await chart.update({ traces: bars(stints), layout: EB.layout("night", "accelerator-hours", { barmode: "stack", height: 300, xaxis: { type: "date" } }), rows: stints, columns: stintColumns(view), note: "Accelerators of a trial × the time of all its stages. A bar can be clicked." });
        all.replaceChildren(EB.table("Nights, newest first", stintColumns(view), stints, { csv: "nights", most: 60 }));
      };
    },
  });
})();
