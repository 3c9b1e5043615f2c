"use strict";
// The data: pieces are scripts in data/, loaded once and when first asked for, by which a page works from a disk too.
window.EB = {};
(() => {
  const pieces = new Map(), scripts = new Map();
  let built = "";

  // Load a script of the dashboard once.
  EB.script = (source) => {
    if (!scripts.has(source)) {
      scripts.set(source, new Promise((done, failed) => {
        const element = document.createElement("script");
        element.src = source;
        element.onload = done;
        element.onerror = () => { scripts.delete(source); failed(new Error(`${source} could not be loaded`)); };
        document.head.append(element);
      }));
    }
    return scripts.get(source);
  };

  // What a piece of data calls when it is loaded.
  EB.put = (name, document) => pieces.set(name, document);

  // The piece `name`, as it lies in data/.
  EB.load = async (name) => {
    if (!pieces.has(name)) await EB.script(`data/${name.split("/").map(encodeURIComponent).join("/")}.js${built}`);
    return pieces.get(name);
  };

  // Let all pieces be loaded anew, past what the browser keeps, as they were built at `stamp`.
  EB.forget = (stamp) => { pieces.clear(); built = `?${encodeURIComponent(stamp)}`; };

  // Rows of a table by column. A point has `values`: metric to [centre, low, high, n], null where it has no figure.
  EB.rows = (table) => {
    if (table.rows) return table.rows;
    const rows = Array.from({ length: table.n }, () => ({}));
    for (const [name, column] of Object.entries(table.columns)) {
      const at = Array.isArray(column) ? (i) => column[i] : (i) => column.values[column.codes[i]];
      for (let i = 0; i < table.n; i++) rows[i][name] = at(i);
    }
    if (table.metrics) {
      const metrics = Object.entries(table.metrics);
      rows.forEach((row, i) => {
        row.values = {};
        for (const [name, [centre, low, high, n]] of metrics) row.values[name] = [centre[i], low[i], high[i], n[i]];
      });
    }
    return (table.rows = rows);
  };

  const keyOf = async (model) => (await EB.load("index")).models.find((one) => one.name === model)?.key;

  // The points of a model that stand now: of each load the newest, by its curve's newest version.
  EB.now = async (model) => {
    const key = await keyOf(model);
    return key ? EB.rows(await EB.load(`now/${key}`)) : [];
  };

  // All points of a model in the months chosen, all months unless told.
  EB.history = async (model, wanted = () => true) => {
    const found = (await EB.load("index")).models.find((one) => one.name === model);
    const months = (found?.months ?? []).filter((one) => wanted(one.month));
    const loaded = await Promise.all(months.map((one) => EB.load(`points/${found.key}/${one.month}`)));
    return loaded.flatMap(EB.rows);
  };

  // One trial whole; null where the store has none of the id.
  EB.trial = (night, id) => sharded("trials", "shards", night, id);
  // What went on inside it: distributions, telemetry, what the engine told, the log's end.
  EB.trialDetails = (night, id) => sharded("details", "details", night, id);
  const sharded = async (folder, counted, night, id) => {
    const found = (await EB.load("index")).nights.find((one) => one.night === night);
    if (!found) return null;
    const shard = [...id].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % found[counted];
    return (await EB.load(`${folder}/${night}/${shard}`))[id] ?? null;
  };
})();
