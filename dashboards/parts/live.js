"use strict";
// What is measured now, and whether newer data was built: asked of the server again and again, never from a disk.
(() => {
  const { element } = EB;
  const SERVED_MS = 2000, PUBLISHED_MS = 60000;
  let running = [];
  const tables = new Set();

  const words = (one) => `${one.host}: ${one.what}, ${one.alive ? one.doing : "killed"}, ${one.runs} of ${EB.counted(one.asked, "run")} done, since ${EB.minute(one.since_utc)}`;
  const say = () => {
    const alive = running.filter((one) => one.alive), line = document.getElementById("live");
    const text = alive.length ? `Measuring now: ${words(alive[0])}${alive.length > 1 ? `, and ${alive.length - 1} more` : ""}.` : "";
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
    for (const box of tables) if (box.isConnected) box.fill(); else if (box.shown) tables.delete(box);
  };

  // A box that tells in full what runs now; empty where nothing does, or where nobody can know.
  EB.live = () => {
    const box = element("div");
    box.fill = () => {
      box.shown = box.isConnected;
      const text = JSON.stringify(running);
      if (box.text === text) return;
      box.text = text;
      box.replaceChildren(...(running.length ? [EB.table("Under way now", [
        { name: "host", of: (one) => one.host, head: true }, { name: "what", of: (one) => one.what }, { name: "start", of: (one) => one.start + 1, number: true },
        { name: "doing", of: (one) => (one.alive ? one.doing : "killed: the next night of its host takes in what it measured"), cell: (one) => element("span", one.alive ? one.doing : "killed: the next night of its host takes in what it measured", one.alive ? "good" : "bad") },
        { name: "runs done", of: (one) => one.runs, number: true, cell: (one) => `${one.runs} of ${one.asked}` }, { name: "since", of: (one) => one.since_utc, cell: (one) => EB.minute(one.since_utc) },
        { name: "grid", of: (one) => one.grid }, { name: "night", of: (one) => one.night }, { name: "trial", of: (one) => one.trial },
      ], running)] : []));
    };
    box.fill();
    tables.add(box);
    return box;
  };

  // Ask for the stamp for ever; `refresh(stamp)` is called when the data was built anew.
  EB.watch = (refresh) => {
    if (!location.protocol.startsWith("http")) return;
    const ask = async () => {
      let wait = PUBLISHED_MS;
      try {
        const told = document.hidden ? null : await (await fetch("data/stamp.json", { cache: "no-store" })).json();
        if (told) {
          running = told.live;
          if (told.built_utc !== EB.index.built_utc) await refresh(told.built_utc);
          say();
        }
        wait = !told || told.serving ? SERVED_MS : PUBLISHED_MS;
      } catch { /* the server is away: what is shown stays, and the next time comes */ }
      setTimeout(ask, wait);
    };
    ask();
  };
})();
