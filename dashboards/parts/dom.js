"use strict";
// Pieces of a page. Text from the store goes in as text, never as markup.
(() => {
  // element("td", "text", "class") or element("a", [children], { href }).
  EB.element = (name, content, attributes) => {
    const made = document.createElement(name);
    if (Array.isArray(content)) made.append(...content.filter((one) => one !== null && one !== undefined));
    else if (content instanceof Node) made.append(content);
    else if (content !== undefined && content !== null) made.textContent = content;
    if (typeof attributes === "string") made.className = attributes;
    else for (const [key, value] of Object.entries(attributes ?? {})) {
      if (key.startsWith("on")) made[key] = value;
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    return made;
  };
  const element = EB.element;

  // A link to a page with its view.
  EB.link = (text, page, view = {}) => element("a", text, { href: EB.address(page, view) });

  // Label and <select>; `options` are values, [value, label] or { group, options }. A value that is no option becomes the first.
  EB.select = (view, key, label, options, all) => {
    const paired = (some) => some.map((one) => (Array.isArray(one) ? one : [one, one]));
    const option = ([value, text]) => element("option", text ?? EB.missing, { value: value ?? "" });
    const groups = [...(all ? [["", all]] : []), ...options].map((one) => (one?.group ? { label: one.group, pairs: paired(one.options) } : { pairs: paired([one]) }));
    const pairs = groups.flatMap((one) => one.pairs);
    const box = element("select", groups.map((one) => (one.label ? element("optgroup", one.pairs.map(option), { label: one.label }) : option(one.pairs[0]))), { name: key });
    const given = view.get(key);
    box.value = pairs.some(([value]) => value === given) ? given : pairs[0]?.[0] ?? "";
    box.onchange = () => view.set({ [key]: box.value });
    return element("label", [label + " ", box]);
  };
  // Several of many, as checkboxes in a box that opens; none checked means all, or those of `standard`. `options` are values or [value, label].
  EB.several = (view, key, label, options, standard = []) => {
    const given = view.list(key), chosen = new Set(given.length ? given : standard), words = new Map(options.map((one) => (Array.isArray(one) ? one : [one, one])));
    const told = () => `${label}: ${chosen.size ? [...chosen].map((value) => words.get(value) ?? value).join(", ") : "all"}`;
    const summary = element("summary", told());
    const boxes = [...words].map(([value, text]) => {
      const box = element("input", null, { type: "checkbox", name: key, value });
      box.checked = chosen.has(value);
      box.onchange = () => { if (box.checked) chosen.add(value); else chosen.delete(value); summary.textContent = told(); view.set({ [key]: [...chosen] }); };
      return element("label", [box, ` ${text}`]);
    });
    const every = options.length > 3 ? [element("button", "all of them", { type: "button", name: `${key}-all`, onclick: () => view.set({ [key]: standard.length ? [...words.keys()] : [] }) })] : [];
    return element("details", [summary, element("div", [...boxes, ...every], "choices")], { class: "several", "data-key": key });
  };
  addEventListener("pointerdown", (event) => { for (const one of document.querySelectorAll("details.several[open]")) if (!one.contains(event.target)) one.open = false; });
  addEventListener("keydown", (event) => { const open = event.key === "Escape" && document.querySelector("details.several[open]"); if (open) { open.open = false; open.querySelector("summary").focus(); } });
  // Put new controls in place of old ones: what was open stays open, and who had the focus keeps it.
  EB.renew = (box, nodes) => {
    const open = new Set([...box.querySelectorAll("details[data-key][open]")].map((one) => one.dataset.key));
    const at = box.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = new Map([...box.querySelectorAll("details[data-key][open] .choices")].map((one) => [one.parentElement.dataset.key, one.scrollTop]));
    box.replaceChildren(...nodes.filter(Boolean));
    for (const one of box.querySelectorAll("details[data-key]")) { one.open = open.has(one.dataset.key); if (scrolled.has(one.dataset.key)) one.querySelector(".choices").scrollTop = scrolled.get(one.dataset.key); }
    if (!at) return;
    const same = [...box.querySelectorAll("input, select, button, summary")].find((one) => one.tagName === at.tagName && (one.tagName === "SUMMARY" ? one.parentElement.dataset.key === at.parentElement?.dataset.key : one.name === at.name && (one.type !== "checkbox" || one.value === at.value)));
    same?.focus();
  };
  EB.check = (view, key, label) => {
    const box = element("input", null, { type: "checkbox", name: key });
    box.checked = view.get(key) === "1";
    box.onchange = () => view.set({ [key]: box.checked ? "1" : "" });
    return element("label", [box, " " + label]);
  };
  EB.input = (view, key, label, attributes = {}) => {
    const box = element("input", null, { name: key, type: "number", step: "any", ...attributes });
    box.value = view.get(key) ?? "";
    box.onchange = () => view.set({ [key]: box.value });
    return element("label", [label + " ", box]);
  };

  // A table from columns {name, of, number, cell} and rows: sorted by a click on a head, told to a screen reader by its caption.
  // A column with `only` "csv" or "table" is in that alone; one with `whole` is not broken into lines.
  EB.table = (caption, all, rows, { sort = null, most = 500, csv = null } = {}) => {
    const columns = all.filter((one) => one.only !== "csv");
    const body = element("tbody"), head = element("tr"), note = element("p", null, "note");
    let by = sort, down = false, shown = most;
    const value = (row, column) => { const found = column.of(row); return found === undefined ? null : found; };
    const fill = () => {
      const column = columns.find((one) => one.name === by);
      const order = column ? [...rows].sort((a, b) => {
        const [u, v] = [value(a, column), value(b, column)];
        return (u === v ? 0 : u === null ? 1 : v === null ? -1 : u < v ? -1 : 1) * (down && u !== null && v !== null ? -1 : 1);
      }) : rows;
      body.replaceChildren(...order.slice(0, shown).map((row) => element("tr", columns.map((one) => {
        const cell = element(one.head ? "th" : "td", one.cell ? one.cell(row) : EB.figure(value(row, one)), { class: one.number ? "n" : one.whole ? "whole" : null, scope: one.head ? "row" : null });
        if (one.hint) { const hint = one.hint(row); if (hint) cell.title = hint; }
        return cell;
      }))));
      for (const cell of head.children) {
        const mine = cell.dataset.name === by;
        cell.setAttribute("aria-sort", mine ? (down ? "descending" : "ascending") : "none");
      }
      const left = rows.length - Math.min(shown, rows.length);
      note.replaceChildren(...(left ? [`${EB.counted(rows.length, "row")}, ${shown} shown. `, element("button", "Show all", { type: "button", onclick: () => { shown = rows.length; fill(); } })] : []));
    };
    for (const one of columns) {
      const button = element("button", one.name, { type: "button", onclick: () => { down = by === one.name && !down; by = one.name; fill(); } });
      const cell = element("th", button, { scope: "col", class: one.number ? "n" : null });
      cell.dataset.name = one.name;
      head.append(cell);
    }
    fill();
    const table = element("table", [element("caption", caption), element("thead", head), body]);
    const parts = [element("div", table, { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }), note];
    if (csv) parts.push(element("p", EB.download("CSV", `${csv}.csv`, () => EB.csv(all, rows)), "tools"));
    return element("div", parts);
  };
  // The rows as CSV: a header with units, every row, nothing rounded away.
  EB.csv = (all, rows) => {
    const columns = all.filter((one) => one.only !== "table");
    const field = (found) => { const text = found === null || found === undefined ? "" : String(found); return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
    return [columns.map((one) => field(one.csv ?? one.name)), ...rows.map((row) => columns.map((one) => field(one.of(row))))].map((line) => line.join(",")).join("\r\n") + "\r\n";
  };
  EB.save = (name, blob) => {
    const link = element("a", null, { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  EB.download = (label, name, made) => element("button", label, { type: "button", onclick: () => EB.save(name, new Blob([made()], { type: "text/csv;charset=utf-8" })) });

  EB.note = (text) => element("p", text, "note");
  EB.section = (title, ...content) => element("section", [element("h2", title), ...content]);
})();
