"use strict";
// Reliability: how often trials come to their end, of what they fail, until when; other tools' jobs apart.
(() => {
  const { element } = EB;
  const names = { product: "part", engine: "engine", host: "host", month: "month" };
  const rate = (row) => EB.shareOf(row.rate, row.low, row.high);

  // Rates with their intervals, a line a value; newest month or worst rate on top.
  function chartOf(rows, by, label) {
    const sorted = rows.filter((row) => row.rate !== null).sort((a, b) => (by === "month" ? (a.month > b.month ? 1 : -1) : b.rate - a.rate || (a[by] < b[by] ? 1 : -1)));
    const { colour, symbol } = EB.style(0), percent = (value) => value * 100;
    return {
      rows: sorted,
      trace: {
        type: "scatter", mode: "markers", name: label, legend: false, marker: { color: colour, symbol, size: 9 },
        x: sorted.map((row) => percent(row.rate)), y: sorted.map((row) => EB.hover([row[by] ?? EB.missing])),
        error_x: { type: "data", symmetric: false, thickness: 1.4, width: 4, color: colour, array: sorted.map((row) => percent(row.high - row.rate)), arrayminus: sorted.map((row) => percent(row.rate - row.low)) },
        text: sorted.map((row) => EB.hover([row[by] ?? EB.missing, `${rate(row)} of ${row.jobs ?? row.complete + row.failed}`])), hovertemplate: "%{text}<extra></extra>",
      },
    };
  }
  const layout = (count) => EB.layout("came to their end (%)", "", { height: 110 + 30 * count, xaxis: { range: [0, 101] }, yaxis: { type: "category", dtick: 1 }, margin: { t: 12, r: 16, b: 48, l: 90 } });

  const counted = (by) => [
    { name: names[by], of: (row) => row[by], head: true }, { name: "success", csv: "success share", of: (row) => row.rate, cell: rate, number: true },
    { name: "low", of: (row) => row.low, cell: (row) => EB.percent(row.low), number: true }, { name: "high", of: (row) => row.high, cell: (row) => EB.percent(row.high), number: true },
    { name: "trials", of: (row) => row.trials, number: true }, { name: "complete", of: (row) => row.complete, number: true },
    { name: "failed", of: (row) => row.failed, number: true }, { name: "interrupted", of: (row) => row.interrupted, number: true },
    { name: "failures", of: (row) => Object.entries(row.classes).map(([name, count]) => `${count} × ${name}`).join(", ") },
    { name: "wrong answers", of: (row) => row.wrong, number: true }, { name: "nights", of: (row) => (row.first_night === row.last_night ? row.first_night : `${row.first_night} to ${row.last_night}`) },
  ];
  const told = (by) => [
    { name: names[by], of: (row) => row[by], head: true }, { name: "success", csv: "success share", of: (row) => row.rate, cell: rate, number: true },
    { name: "low", of: (row) => row.low, cell: (row) => EB.percent(row.low), number: true }, { name: "high", of: (row) => row.high, cell: (row) => EB.percent(row.high), number: true },
    { name: "jobs", of: (row) => row.jobs, number: true }, { name: "complete", of: (row) => row.complete, number: true },
    { name: "days", of: (row) => (row.first_night === row.last_night ? row.first_night : `${row.first_night} to ${row.last_night}`) },
  ];

  function recovery(rows) {
    if (!rows.length) return EB.note("No deployment failed.");
    const days = rows.filter((row) => row.days !== null).map((row) => row.days).sort((a, b) => a - b), open = rows.length - days.length;
    const usual = days.length ? ` Of those that ended, half ended within ${EB.counted(days[Math.floor((days.length - 1) / 2)], "day")}, the longest after ${days.at(-1)}.` : "";
    const state = (row) => (row.state === "recovered" ? `recovered ${row.days === 0 ? "in the same night" : `after ${EB.counted(row.days, "day")}`}, with ${row.recovered_by}` : row.state);
    return [
      element("p", `${EB.counted(rows.length, "outage")}, ${open} of them open.${usual} Open ones are in no time to recover, and the longest may be yet to come.`),
      EB.table("Outages: from the first failed trial of a deployment to its next complete one; open ones first", [
        { name: "deployment", head: true, of: (row) => `${row.model} ${row.precision}, ${row.engine} on ${row.devices} × ${row.product}, ${row.parallelism}` },
        { name: "grid", of: (row) => row.grid }, { name: "host", of: (row) => row.host }, { name: "failed from", of: (row) => row.from_night, cell: (row) => EB.toNight(row.from_night) },
        { name: "with", of: (row) => row.version }, { name: "failed trials", of: (row) => row.failed, number: true }, { name: "class", of: (row) => row.classes.join(", ") },
        { name: "until", of: (row) => row.until_night, cell: (row) => (row.until_night ? EB.toNight(row.until_night) : EB.missing) },
        { name: "state", of: state, cell: (row) => element("span", state(row), row.state === "recovered" ? "" : "bad") },
      ], [...rows].sort((a, b) => (a.state === "recovered") - (b.state === "recovered")), { csv: "outages" }),
    ];
  }
  const missing = (rows) => (rows.length ? [EB.table("Gaps between the nights of an engine of a grid on a part, by their usual distance", [
    { name: "engine", of: (row) => row.engine, head: true }, { name: "part", of: (row) => row.product }, { name: "grid", of: (row) => row.grid },
    { name: "missed", of: (row) => row.missed, number: true }, { name: "after", of: (row) => row.after, cell: (row) => EB.toNight(row.after) }, { name: "before", of: (row) => row.before, cell: (row) => EB.toNight(row.before) },
    { name: "usually", of: (row) => row.every_days, cell: (row) => (row.every_days === 1 ? "every night" : `every ${EB.figure(row.every_days)} days`) },
  ], rows, { csv: "missing-nights" })] : [EB.note("No night is missing, by the usual distance of the nights (three nights at least tell it).")]);

  // Every trial that did not end well, newest first, of a class if one is chosen.
  function failures(view, classes) {
    const body = element("div"), all = EB.index.nights.flatMap((night) => night.failed.map((one) => ({ ...one, night: night.night }))).reverse();
    const kinds = EB.distinct(all.map((one) => one.failure_class));
    const fill = () => {
      const wanted = view.get("class", ""), rows = wanted ? all.filter((one) => one.failure_class === wanted) : all;
      body.replaceChildren(EB.table(`Trials that failed or were interrupted${wanted ? `: ${wanted}` : ""}, newest night first`, [
        { name: "night", of: (row) => row.night, cell: (row) => EB.toNight(row.night) }, { name: "trial", of: (row) => row.trial, head: true, cell: (row) => EB.toTrial(row.trial, row.night, row.trial) },
        { name: "of", of: (row) => row.label }, { name: "ended", of: (row) => `${row.status} at ${row.stage}` }, { name: "class", of: (row) => row.failure_class }, { name: "message", of: (row) => row.message },
      ], rows, { csv: "failures", most: 100 }));
    };
    const parts = all.length ? [
      EB.table("Classes of failure (interrupted trials have none)", [
        { name: "class", of: (row) => row.failure_class, head: true }, { name: "trials", of: (row) => row.trials, number: true }, { name: "last", of: (row) => row.last_night, cell: (row) => EB.toNight(row.last_night) },
        { name: "engines", of: (row) => row.engines.join(", ") }, { name: "parts", of: (row) => row.products.join(", ") }, { name: "hosts", of: (row) => row.hosts.join(", ") },
      ], classes), element("div", EB.select(view, "class", "Class", kinds, "all classes"), "controls"), body] : [EB.note("No trial failed or was interrupted.")];
    return { parts, fill };
  }

  function ours(main, view, data) {
    const lead = element("p", null, "lead"), chart = EB.chart("reliability", "share of trials that came to their end, with intervals"), table = element("div"), failed = failures(view, data.classes);
    main.append(lead, element("div", EB.select(view, "by", "By", Object.entries(names)), "controls"), chart, table,
      EB.section("Of what they fail", ...failed.parts), EB.section("How long until it works again", ...[recovery(data.outages)].flat()), EB.section("Missing nights", ...missing(data.missing)));
    return async () => {
      const by = names[view.get("by")] ? view.get("by") : "product", rows = data.by[by], sum = (name) => rows.reduce((total, row) => total + row[name], 0);
      const judged = sum("complete") + sum("failed"), reproduced = data.reproductions ? ` ${EB.counted(data.reproductions, "reproduction")} left out.` : "";
      lead.textContent = `${sum("complete").toLocaleString("en")} of ${EB.counted(judged, "trial")} came to their end (${judged ? EB.percent(sum("complete") / judged) : EB.missing}). ${sum("interrupted") ? `${EB.counted(sum("interrupted"), "interrupted trial")} in no rate: a person or a scheduler ended ${sum("interrupted") === 1 ? "it" : "them"}.` : "None was interrupted."}${reproduced}`;
      const { trace, rows: shown } = chartOf(rows, by, "trials");
      await chart.update({ traces: [trace], layout: layout(shown.length), rows: shown, columns: counted(by), note: `Complete ÷ (complete + failed) by ${names[by]}, with Wilson's 95 % interval.${shown.length < rows.length ? ` ${rows.length - shown.length} with interrupted trials alone have no rate.` : ""}` });
      table.replaceChildren(EB.table(`Trials by ${names[by]}`, counted(by), rows, { csv: `reliability-by-${by}` }));
      failed.fill();
    };
  }

  // Each other tool by itself: what it counts as a job is its own affair.
  function theirs(main, view, data) {
    const tools = EB.distinct(data.told.product.map((row) => row.tool));
    const updates = tools.map((tool) => {
      const chart = EB.chart(`reliability-${tool}`, `jobs that ${tool} tells came to their end, with intervals`), table = element("div"), note = element("p");
      main.append(EB.section(`As told by ${tool}`, note, chart, table));
      return async () => {
        const by = view.get("by") === "month" ? "month" : "product", rows = data.told[by].filter((row) => row.tool === tool), sum = (name) => rows.reduce((total, row) => total + row[name], 0);
        note.textContent = `Not measured here: ${sum("complete").toLocaleString("en")} of ${EB.counted(sum("jobs"), "job")} ended well, as ${tool} tells (${[...new Set(rows.map((row) => row.note).filter(Boolean))].join("; ") || "it does not say what a job is"}). The intervals are Wilson's, as if each job failed by itself; jobs of a day may share a cause, so they are rather too narrow.`;
        const { trace, rows: shown } = chartOf(rows, by, tool);
        await chart.update({ traces: [trace], layout: layout(shown.length), rows: shown, columns: told(by), note: `By ${names[by]}.${shown.length < rows.length ? ` ${rows.length - shown.length} without a job have no rate.` : ""}` });
        table.replaceChildren(EB.table(`Jobs by ${names[by]}, as told by ${tool}`, told(by), rows, { csv: `reliability-${tool}-by-${by}` }));
      };
    });
    return async () => { for (const update of updates) await update(); };
  }

  EB.page("reliability", {
    async draw(main, view) {
      const data = await EB.load("reliability"), updates = [];
      if (data.trials) updates.push(ours(main, view, data));
      else main.append(EB.note("No trial of ours is stored, so there is no rate of our own: a night measures some."));
      if (data.told.product.length) {
        if (!data.trials) main.append(element("div", EB.select(view, "by", "By", [["product", "part"], ["month", "month"]]), "controls"));
        updates.push(theirs(main, view, data));
      }
      return async () => { for (const update of updates) await update(); };
    },
  });
})();
