"use strict";
// Two slices of server starts held against each other in the browser: the rules, words and order of analysis/slices.py,
// matching.py, estimate.py and compare.py, whose constants come with the data (`starts/index`). A test holds both together.
(() => {
  const { stats } = EB;
  const text = (value) => (value === null || value === undefined ? "not known" : value === true ? "True" : value === false ? "False" : String(value));
  const mistake = (place, what, remedy) => new Error(`${place}: ${what}; ${remedy}`);
  const united = (lists) => EB.distinct(lists.flat());

  // A slice of words as `engine=vllm,night=2026-11-01..`: `analysis.slices.parse`.
  EB.slice = (words, rules) => {
    const wanted = new Map();
    for (const pair of words.split(/,(?=\s*[a-z_]+=)/)) {
      const at = pair.indexOf("="), key = pair.slice(0, Math.max(at, 0)).trim(), value = pair.slice(at + 1).trim();
      if (at < 0 || !value) throw mistake(`slice “${words}”`, `“${pair.trim()}” names no value`, "write KEY=VALUE, as engine_version=0.31.0");
      if (wanted.has(key)) throw mistake(`slice “${words}”`, `“${key}” stands twice`, `write ${key}=ONE|OTHER for either value`);
      if (rules.of_one_run.includes(key)) throw mistake(`slice “${words}”`, `“${key}” tells the runs of one server start apart, and this page compares whole starts`, "ask `enginebench compare`");
      if (!rules.columns.includes(key)) throw mistake(`slice “${words}”`, `no column “${key}”`, `take one of ${rules.columns.join(", ")}`);
      wanted.set(key, value.split("|"));
    }
    return { words, wanted };
  };

  const has = (cell, value, kind, place) => {
    if (value === "none") return cell === null;
    if (kind === "bool") return cell !== null && text(cell).toLowerCase() === value.toLowerCase();
    const dots = value.indexOf(".."), low = dots < 0 ? value : value.slice(0, dots), high = dots < 0 ? "" : value.slice(dots + 2);
    if (kind === "number") {
      if ([low, high].some((end) => end && Number.isNaN(Number(end)))) throw mistake(place, `a column of numbers holds no “${value}”`, "write a number, or LOW..HIGH");
      if (cell === null) return false;
      return dots < 0 ? cell === Number(low) : (!low || cell >= Number(low)) && (!high || cell <= Number(high));
    }
    if (cell === null) return false;
    return dots < 0 ? cell === value : cell >= low && (cell <= high || cell.startsWith(high));
  };
  EB.selected = (starts, slice, rules) => starts.filter((one) => [...slice.wanted].every(([key, values]) => values.some((value) => has(one[key], value, rules.kinds[key], `slice “${slice.words}”`))));

  // The columns that two slices differ in by what they ask for, and those that go with them.
  const askedColumns = (a, b, rules) => {
    const keys = new Set([...a.wanted.keys(), ...b.wanted.keys()]);
    const named = [...keys].filter((key) => JSON.stringify(a.wanted.get(key)) !== JSON.stringify(b.wanted.get(key)));
    return new Set([...named, ...named.flatMap((key) => rules.goes_with[key] ?? [])]);
  };

  const grouped = (points, names) => {
    const groups = new Map();
    for (const point of points) {
      const at = JSON.stringify(names.map((name) => text(point.row[name])));
      if (!groups.has(at)) groups.set(at, []);
      groups.get(at).push(point);
    }
    return groups;
  };
  const at = (point, names) => JSON.stringify(names.map((name) => text(point.row[name])));
  const inWords = (names) => names.map((name) => ({ asked: "number of requests, warm-up, shortest time or SLO", series: "the model's source" })[name] ?? name).join(" and ") || "nothing";
  const several = (same, others, rules) => {
    const members = others.length > same.length ? others : same;
    const names = rules.of_series.filter((name) => name !== "series" && new Set(members.map((one) => text(one.row[name]))).size > 1);
    return `several of one slice match, apart in ${inWords(names)}: name one in the slice`;
  };
  const whyAlone = (point, near, key) => {
    const apart = near.map((one) => key.filter((name) => text(point.row[name]) !== text(one.row[name])));
    if (!apart.length) return "";
    const fewest = apart.reduce((least, one) => (one.length < least.length ? one : least));
    return `not asked for, but different: ${inWords(fewest.filter((name) => name !== "series" || fewest.length === 1))}`;
  };
  const order = ["model", "workload", "load_kind", "concurrency", "rate_rps"];
  const sides = (starts) => {
    const first = new Map();
    for (const one of starts) if (!first.has(one.series)) first.set(one.series, { series: one.series, row: one });
    const rank = (u, v) => (u === v ? 0 : u === null ? 1 : v === null ? -1 : u < v ? -1 : 1);
    return [...first.values()].sort((p, q) => order.reduce((found, name) => found || rank(p.row[name], q.row[name]), 0));
  };
  const matched = (a, b, asked, rules) => {
    const known = [...rules.of_series, ...rules.workload, ...rules.load].some((name) => asked.has(name));
    let key = rules.of_series.filter((name) => !asked.has(name) && !(known && name === "series"));
    if ([...rules.workload, ...rules.load, "asked"].some((name) => asked.has(name))) key = [...key, ...rules.workload, ...rules.load].filter((name) => name !== "asked" && !asked.has(name));
    const loose = ["model", ...rules.workload, ...rules.load].filter((name) => !asked.has(name));
    const both = [sides(a), sides(b)], byKey = both.map((side) => grouped(side, key)), pairs = [];
    for (const [place, same] of byKey[0]) {
      const others = byKey[1].get(place) ?? [];
      if (same.length === 1 && others.length === 1) pairs.push({ a: same[0], b: others[0] });
    }
    const taken = [new Set(pairs.map((one) => one.a.series)), new Set(pairs.map((one) => one.b.series))];
    const free = both.map((side, i) => side.filter((point) => !taken[i].has(point.series)));
    const byLoad = free.map((side) => grouped(side, loose));
    const alone = [0, 1].flatMap((own) => free[own].map((point) => {
      const others = byKey[1 - own].get(at(point, key)) ?? [], near = byLoad[1 - own].get(at(point, loose)) ?? [];
      return { side: "AB"[own], point, why: others.length ? several(byKey[own].get(at(point, key)), others, rules) : whyAlone(point, near, key) };
    }));
    return { pairs, alone };
  };

  const valuesOf = (starts, name) => {
    if (name === "marks") { const found = united(starts.map((one) => one.marks)); return found.length ? found : ["none"]; }
    return EB.distinct(starts.map((one) => text(one[name])));
  };
  const differences = (a, b, asked, rules) => rules.environment
    .map((column) => ({ column, a: valuesOf(a, column), b: valuesOf(b, column), asked: asked.has(column) }))
    .filter((one) => JSON.stringify(one.a) !== JSON.stringify(one.b))
    .sort((p, q) => p.asked - q.asked);

  // Starts of a slice by point, and why those are left out that no verdict may rest on: `analysis.starts.of_starts`.
  const WRONG = "the server gave wrong answers";
  const judgedStarts = (starts, rules) => {
    const point = (one) => JSON.stringify(rules.point.map((name) => one[name])), bad = new Set(starts.filter((one) => one.wrong).map(point));
    const wrong = (one) => bad.has(point(one)), points = new Map(), own = new Map(), leftOut = new Map();
    for (const one of starts) {
      if (!own.has(one.series)) own.set(one.series, []);
      own.get(one.series).push(one);
      if (!one.sound || wrong(one)) continue;
      if (!points.has(one.series)) points.set(one.series, []);
      points.get(one.series).push(one);
    }
    const words = (one) => (wrong(one) ? [...one.marks.filter((mark) => rules.why_out.includes(mark)), ...one.out] : one.out);
    for (const [series, some] of own) if (!points.has(series)) leftOut.set(series, some.some(wrong) ? WRONG : `every run is left out: ${united(some.map(words)).join(", ")}`);
    const out = starts.reduce((sum, one) => sum + (wrong(one) ? one.runs : one.runs - one.sound), 0);
    const all = starts.reduce((sum, one) => sum + one.runs, 0);
    return { points, leftOut, told: out ? `${out} of ${all} runs left out: ${united(starts.map(words)).join(", ")}` : "" };
  };

  const LOGS = "Welch's t on logs of per-start means", RAW = "Welch's t on per-start means, for some are 0; the ratio's interval takes A's mean as known";
  const tooFew = (n, m) => `an interval needs 2 server starts of each: A has ${n || "none"}, B ${m || "none"}`;
  const estimate = (given) => ({ ratio: null, low: null, high: null, p: null, pEquivalent: null, df: null, method: LOGS, lack: "", over: "", ...given });
  const ratioOf = (a, b, margin, rules, over = "") => {
    const counts = { nA: a.length, nB: b.length, over };
    if (Math.min(a.length, b.length) < rules.least) return estimate({ ...counts, ratio: a.length && b.length ? Math.exp(stats.mean(b) - stats.mean(a)) : null, lack: tooFew(a.length, b.length) });
    const found = stats.welch(a, b, Math.log1p(margin));
    return estimate({ ...counts, ratio: Math.exp(found.difference), low: Math.exp(found.low), high: Math.exp(found.high), p: found.p, pEquivalent: found.pBeyond, df: found.df });
  };
  const logsOf = (starts, metric) => starts.map((one) => one.logs[metric]).filter((one) => one !== null && one !== undefined);
  const valuesOfMetric = (starts, metric) => starts.map((one) => (one.means[metric] !== undefined ? one.means[metric] : one.logs[metric] ?? null)).filter((one) => one !== null);
  const withZeros = (a, b, margin, rules) => {
    const counts = { nA: a.length, nB: b.length, method: RAW };
    if (!a.length || !b.length) return estimate({ ...counts, lack: tooFew(a.length, b.length) });
    const base = stats.mean(a), few = Math.min(a.length, b.length) < rules.least;
    if (base <= 0) {
      if (new Set([...a, ...b]).size > 1 || few) return estimate({ ...counts, lack: "A is 0: no ratio to it" });
      return estimate({ ...counts, ratio: 1, low: 1, high: 1, p: 1, pEquivalent: 0, df: Infinity });
    }
    if (few) return estimate({ ...counts, ratio: stats.mean(b) / base, lack: tooFew(a.length, b.length) });
    const found = stats.welch(a, b, margin * base);
    return estimate({ ...counts, ratio: stats.mean(b) / base, low: 1 + found.low / base, high: 1 + found.high / base, p: found.p, pEquivalent: found.pBeyond, df: found.df });
  };
  const figureOf = (a, b, metric, margin, rules) => {
    const values = [a, b].map((side) => valuesOfMetric(side, metric));
    if (!values[0].length && !values[1].length) return null;
    const logs = [a, b].map((side) => logsOf(side, metric));
    if (logs.every((one, i) => one.length === values[i].length)) return ratioOf(logs[0], logs[1], margin, rules);
    return withZeros(values[0], values[1], margin, rules);
  };
  // Of the starts that have all metrics at all loads, a row each: per load, the metric's log.
  const whole = (loads, ...metrics) => {
    const trials = loads.map((starts) => new Map(starts.map((one) => [one.trial, one])));
    const common = [...trials[0].keys()].filter((trial) => trials.every((one) => one.has(trial))).sort();
    const rows = common.map((trial) => metrics.flatMap((metric) => trials.map((one) => one.get(trial).logs[metric] ?? null)));
    return rows.filter((row) => row.every((one) => one !== null));
  };
  const overLoads = (loads, metric, margin, rules) => {
    const sidesOf = [0, 1].map((side) => whole(loads.map((load) => load[side]), metric).map(stats.mean));
    const found = ratioOf(sidesOf[0], sidesOf[1], margin, rules);
    return { ...found, lack: found.lack && `${found.lack} with all loads` };
  };
  const knots = (row, count) => {
    const at = new Map();
    for (let i = 0; i < count; i++) at.set(row[i], [...(at.get(row[i]) ?? []), row[count + i]]);
    const x = [...at.keys()].sort((a, b) => a - b);
    return [x, x.map((one) => stats.mean(at.get(one)))];
  };
  const atEqualSpeed = (loads, margin, rules) => {
    const curves = [0, 1].map((side) => whole(loads.map((load) => load[side]), rules.speed, rules.rate).map((row) => knots(row, loads.length)));
    const counts = { nA: curves[0].length, nB: curves[1].length };
    if (!counts.nA || !counts.nB) return estimate({ ...counts, lack: `${tooFew(counts.nA, counts.nB)} with all loads` });
    const all = curves.flat(), low = Math.max(...all.map(([x]) => x[0])), high = Math.min(...all.map(([x]) => x[x.length - 1]));
    if (low >= high) return estimate({ ...counts, lack: "the curves share no range of interactivity" });
    const means = curves.map((side) => side.map(([x, y]) => stats.curveMean(x, y, low, high)));
    return ratioOf(means[0], means[1], margin, rules, `${short(Math.exp(low))} to ${short(Math.exp(high))} tok/s/user`);
  };
  // Four digits as Python's `.4g` writes them.
  const short = (value) => (value >= 1e4 ? value.toExponential(3).replace(/\.?0+e/, "e").replace(/e([+-])(\d)$/, "e$10$2") : String(Number(value.toPrecision(4))));

  const parts = (point) => [point.row.model, point.row.precision, point.row.engine_kind, `on ${point.row.devices} × ${point.row.product}`, `${point.row.parallelism},`, point.row.workload].map(text);
  const subjects = (pairs) => {
    const words = pairs.map((pair) => { const [a, b] = [parts(pair.a), parts(pair.b)]; return a.map((one, i) => (one === b[i] ? one : `${one} → ${b[i]}`)).join(" "); });
    const curves = pairs.map((pair) => `${pair.a.row.curve} ${pair.b.row.curve}`), alike = new Map();
    for (const both of new Set(words.map((one, i) => JSON.stringify([one, curves[i]])))) { const [one] = JSON.parse(both); alike.set(one, (alike.get(one) ?? 0) + 1); }
    return pairs.map((pair, i) => ({ words: alike.get(words[i]) > 1 ? `${words[i]} (curve ${curves[i].slice(0, 6)})` : words[i], curve: `${curves[i]} ${pair.a.row.load_kind}` }));
  };
  const judged = (kind, of, load, metric, found, verdict = "insufficient", why = "") => ({ kind, subject: of.words, curve: of.curve, load, metric, verdict, why, estimate: found, pAdjusted: null });

  const ofPoint = (pair, of, [a, b], metrics, margin, rules) => {
    const load = [...new Set([text(pair.a.row.load), text(pair.b.row.load)])].join(" → ");
    const out = [["A", a, pair.a.series], ["B", b, pair.b.series]].filter(([, one, series]) => one.leftOut.has(series)).map(([name, one, series]) => [name, one.leftOut.get(series)]);
    return metrics.flatMap((metric) => {
      if (out.length) return [judged("point", of, load, metric, null, out.some(([, why]) => why === WRONG) ? "incomparable" : "insufficient", out.map(([name, why]) => `${name}: ${why}`).join("; "))];
      const found = figureOf(a.points.get(pair.a.series), b.points.get(pair.b.series), metric, margin, rules);
      return found ? [judged("point", of, load, metric, found)] : [];
    });
  };
  const ofCurve = (group, of, [a, b], metrics, margin, rules) => {
    const loads = group.map((pair) => [a.points.get(pair.a.series), b.points.get(pair.b.series)]).filter(([one, other]) => one && other);
    const having = (...names) => loads.filter((load) => load.every((side) => names.every((name) => logsOf(side, name).length)));
    const kind = group[0].a.row.load_kind, found = [];
    for (const metric of metrics) {
      const some = having(metric);
      if (some.length > 1) found.push(judged("curve", of, `mean over ${some.length} ${kind} loads`, metric, overLoads(some, metric, margin, rules)));
    }
    const some = having(rules.speed, rules.rate);
    if (metrics.includes(rules.rate) && some.length > 1) {
      const one = atEqualSpeed(some, margin, rules);
      found.push(judged("curve", of, `at equal interactivity${one.over && `, ${one.over}`}`, rules.rate, one));
    }
    return found;
  };

  const verdictOf = (of, p, margin, rules) => {
    const one = of.estimate;
    if (one.ratio === null && of.kind === "point") {
      const empty = !one.nA ? "A" : !one.nB ? "B" : "";
      return empty ? ["missing", `no figure in ${empty}`] : ["incomparable", one.lack];
    }
    if (one.ratio === null || p === null || one.low === null || one.pEquivalent === null) return ["insufficient", one.lack];
    const great = one.ratio <= 0 || Math.max(one.ratio, 1 / one.ratio) >= 1 + margin, holds = one.low <= 1 && 1 <= one.high;
    if (p <= rules.false_share && !holds && great) return [one.ratio > 1 === (EB.index.metrics[of.metric].better === "higher") ? "better" : "worse", ""];
    if (one.pEquivalent <= rules.equivalent) return ["no change", ""];
    const percent = Number((margin * 100).toPrecision(6));
    if (holds) return ["insufficient", `the interval holds 1 and more than ±${percent} %`];
    if (!great) return ["insufficient", `differs by less than ${percent} %, though that is not sure`];
    return ["insufficient", `p is above ${rules.false_share}`];
  };
  const sentenced = (rows, margin, rules) => {
    const known = rows.filter((one) => one.estimate !== null && one.estimate.p !== null), ps = stats.adjusted(known.map((one) => one.estimate.p));
    known.forEach((one, i) => { one.pAdjusted = ps[i]; });
    for (const one of rows) if (one.estimate !== null) [one.verdict, one.why] = verdictOf(one, one.pAdjusted, margin, rules);
    return rows;
  };
  const outcome = (curves, points) => {
    const found = new Set([...curves, ...points].map((one) => one.verdict)), onCurve = new Set(curves.map((one) => `${one.curve} ${one.metric}`));
    const unsure = [...curves, ...points.filter((one) => !onCurve.has(`${one.curve} ${one.metric}`))].some((one) => one.verdict === "insufficient");
    if (found.has("worse") || found.has("incomparable")) return found.has("worse") ? "worse" : "incomparable";
    if (unsure || !(found.has("better") || found.has("no change"))) return "insufficient";
    return found.has("better") ? "better" : "no change";
  };

  // `analysis.compare.compare` of starts; throws one sentence for a slice without starts and for a start in both.
  EB.compare = (starts, a, b, metrics, margin, rules) => {
    const chosen = [a, b].map((slice) => EB.selected(starts, slice, rules));
    chosen.forEach((some, i) => { if (!some.length) throw mistake(`slice “${[a, b][i].words}”`, "no run in the store is of it", "choose among what the store has"); });
    const inA = new Set(chosen[0]), twice = chosen[1].find((one) => inA.has(one));
    if (twice) throw mistake(`“${a.words}” and “${b.words}”`, `trial ${twice.trial} is in both`, "name slices that share no run");
    const asked = askedColumns(a, b, rules), { pairs, alone } = matched(chosen[0], chosen[1], asked, rules);
    const of = [0, 1].map((i) => {
      const series = new Set(pairs.map((pair) => (i ? pair.b : pair.a).series));
      return pairs.length ? chosen[i].filter((one) => series.has(one.series)) : chosen[i];
    });
    const judging = chosen.map((some) => judgedStarts(some, rules)), told = subjects(pairs), groups = new Map();
    const points = pairs.flatMap((pair, i) => ofPoint(pair, told[i], judging, metrics, margin, rules));
    pairs.forEach((pair, i) => { const key = JSON.stringify(told[i]); if (!groups.has(key)) groups.set(key, [told[i], []]); groups.get(key)[1].push(pair); });
    const curves = [...groups.values()].flatMap(([one, group]) => ofCurve(group, one, judging, metrics, margin, rules));
    sentenced(curves, margin, rules);
    sentenced(points, margin, rules);
    for (const one of alone) {
      points.push(judged("point", { words: parts(one.point).join(" "), curve: "" }, text(one.point.row.load), "", null, one.why ? "incomparable" : "missing", `only in ${one.side}${one.why ? `: ${one.why}` : ""}`));
    }
    return {
      differences: differences(of[0], of[1], asked, rules), matched: pairs.length, alone, curves, points, outcome: outcome(curves, points), counts: chosen.map((some) => some.length),
      leftOut: of.map((some, i) => { const line = judgedStarts(some, rules).told; return line && `${"AB"[i]}: ${line}`; }).filter(Boolean),
    };
  };

  // Rows of the pieces `starts/…`: each with `logs` and `means` by metric.
  EB.startRows = (piece) => {
    if (piece.made) return piece.made;
    const rows = EB.rows(piece);
    rows.forEach((row, i) => {
      row.logs = Object.fromEntries(Object.entries(piece.logs).map(([name, column]) => [name, column[i]]));
      row.means = Object.fromEntries(Object.entries(piece.values).map(([name, column]) => [name, column[i]]));
    });
    return (piece.made = rows);
  };
})();
