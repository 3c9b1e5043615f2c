"use strict";
// Charts by plotly.js, loaded with the first one. Beside each: a legend of buttons, its table twin, and exports.
(() => {
  // Okabe and Ito's palette, told apart by colour-blind readers; a shape and a dash go with each colour.
  EB.colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#6E6E6E"];
  EB.symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "pentagon"];
  EB.dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
  // Colour, shape and dash of the nth curve: 63 that differ.
  EB.style = (n) => ({ colour: EB.colours[n % EB.colours.length], symbol: EB.symbols[n % EB.symbols.length], dash: EB.dashes[Math.floor(n / EB.colours.length) % EB.dashes.length] });

  // Error bars of plotly, of rows and a metric; a point without interval has none.
  EB.bars = (rows, metric) => ({
    type: "data", symmetric: false, thickness: 1.2, width: 3,
    array: rows.map((row) => spread(row.values[metric], 2)), arrayminus: rows.map((row) => spread(row.values[metric], 1)),
  });
  const spread = (four, end) => (!four || four[end] === null ? 0 : Math.abs(four[end] - four[0]));

  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  EB.layout = (xTitle, yTitle, extra = {}) => {
    const axis = { gridcolor: ink("--line"), zerolinecolor: ink("--line"), linecolor: ink("--line"), automargin: true };
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink("--ink"), family: "system-ui, DejaVu Sans, sans-serif" },
      margin: { t: 12, r: 12, b: 48, l: 60 }, hovermode: "closest", showlegend: false, dragmode: "zoom",
      ...extra,
      xaxis: { ...axis, title: { text: xTitle }, ...extra.xaxis }, yaxis: { ...axis, title: { text: yTitle }, ...extra.yaxis },
    };
  };
  // Text for a hover box: plotly takes some markup, so what comes from the store is made harmless.
  EB.hover = (lines) => lines.map((line) => String(line).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")).join("<br>");

  // A chart that is drawn anew by `update({ traces, layout, columns, rows, note })`. `name` names its files, `label` says to a
  // screen reader what it shows; `columns` and `rows` are its table twin and CSV; `pick(row)` is called for a point clicked.
  EB.chart = (name, label, { pick = null, height = null } = {}) => {
    const plot = EB.element("div", null, { class: "plot", role: "img", "aria-label": `Chart: ${label}. The table below it holds the same figures.` });
    if (height) plot.style.height = `${height}px`;
    const legend = EB.element("ul", null, { class: "legend", "aria-label": "Curves: press to hide or show" });
    const note = EB.note(""), twin = EB.element("div");
    const hidden = new Set();
    let shown = null;
    const picture = async (format) => {
      const title = { text: `${document.title}: ${label}`, font: { size: 13 } };
      const stamp = { text: `enginebench, ${EB.index.store}, built ${EB.index.built_utc}. ${note.textContent}`.slice(0, 230), showarrow: false, xref: "paper", yref: "paper", x: 0, y: -0.28, xanchor: "left", font: { size: 9 } };
      const layout = { ...plot.layout, title, showlegend: true, paper_bgcolor: ink("--ground"), margin: { t: 50, r: 20, b: 110, l: 70 }, annotations: [...(plot.layout.annotations ?? []), stamp] };
      const url = await Plotly.toImage({ data: plot.data, layout }, { format, width: 1200, height: 720 });
      EB.save(`${name}.${format}`, await (await fetchable(url)));
    };
    const tools = EB.element("p", [
      EB.element("button", "PNG", { type: "button", onclick: () => picture("png") }), " ",
      EB.element("button", "SVG", { type: "button", onclick: () => picture("svg") }), " ",
      EB.download("CSV", `${name}.csv`, () => EB.csv(shown.columns, shown.rows)), " ",
      EB.element("button", "Reset zoom", { type: "button", onclick: () => { if (shown) Plotly.relayout(plot, Object.fromEntries(Object.keys(plot.layout).filter((key) => /^[xy]axis/.test(key)).map((key) => [`${key}.autorange`, true]))); } }), " ",
      EB.element("button", "Copy link", { type: "button", onclick: () => navigator.clipboard?.writeText(location.href) }),
    ], "tools");
    const details = EB.element("details", [EB.element("summary", "The same as a table"), twin]);
    details.ontoggle = () => { if (details.open && shown) twin.replaceChildren(EB.table(label, shown.columns, shown.rows)); };
    const box = EB.element("figure", [plot, legend, EB.element("figcaption", [note, tools]), details]);
    let listening = false;
    box.update = async (next) => {
      shown = next;
      await EB.script("vendor/plotly-basic.min.js");
      await attached(plot);
      if (shown !== next) return;
      if (next.layout.height) plot.style.height = `${next.layout.height}px`;
      const traces = next.traces.map((trace) => ({ ...trace, visible: !hidden.has(trace.name) }));
      await Plotly.react(plot, traces, next.layout, { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false });
      note.textContent = next.note ?? "";  // once it is drawn: what it says is what is seen
      if (pick && !listening) { listening = true; plot.on("plotly_click", (event) => { const row = event.points[0].data.rows?.[event.points[0].pointIndex]; if (row) pick(row); }); }
      legend.replaceChildren(...traces.filter((trace) => trace.legend !== false && trace.name).map((trace) => {
        const swatch = EB.element("span", EB.glyph(trace.swatch?.symbol), "swatch");
        swatch.style.color = trace.swatch?.colour ?? "inherit";
        const button = EB.element("button", [swatch, " " + trace.name], { type: "button", "aria-pressed": String(!hidden.has(trace.name)) });
        button.onclick = () => {
          if (hidden.has(trace.name)) hidden.delete(trace.name); else hidden.add(trace.name);
          const off = hidden.has(trace.name);
          button.setAttribute("aria-pressed", String(!off));
          const places = plot.data.flatMap((one, place) => (one.name === trace.name ? [place] : []));
          Plotly.restyle(plot, { visible: !off }, places);
        };
        return EB.element("li", button);
      }));
      if (details.open) twin.replaceChildren(EB.table(label, next.columns, next.rows));
    };
    return box;
  };
  // A chart that stands nowhere has no width; it is drawn once it is put somewhere, within some seconds.
  const attached = async (plot) => { for (let frame = 0; !plot.isConnected && frame < 300; frame++) await new Promise(requestAnimationFrame); };
  const glyphs = { circle: "●", square: "■", diamond: "◆", "triangle-up": "▲", cross: "✚", star: "★", hexagon: "⬢", "triangle-down": "▼", pentagon: "⬟" };
  EB.glyph = (symbol) => glyphs[symbol] ?? "—";
  // A data: address as a blob: fetch may be forbidden from a disk.
  const fetchable = (url) => {
    const [head, body] = [url.slice(0, url.indexOf(",")), url.slice(url.indexOf(",") + 1)];
    const type = head.slice(5).split(";")[0];
    if (!head.includes("base64")) return new Blob([decodeURIComponent(body)], { type });
    return new Blob([Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0))], { type });
  };
})();
