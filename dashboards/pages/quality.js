"use strict";
// Quality: do the measured servers answer right? Verdicts, scores with intervals over nights, other tools' evaluations apart.
(() => {
  const { element } = EB;
  const verdict = (row) => (row.passed === true ? "passed" : row.passed === false ? "failed" : "not judged");
  const marked = (row) => element("span", verdict(row), row.passed === false ? "bad" : row.passed ? "good" : "waiting");
  const of = (row) => `${row.engine} ${row.precision} on ${row.devices} × ${row.product}, ${row.parallelism}`;
  const worst = (values, down) => { const had = values.filter((one) => one !== null && one !== undefined); return had.length ? (down ? Math.min(...had) : Math.max(...had)) : null; };

  // What can be shown over nights: name to [title, value of a row as {value, low, high, asked} or null].
  const measures = (rows) => {
    const lm = EB.distinct(rows.flatMap((row) => row.lm_eval.map((one) => `${one.task} ${one.metric}`)));
    const plain = (name, title, pick) => [name, title, (row) => { const value = pick(row.checks.map((one) => one[name]));
      return value === null ? null : { value, low: null, high: null, asked: null }; }];
    return new Map([
      ["score", "questions answered right (%)", (row) => {
        const had = row.checks.filter((one) => one.asked).sort((a, b) => a.right / a.asked - b.right / b.asked)[0];
        return had ? { value: had.right / had.asked * 100, low: had.low * 100, high: had.high * 100, asked: had.asked } : null;
      }],
      plain("kl_nats", "KL divergence from the reference (nats/token)", (values) => worst(values)),
      plain("top1_share", "tokens with the reference's likeliest token (share)", (values) => worst(values, true)),
      plain("nll_difference_nats", "negative log-probability less the reference's (nats/token)", (values) => worst(values.map((one) => one === null ? null : Math.abs(one))) === null ? null
        : [...values].filter((one) => one !== null).sort((a, b) => Math.abs(b) - Math.abs(a))[0]),
      ...lm.map((name) => [name, `lm-eval ${name}`, (row) => { const one = row.lm_eval.find((score) => `${score.task} ${score.metric}` === name); return one && one.value !== null ? one : null; }]),
    ].map(([name, title, pick]) => [name, { title, pick }]));
  };

  function traces(rows, pick) {
    return EB.distinct(rows.map(of)).map((curve, n) => {
      const { colour, symbol } = EB.style(n), mine = rows.filter((row) => of(row) === curve), values = mine.map(pick);
      const bar = (end) => values.map((one) => (one[end] === null ? 0 : Math.abs(one[end] - one.value)));
      return {
        type: "scatter", mode: "markers", name: curve, swatch: { symbol, colour }, x: mine.map((row) => row.night), y: values.map((one) => one.value), rows: mine,
        marker: { color: colour, size: 9, symbol: mine.map((row) => (row.passed === false ? `${symbol}-open` : symbol)), line: { color: colour, width: 2 } },
        error_y: { type: "data", symmetric: false, thickness: 1.2, width: 3, color: colour, array: bar("high"), arrayminus: bar("low") },
        text: mine.map((row, i) => EB.hover([`${row.engine} ${row.engine_version}, night ${row.night}`, `${EB.figure(values[i].value)} ${within(values[i])}`, verdict(row), ...row.reasons])), hovertemplate: "%{text}<extra></extra>",
      };
    });
  }
  const within = (one) => (one.low === null ? "(no interval)" : `[${EB.figure(one.low)}, ${EB.figure(one.high)}]${one.asked ? ` of ${one.asked}` : ""}`);
  const scored = (one) => (one === null ? EB.missing : [EB.figure(one.value), " ", element("span", within(one), "interval")]);

  function columns(kinds, chosen) {
    const lm = (row) => row.lm_eval.map((one) => `${one.task} ${one.metric} ${one.value === null ? "no finite number" : EB.figure(one.value)}${one.low === null ? "" : ` [${EB.figure(one.low)}, ${EB.figure(one.high)}]`}${one.asked ? ` of ${one.asked}` : ""}${one.passed === null ? "" : `, floor ${one.floor} ${one.passed ? "passed" : "failed"}`}`).join("; ");
    const figure = (name) => ({ name: kinds.get(name).title, number: true, of: (row) => kinds.get(name).pick(row)?.value ?? null, cell: (row) => scored(kinds.get(name).pick(row)) });
    const shown = EB.distinct(["score", chosen]).filter((name) => ["score", "kl_nats", "top1_share", "nll_difference_nats"].includes(name));
    return [
      { name: "night", of: (row) => row.night, cell: (row) => EB.toNight(row.night) }, { name: "trial", head: true, of: (row) => row.trial, cell: (row) => EB.toTrial(row.trial, row.night, row.trial) },
      { name: "engine", of: (row) => row.engine }, { name: "version", of: (row) => row.engine_version }, { name: "verdict", of: verdict, cell: marked },
      { name: "why", of: (row) => [...row.reasons, ...(row.dummy_weights ? ["dummy weights: answers mean nothing"] : []), ...(row.invalid ? [`invalid: ${row.invalid}`] : []), ...(row.reproduces ? [`reproduces ${row.reproduces}`] : [])].join("; ") },
      ...["score", ...shown.filter((name) => name !== "score")].map(figure),
      { name: "lm-eval", of: lm }, { name: "precision", of: (row) => row.precision }, { name: "on", of: (row) => `${row.devices} × ${row.product}` }, { name: "split", of: (row) => row.parallelism }, { name: "unanswered", of: (row) => row.checks.reduce((sum, one) => sum + one.unanswered, 0), number: true },
      { name: "lost / won against the reference", csv: "lost and won", of: (row) => row.checks.filter((one) => one.lost !== null).map((one) => `${one.lost} / ${one.gained} ${one.when}`).join(", ") || null },
      { name: "host", of: (row) => row.host },
    ];
  }

  function ours(main, view, known) {
    const models = known.models.filter((one) => one.passed + one.failed + one.unjudged);
    const sum = (name) => known.models.reduce((total, one) => total + one[name], 0);
    main.append(element("p", `${EB.counted(sum("passed"), "server start")} passed the gate, ${sum("failed")} failed it, ${sum("unjudged")} could not be judged; ${sum("unasked")} were not asked (they failed before it, or are older than the gate, or the grid asks nothing).`, "lead"));
    if (!models.length) { main.append(EB.note("No server of this store was asked whether it answers right.")); return null; }
    const controls = element("div", null, "controls"), broken = element("div"), table = element("div");
    const go = (row) => { location.hash = EB.address("run", { night: row.night, trial: row.trial }); };
    const chart = EB.chart("quality", "quality of each server start over nights", { pick: go });
    main.append(controls, chart, broken, table);
    let before = "";
    return async () => {
      const model = models.find((one) => one.name === view.get("model")) ?? models.find((one) => one.failed) ?? models[0];
      const rows = EB.rows(await EB.load(`quality/${model.key}`)), kinds = measures(rows), chosen = kinds.has(view.get("measure")) ? view.get("measure") : "score";
      if (before !== model.key) {
        before = model.key;
        const focus = document.activeElement?.name;
        controls.replaceChildren(EB.select(view, "model", "Model", models.map((one) => [one.name, `${one.name} (${one.failed ? `${one.failed} failed` : "none failed"})`])),
          EB.select(view, "measure", "Show", [...kinds].map(([name, one]) => [name, one.title])));
        controls.querySelector("select").value = model.name;
        controls.querySelector(`[name="${focus ?? "none"}"]`)?.focus();
      }
      const { title, pick } = kinds.get(chosen), had = rows.filter((row) => pick(row) !== null), newest = [...rows].reverse();
      await chart.update({
        traces: traces(had, pick), layout: EB.layout("night", title, { xaxis: { type: "date" }, yaxis: chosen === "score" ? { range: [-3, 103] } : {} }), rows: newest, columns: columns(kinds, chosen),
        note: `One mark a server start; hollow: it failed. ${chosen === "score" ? "The worse of before and after the load, with Wilson's 95 % interval. " : ""}${had.length < rows.length ? `${EB.counted(rows.length - had.length, "server start")} without this figure ${rows.length - had.length === 1 ? "is" : "are"} in the table alone.` : ""}`,
      });
      const failed = newest.filter((row) => row.passed === false);
      broken.replaceChildren(EB.section("Failed", failed.length ? EB.table(`Server starts of ${model.name} that gave wrong answers: stored, shown hollow, on no frontier and in no verdict`, columns(kinds, chosen), failed) : EB.note(`No server start of ${model.name} failed the gate.`)));
      table.replaceChildren(EB.section("All server starts", EB.table(`Quality of ${model.name}, newest night first`, columns(kinds, chosen), newest, { csv: "quality", most: 100 })));
    };
  }

  function theirs(main, view, table) {
    const rows = EB.rows(table), tasks = EB.distinct(rows.map((row) => `${row.task} ${row.score}`)), models = EB.distinct(rows.map((row) => row.model));
    const note = element("p"), body = element("div"), chart = EB.chart("evaluations", "scores that other tools tell, over days");
    const server = (row) => [row.engine, row.precision, row.product].filter(Boolean).join(" ");
    const named = (row) => `${row.model} · ${server(row)}`;
    main.append(EB.section("As told by other tools", note, element("div", [EB.select(view, "task", "Task", tasks), EB.select(view, "of", "Model", models, "all models")], "controls"), chart, body));
    return async () => {
      const task = tasks.includes(view.get("task")) ? view.get("task") : tasks[0], model = view.get("of", "");
      const mine = rows.filter((row) => `${row.task} ${row.score}` === task && (!model || row.model === model));
      const tools = EB.distinct(mine.map((row) => row.tool)).join(", "), unlike = EB.distinct(mine.map((row) => row.unlike).filter(Boolean)).join("; ");
      note.textContent = `Not measured here: ${EB.counted(mine.length, "score")} as ${tools || "the tools"} tells them${unlike ? ` (${unlike})` : ""}. They judge no server of ours. ${EB.counted(rows.length - mine.length, "score")} of other tasks or metrics${model ? " or models" : ""} not shown.`;
      const columns = [
        { name: "day", of: (row) => row.night }, { name: "model", of: (row) => row.model, head: true }, { name: "server", of: server },
        { name: "score", of: (row) => row.value, number: true, cell: (row) => [EB.figure(row.value), " ", element("span", within(row), "interval")] },
        { name: "low", of: (row) => row.low, number: true }, { name: "high", of: (row) => row.high, number: true }, { name: "interval", of: (row) => row.interval || "none told" },
        { name: "questions", of: (row) => row.asked, number: true }, { name: "in flight", of: (row) => row.concurrency, number: true }, { name: "told by", of: (row) => row.tool },
        { name: "source", of: (row) => row.url, cell: (row) => (/^https:\/\//.test(row.url ?? "") ? element("a", "its run", { href: row.url, rel: "noreferrer noopener" }) : EB.missing) },
      ];
      const curves = EB.distinct(mine.map((row) => (model ? server(row) : row.model)));
      await chart.update({
        rows: mine, columns, note: "One mark a score, as given, with the 95 % interval that the table names. 0 is a score.",
        layout: EB.layout("day", task, { xaxis: { type: "date" } }),
        traces: curves.map((name, n) => {
          const own = mine.filter((row) => (model ? server(row) : row.model) === name), { colour, symbol } = EB.style(n);
          return { type: "scatter", mode: "markers", name, swatch: { symbol, colour }, x: own.map((row) => row.night), y: own.map((row) => row.value), marker: { color: colour, symbol, size: 7 },
            error_y: { type: "data", symmetric: false, thickness: 1, width: 2, color: colour, array: own.map((row) => (row.high === null ? 0 : row.high - row.value)), arrayminus: own.map((row) => (row.low === null ? 0 : row.value - row.low)) },
            text: own.map((row) => EB.hover([named(row), row.night, `${EB.figure(row.value)} ${within(row)}`, `told by ${row.tool}`])), hovertemplate: "%{text}<extra></extra>" };
        }),
      });
      body.replaceChildren(EB.table(`${task}, as told by ${tools || "no tool"}`, columns, [...mine].reverse(), { csv: "evaluations", most: 100 }));
    };
  }

  EB.page("quality", {
    async draw(main, view) {
      const known = await EB.load("quality"), updates = [];
      if (known.models.length) updates.push(ours(main, view, known));
      else main.append(EB.note("No trial of ours is stored, so no server was asked whether it answers right."));
      if (known.evaluations) updates.push(theirs(main, view, await EB.load("evaluations")));
      return async () => { for (const update of updates) await update?.(); };
    },
  });
})();
