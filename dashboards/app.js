"use strict";
// Pages and addresses: `#/frontier?model=…` is a page and its view; a page is a script in pages/, loaded when first shown.
(() => {
  const names = [["tonight", "Tonight"], ["frontier", "Frontier"], ["trends", "Trends"], ["compare", "Compare"], ["size", "Size it"], ["chips", "Chips"],
    ["context", "Context"], ["peak", "Day 0 to peak"], ["reliability", "Reliability"], ["quality", "Quality"], ["nights", "Nights"], ["methods", "Methods"]];
  const hidden = [["run", "Run"]];
  const pages = new Map();
  let current = null, update = null;

  // What a page's script calls. `draw(main, view)` fills the page and gives a function that draws anew for a changed view.
  EB.page = (name, page) => pages.set(name, page);

  EB.address = (page, view = {}) => {
    const given = new URLSearchParams();
    for (const [key, value] of Object.entries(view)) {
      if (Array.isArray(value)) value.forEach((one) => given.append(key, one));
      else if (value !== null && value !== undefined && value !== "") given.set(key, value);
    }
    const words = given.toString();
    return `#/${page}${words ? `?${words}` : ""}`;
  };

  const asked = () => {
    const [page, words = ""] = location.hash.replace(/^#\/?/, "").split("?");
    return { page: page || "tonight", given: new URLSearchParams(words) };
  };
  // The view of the page in the address. `set` changes some of it and has the page drawn anew.
  const view = {
    get: (key, otherwise = null) => asked().given.get(key) ?? otherwise,
    list: (key) => asked().given.getAll(key),
    set: (changes) => {
      const { page, given } = asked();
      const next = {};
      for (const key of new Set(given.keys())) next[key] = given.getAll(key).length > 1 ? given.getAll(key) : given.get(key);
      history.replaceState(null, "", EB.address(page, { ...next, ...changes }));
      return update?.();
    },
  };

  const main = document.getElementById("main");
  const fail = (error) => main.replaceChildren(EB.element("h1", "This page could not be shown"), EB.element("p", String(error?.message ?? error), { role: "alert" }));
  async function show() {
    const { page } = asked();
    if (page === current) { try { await update?.(); } catch (error) { fail(error); } return; }
    const found = [...names, ...hidden].find(([name]) => name === page);
    if (!found) { fail(`There is no page “${page}”.`); return; }
    current = page;
    update = null;
    for (const link of document.querySelectorAll("#pages a")) {
      if (link.dataset.page === page) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
    document.title = `${found[1]} · enginebench`;
    try {
      await EB.script(`pages/${page}.js`);
      const box = EB.element("div", EB.element("h1", pages.get(page).title ?? found[1]));
      const next = await pages.get(page).draw(box, view);
      if (current !== page) return;
      update = next;
      main.replaceChildren(box);
      main.dataset.page = page;
      await update?.();
    } catch (error) { fail(error); }
  }

  // The same page of newer data: view, place on the page, open boxes and the control in use stay as they are.
  async function refresh(stamp) {
    EB.forget(stamp);
    EB.index = await EB.load("index");
    const opened = () => [...main.querySelectorAll("details")];
    const [place, open, name] = [scrollY, opened().map((one) => one.open), document.activeElement?.name];
    current = null;
    await show();
    opened().forEach((one, n) => { one.open = open[n] ?? one.open; });
    if (name) main.querySelector(`[name="${CSS.escape(name)}"]`)?.focus();
    scrollTo(0, place);
    foot();
  }

  const foot = () => { document.getElementById("foot").textContent = `${EB.index.store}, built ${EB.minute(EB.index.built_utc)}. Intervals are 95 %. Missing is “–”, never 0.`; };
  async function begin() {
    try { EB.index = await EB.load("index"); } catch { fail("data/index.js is missing: build the dashboard with `enginebench site build`."); return; }
    document.getElementById("pages").replaceChildren(...names.map(([name, title]) => {
      const link = EB.link(title, name);
      link.dataset.page = name;
      return EB.element("li", link);
    }));
    foot();
    addEventListener("hashchange", async () => { const before = current; await show(); if (current !== before) main.focus(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => update?.());
    await show();
    EB.watch(refresh);
  }
  begin();
})();
