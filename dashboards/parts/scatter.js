"use strict";
// Points over two axes: which stand on the frontier, and how they are drawn. An axis is one of EB.axis; a row is a point with
// its figures: { point, name, x, y, out: why it may stand on no frontier, best: it stands there, by: the row that beats it }.
(() => {
  EB.axisTitle = (axis) => `${axis.metric.title} (${axis.metric.unit})`;

  // ---- where points stand ----
  // Rows with both figures, those that lack one, those that a logarithmic axis has no place for, and the sets of rows that
  // share a frontier: of one model and workload, and of one tool unless `mix`.
  EB.placed = (points, axes, { logs = [], mix = false }) => {
    const rows = points.map((point) => ({ point, x: axes.x.of(point), y: axes.y.of(point) }));
    const lacking = rows.filter((row) => row.x.reason || row.y.reason);
    const both = rows.filter((row) => !row.x.reason && !row.y.reason);
    const off = both.filter((row) => logs.some((axis) => row[axis].four[0] <= 0)), shown = both.filter((row) => !off.includes(row));
    const name = EB.namer(shown.map((row) => row.point)), sets = new Map();
    for (const row of shown) {
      row.name = name(row.point);
      row.out = EB.whyNotEligible(row.point);
      if (row.out) continue;
      const key = JSON.stringify([row.point.model, row.point.workload, mix ? "" : row.point.tool]);
      if (!sets.has(key)) sets.set(key, []);
      sets.get(key).push(row);
    }
    for (const set of sets.values()) {
      const beaten = EB.beaten(set.map((row) => [row.x.four[0], row.y.four[0]]), axes.x.metric.better === "higher", axes.y.metric.better === "higher");
      set.forEach((row, at) => { row.by = beaten[at] === null ? null : set[beaten[at]]; row.best = beaten[at] === null; });
    }
    shown.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : EB.loadOrder(a.point) - EB.loadOrder(b.point)));
    return { shown, lacking, off, sets: [...sets.values()] };
  };
  EB.standing = (row) => (row.hidden ? `not on the chart: ${row.hidden}` : row.out ? `on no frontier: ${row.out}` : row.best ? "on the frontier" : `beaten by ${row.by.name}, ${row.by.point.load}`);
  // How figures of other tools differ from ours of the same name, on these axes.
  EB.unlikes = (row, axes) => EB.distinct([axes.x, axes.y].map((axis) => {
    const how = axis.unlike(row.point);
    return how ? `${axis.metric.title} by ${row.point.tool} is not ours: ${how}` : "";
  }).filter(Boolean));

  // ---- names ----
  const fields = [
    (point) => point.model, (point) => EB.engineOf(point), (point) => point.precision, (point) => EB.partOf(point), (point) => point.parallelism, (point) => point.workload,
    (point) => (point.load_kind === "open" ? "Poisson" : "closed loop"), (point) => (point.tool ? `by ${point.tool}` : point.host), (point) => (point.reproduces ? "reproduction" : ""),
  ];
  // A curve in words: what differs between the points; where nothing does, its engine and part.
  EB.namer = (points) => {
    const differing = fields.filter((of) => new Set(points.map(of)).size > 1);
    return (point) => (differing.length ? differing : [fields[1], fields[3]]).map((of) => of(point)).filter(Boolean).join(" · ");
  };

  // ---- how they are drawn ----
  const wrap = (text, most = 88) => {
    const lines = [""];
    for (const word of text.split(" ")) {
      const last = lines.length - 1;
      if (lines[last] && lines[last].length + word.length > most) lines.push(word); else lines[last] += (lines[last] ? " " : "") + word;
    }
    return lines;
  };
  const figureOf = (axis, found) => `${EB.axisTitle(axis)}: ${EB.figure(found.four[0])} ${EB.interval(found.four)}`;
  const words = (row, axes) => {
    const { point } = row;
    return EB.hover([
      `${point.model} on ${EB.engineOf(point)}`, `${EB.partOf(point)}, ${[point.precision, point.parallelism].filter(Boolean).join(", ")}, ${point.workload} ${point.load}, night ${point.night}`,
      figureOf(axes.y, row.y), figureOf(axes.x, row.x),
      ...(point.tool ? [] : [`${EB.counted(point.starts, "server start")}, ${EB.counted(point.repeats, "run")}; interval over ${point.varies}`]),
      EB.standing(row), ...EB.notes(point), ...EB.unlikes(row, axes), ...(point.marks.length ? [`marks: ${point.marks.join(", ")}`] : []),
    ].flatMap((line) => wrap(line)));
  };
  const ends = (found, end) => (found.four[end] === null ? 0 : Math.abs(found.four[end] - found.four[0]));
  const bars = (rows, axis, color) => (rows.some((row) => row && row[axis].four[1] !== null) ? {
    type: "data", symmetric: false, thickness: 1.2, width: 3, color, array: rows.map((row) => (row ? ends(row[axis], 2) : 0)), arrayminus: rows.map((row) => (row ? ends(row[axis], 1) : 0)),
  } : {});
  // Points that a line joins: a deployment and workload over its loads, in one night where several are shown.
  const lineOf = (point, nightly) => [EB.curveOf(point), point.curve, point.version, nightly ? point.night : ""].join(" ");

  // One trace a group of rows; its curves follow one another with a hole between, each in the order of its loads.
  EB.curves = (name, rows, axes, style, { labelled, nightly }) => {
    const lines = new Map();
    for (const row of rows) { const line = lineOf(row.point, nightly); if (!lines.has(line)) lines.set(line, []); lines.get(line).push(row); }
    const listed = [...lines.values()].flatMap((line, at) => [...(at ? [null] : []), ...line.sort((a, b) => EB.loadOrder(a.point) - EB.loadOrder(b.point))]);
    return {
      name, rows: listed, mode: labelled ? "lines+markers+text" : "lines+markers", swatch: style, text: listed.map((row) => row?.point.load ?? ""), textposition: "top right", textfont: { size: 11 },
      x: listed.map((row) => row?.x.four[0] ?? null), y: listed.map((row) => row?.y.four[0] ?? null), error_x: bars(listed, "x", style.colour), error_y: bars(listed, "y", style.colour),
      hovertext: listed.map((row) => (row ? words(row, axes) : "")), hoverinfo: "text", line: { color: style.colour, width: rows.every((row) => row.point.tool) ? 0.8 : 1.5, dash: style.dash },
      marker: {
        color: style.colour, size: listed.map((row) => (row?.point.tool ? 7 : 10)), symbol: listed.map((row) => style.symbol + (row && EB.hollow(row.point) ? "-open" : "")),
        opacity: listed.map((row) => (!row || row.best || row.out ? 1 : 0.4)),
      },
    };
  };
  // The frontier of each set, named by what differs between sets.
  EB.frontiers = (sets) => {
    const of = [(point) => point.model, (point) => point.workload, (point) => `by ${point.tool || "enginebench"}`].filter((one) => new Set(sets.map((set) => one(set[0].point))).size > 1);
    return sets.map((set) => {
      const best = set.filter((row) => row.best).sort((a, b) => a.x.four[0] - b.x.four[0] || a.y.four[0] - b.y.four[0]);
      const told = of.map((one) => one(set[0].point)).join(" · ");
      return {
        name: told ? `frontier: ${told}` : "frontier", mode: "lines", x: best.map((row) => row.x.four[0]), y: best.map((row) => row.y.four[0]), hoverinfo: "skip", opacity: 0.45,
        line: { color: "#8c8c8c", width: 5, dash: "dot" }, swatch: { colour: "#8c8c8c" },
      };
    });
  };
})();
