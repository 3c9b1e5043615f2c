"use strict";
// Any two slices held against each other, in the browser: what differs first, then coverage, curves and points with verdicts.
(() => {
  const { element } = EB;
  const editable = [["model", "Model"], ["engine", "Engine"], ["engine_version", "Version"], ["product", "Part"], ["precision", "Precision"], ["parallelism", "Parallelism"]];
  const order = ["worse", "better", "no change", "insufficient", "incomparable", "missing"];
  const looks = { worse: ["worse", "triangle-down", "--bad"], better: ["better", "triangle-up", "--good"], "no change": ["no change", "circle", "--ink"], insufficient: ["insufficient", "circle-open", "--soft"] };
  const classes = { worse: "worse", better: "better", insufficient: "waiting", incomparable: "waiting", missing: "waiting" };
  const shell = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
  const counted = (rows) => order.map((verdict) => [rows.filter((one) => one.verdict === verdict).length, verdict]).filter(([count]) => count).map(([count, verdict]) => `${count} ${verdict}`).join(", ") || "nothing";

  // Slice words as pairs, for the choices; null where they can't be read.
  const read = (words, rules) => { try { return words ? EB.slice(words, rules).wanted : new Map(); } catch { return null; } };
  const written = (wanted) => [...wanted].map(([key, values]) => `${key}=${values.join("|")}`).join(",");

  // Words and choices of one slice; both say the same.
  const editor = (view, key, title, choices, rules) => {
    const words = element("input", null, { type: "text", name: key, spellcheck: "false", autocomplete: "off", placeholder: "engine_version=0.31.0,product=…" });
    words.onchange = () => view.set({ [key]: words.value.trim() });
    const boxes = editable.map(([name, label]) => {
      const box = element("select", null, { name: `${key}.${name}` });
      box.onchange = () => {
        const wanted = new Map(read(words.value.trim(), rules) ?? []);
        if (box.value) wanted.set(name, [box.value]); else wanted.delete(name);
        view.set({ [key]: written(wanted) });
      };
      return { name, box, label: element("label", [`${label} `, box]) };
    });
    const days = element("input", null, { type: "text", name: `${key}.night`, placeholder: "2026-11-01..2026-11-24", size: "22" });
    days.onchange = () => {
      const wanted = new Map(read(words.value.trim(), rules) ?? []);
      if (days.value.trim()) wanted.set("night", days.value.trim().split("|")); else wanted.delete("night");
      view.set({ [key]: written(wanted) });
    };
    const sync = () => {
      words.value = view.get(key) ?? "";
      const wanted = read(words.value, rules);
      for (const { name, box } of boxes) {
        const given = wanted?.get(name), others = [...(wanted ?? [])].filter(([other]) => other !== name && editable.some(([one]) => one === other));
        const fit = choices.filter((row) => others.every(([other, values]) => values.includes(String(row[other]))));
        const values = EB.distinct([...fit.map((row) => row[name]).filter((one) => one !== null), ...(given?.length === 1 ? given : [])]);
        const several = given?.length > 1 ? [element("option", given.join(" or "), { value: "several" })] : [];
        box.replaceChildren(element("option", "any", { value: "" }), ...several, ...values.map((value) => element("option", value, { value })));
        box.value = several.length ? "several" : given?.[0] ?? "";
        box.disabled = wanted === null;
      }
      days.value = wanted?.get("night")?.join("|") ?? "";
      days.disabled = wanted === null;
    };
    const whole = element("label", ["In words: KEY=VALUE, several values apart by |, a range as LOW..HIGH ", words]);
    const made = element("fieldset", [element("legend", title), element("div", [...boxes.map((one) => one.label), element("label", ["Nights ", days])], "controls"), whole], "slice");
    return { made, sync };
  };

  // Newest version against the one before, of each model, engine and part that has two.
  const suggestions = (choices) => {
    const groups = new Map();
    for (const row of choices) {
      const key = JSON.stringify([row.model, row.engine, row.product]);
      if (!groups.has(key)) groups.set(key, new Map());
      const versions = groups.get(key), span = versions.get(row.engine_version) ?? { first: row.first, last: row.last };
      versions.set(row.engine_version, { first: span.first < row.first ? span.first : row.first, last: span.last > row.last ? span.last : row.last });
    }
    return [...groups].filter(([, versions]) => versions.size > 1).map(([key, versions]) => {
      const [model, engine, product] = JSON.parse(key);
      const rank = ([version, span]) => `${span.last} ${span.first} ${version.replace(/\d+/g, (digits) => digits.padStart(9, "0"))}`;
      const [[old], [recent]] = [...versions].sort((p, q) => (rank(p) < rank(q) ? -1 : 1)).slice(-2);
      const words = (version) => `model=${model},engine=${engine},product=${product},engine_version=${version}`;
      return element("li", EB.link(`${model}, ${engine} on ${product}: ${recent} against ${old}`, "compare", { a: words(old), b: words(recent) }));
    });
  };

  // The months that a slice's nights may lie in, and the models it may be of.
  const within = (month, values) => !values || values.some((value) => {
    const [low, high] = value.includes("..") ? value.split("..") : [value, value];
    return (!low || month >= low.slice(0, 7)) && (!high || month <= high.slice(0, 7));
  });
  const loaded = async (index, slices) => {
    const wanted = index.models.flatMap((one) => one.months
      .filter((month) => slices.some(({ wanted: of }) => (!of.has("model") || of.get("model").includes(one.name)) && within(month, of.get("night"))))
      .map((month) => `starts/${one.key}/${month}`));
    return (await Promise.all(wanted.map((name) => EB.load(name)))).flatMap(EB.startRows);
  };

  const verdictCell = (one) => element("span", [element("strong", one.verdict), one.why ? `: ${one.why}` : ""], classes[one.verdict] ?? "");
  const percent = (ratio) => (ratio === null || ratio === undefined ? null : (ratio - 1) * 100);
  const of = (one) => one.estimate ?? {};
  const columns = [
    { name: "of", of: (one) => one.subject, head: true }, { name: "load", of: (one) => one.load }, { name: "metric", of: (one) => (one.metric ? EB.index.metrics[one.metric].title : "") },
    { name: "B against A", csv: "B / A − 1 (%)", of: (one) => percent(of(one).ratio), cell: (one) => EB.change(of(one).ratio), number: true },
    { name: "95 % interval", csv: "low (%)", of: (one) => percent(of(one).low), cell: (one) => (of(one).low === null || of(one).low === undefined ? EB.missing : `[${EB.change(of(one).low)}, ${EB.change(of(one).high)}]`), number: true },
    { name: "p, corrected", of: (one) => one.pAdjusted, cell: (one) => (one.pAdjusted === null ? EB.missing : one.pAdjusted < 1e-4 ? "< 0.0001" : one.pAdjusted.toPrecision(2)), number: true },
    { name: "starts", csv: "starts A and B", of: (one) => (one.estimate ? `${one.estimate.nA} and ${one.estimate.nB}` : null), number: true },
    { name: "verdict", of: (one) => `${one.verdict}${one.why ? `: ${one.why}` : ""}`, cell: verdictCell },
  ];
  const csvColumns = [...columns.slice(0, 5), { name: "high (%)", of: (one) => percent(of(one).high) }, ...columns.slice(5)];

  const drawn = (rows) => {
    const shown = rows.filter((one) => of(one).ratio > 0);
    const label = (one, place) => `${place + 1}. ${EB.index.metrics[one.metric].title}, ${one.load.split(",")[0]}`;
    const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const traces = Object.entries(looks).map(([verdict, [name, symbol, colour]]) => {
      const some = shown.map((one, place) => [one, place]).filter(([one]) => (looks[one.verdict] ? one.verdict : "insufficient") === verdict);
      return {
        type: "scatter", mode: "markers", name, x: some.map(([one]) => percent(one.estimate.ratio)), y: some.map(([one, place]) => label(one, place)), swatch: { symbol: symbol.replace("-open", ""), colour: ink(colour) },
        error_x: { type: "data", symmetric: false, thickness: 1.4, width: 4, array: some.map(([one]) => (one.estimate.high === null ? 0 : percent(one.estimate.high) - percent(one.estimate.ratio))), arrayminus: some.map(([one]) => (one.estimate.low === null ? 0 : percent(one.estimate.ratio) - percent(one.estimate.low))) },
        marker: { symbol, color: ink(colour), size: 9 }, hoverinfo: "text", hovertext: some.map(([one]) => EB.hover([one.subject, `${one.load}, ${EB.title(one.metric)}`, `${EB.change(one.estimate.ratio)} [${EB.change(one.estimate.low)}, ${EB.change(one.estimate.high)}]`, `${one.estimate.nA} and ${one.estimate.nB} server starts: ${one.verdict}`])),
      };
    }).filter((trace) => trace.x.length);
    return { shown, traces, labels: shown.map(label) };
  };

  EB.page("compare", {
    async draw(main, view) {
      const index = await EB.load("starts/index"), { rules } = index, choices = EB.rows(index.choices);
      main.append(element("p", "Slice B held against slice A: only points that are the same but for what the slices differ in, with the verdicts of “enginebench compare”.", "lead"));
      if (!index.models.length) { main.append(EB.note("The store has no runs of its own, so there is nothing to compare: figures of other tools have no server starts to tell noise by.")); return () => {}; }
      await Promise.all(["stats", "compare"].map((part) => EB.script(`parts/${part}.js`)));
      const a = editor(view, "a", "A, the one before", choices, rules), b = editor(view, "b", "B, the one after", choices, rules);
      const shownByDefault = rules.shown.filter((name) => index.metrics.includes(name)), result = element("div", null, { "aria-live": "polite" });
      const controls = element("div", null, "controls");
      const chosen = () => [
        EB.several(view, "metric", "Metrics", index.metrics.map((name) => [name, EB.index.metrics[name].title]), shownByDefault),
        EB.input(view, "margin", "A difference matters from, %", { min: "0.1", max: "99", placeholder: String(rules.margin * 100) }),
        element("button", "Swap A and B", { type: "button", name: "swap", onclick: () => view.set({ a: view.get("b"), b: view.get("a") }) }),
      ];
      main.append(element("form", [a.made, b.made], { onsubmit: () => false, class: "slices" }), controls, result);
      const chart = EB.chart("compare", "B against A with 95 % intervals", { height: 300 });
      let turn = 0;
      return async () => {
        const mine = ++turn;
        a.sync(); b.sync();
        EB.renew(controls, chosen());
        if (!view.get("a") || !view.get("b")) {
          const found = suggestions(choices);
          result.replaceChildren(element("p", found.length ? "Choose both slices above, or take the newest version against the one before:" : "Choose both slices above: the store has only one version of each engine."), element("ul", found));
          return;
        }
        try {
          const slices = [EB.slice(view.get("a"), rules), EB.slice(view.get("b"), rules)], share = Number(view.get("margin") || rules.margin * 100) / 100;
          if (!(share > 0 && share < 1)) throw new Error(`A margin of ${share * 100} % is no share between 0 and 100 %; write it as 2`);
          const starts = await loaded(index, slices), asked = view.list("metric").filter((name) => index.metrics.includes(name));
          if (mine !== turn) return;
          await show(result, chart, EB.compare(starts, slices[0], slices[1], asked.length ? asked : shownByDefault, share, rules), slices, share, asked, rules);
        } catch (error) { result.replaceChildren(element("p", error.message, { role: "alert", class: "bad" })); }
      };
    },
  });

  async function show(result, chart, found, slices, share, asked, rules) {
    const only = (side) => found.alone.filter((one) => one.side === side).length, percentOf = Number((share * 100).toPrecision(6));
    const unasked = found.differences.filter((one) => !one.asked);
    const told = (values) => (values.length > 4 ? `${values.length} values: ${values.slice(0, 3).join(", ")}, …` : values.join(", "));
    const command = ["enginebench", "compare", slices[0].words, slices[1].words, ...asked.flatMap((name) => ["--metric", name]), ...(share === rules.margin ? [] : ["--margin", `${percentOf}%`]), "--store", EB.index.store];
    const pages = [
      element("h2", [element("span", found.outcome, classes[found.outcome] ?? ""), `: B against A`], { id: "outcome" }),
      element("p", `${EB.counted(found.matched, "point")} in both, ${only("A")} only in A, ${only("B")} only in B. Curves: ${counted(found.curves)}. Points: ${counted(found.points)}.`),
      ...found.leftOut.map((line) => EB.note(line)),
      EB.section("What differs", element("p", unasked.length ? `${EB.counted(unasked.length, "thing")} differ${unasked.length === 1 ? "s" : ""} though not asked for, and so may be the cause of what is seen.` : "Nothing that is recorded differs but what was asked for and what goes with it.", unasked.length ? "warn" : null),
        found.differences.length ? EB.table("Environment of A and of B", [
          { name: "what", of: (one) => one.column, head: true }, { name: "A", of: (one) => told(one.a), hint: (one) => one.a.join(", ") }, { name: "B", of: (one) => told(one.b), hint: (one) => one.b.join(", ") },
          { name: "why", of: (one) => (one.asked ? "as asked, or with it" : "not asked for: may be the cause") },
        ], found.differences) : null),
    ];
    const rows = found.curves.length ? found.curves : found.points, { shown, traces, labels } = drawn(rows);
    if (shown.length) pages.push(EB.section(found.curves.length ? "Curves" : "Points, none of which is on a curve of several loads", chart, tableOf("Every load of a curve in one verdict", found.curves)));
    else if (found.curves.length) pages.push(EB.section("Curves", tableOf("Every load of a curve in one verdict", found.curves)));
    pages.push(EB.section("Points", tableOf("Each load by itself", found.points)));
    pages.push(EB.section("How it is judged", EB.note(`better, worse: the 95 % interval of B / A excludes 1, it is off by ${percentOf} % or more, and p, corrected for many (Benjamini and Hochberg, curves and points apart), is at most ${rules.false_share}. no change: surely within ${percentOf} % by two one-sided tests at 5 %. insufficient: neither is shown. Intervals: ${EB.distinct([...found.curves, ...found.points].filter((one) => of(one).low !== null && of(one).low !== undefined).map((one) => one.estimate.method)).join("; ") || "none could be had"}.`),
      element("p", "The same on a terminal:"), element("pre", command.map(shell).join(" "))));
    result.replaceChildren(...pages.filter(Boolean));
    if (!shown.length) return;
    chart.firstChild.style.height = `${Math.min(900, 120 + 26 * shown.length)}px`;
    await chart.update({
      traces, columns: csvColumns, rows: shown, note: `${EB.counted(shown.length, "ratio")} of ${rows.length} shown; ${rows.length - shown.length} have no ratio. The numbers are those of the table's rows; the dotted lines are the margin.`,
      layout: EB.layout("B against A (%)", "", {
        yaxis: { categoryorder: "array", categoryarray: [...labels].reverse(), automargin: true }, xaxis: { zeroline: true, zerolinewidth: 2 },
        shapes: [-percentOf, percentOf].map((x) => ({ type: "line", xref: "x", yref: "paper", x0: x, x1: x, y0: 0, y1: 1, line: { dash: "dot", width: 1, color: "#888888" } })),
      }),
    });
  }
  const tableOf = (caption, rows) => (rows.length ? element("div", [EB.table(caption, columns, rows, { most: 60 }), element("p", EB.download("CSV", "compare.csv", () => EB.csv(csvColumns, rows)), "tools")]) : null);
})();
