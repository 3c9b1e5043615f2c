"use strict";
// What tokens cost and draw: the formulas of `enginebench.analysis.economics`, here because a reader's own prices are known
// to the page alone; a test holds both to the same figures. `rates` is the piece of that name.
(() => {
  const HOUR_S = 3600, MILLION = 1e6;
  const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text ?? "") && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().slice(0, 10) === text;
  const positive = (text) => (text !== "" && Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : null);

  // What the reader chose, of the address: class of price, day of the rates (null: the night's own), own prices by part.
  EB.pricing = (view, rates) => {
    const own = {};
    for (const key of ["usd", "kw"]) {
      for (const one of view.list(key)) {
        const [part, given] = [one.slice(0, one.lastIndexOf(":")), positive(one.slice(one.lastIndexOf(":") + 1))];
        if (part && given !== null) (own[part] ??= {})[key] = given;
      }
    }
    const day = view.get("rates_on");
    return { price: rates.classes.includes(view.get("price")) ? view.get("price") : rates.standard, on: isDay(day) ? day : null, own };
  };

  // What holds for a part on a night's day: {id, since, source, condition, usd, kw, usdReason, kwReason}; each null has a reason.
  EB.rateOf = (rates, part, night, { price, on, own }) => {
    const day = on ?? night, [row, reason] = rowOf(rates, part, day);
    const found = {
      id: row?.id ?? null, since: row?.since ?? null, source: row?.source ?? null, condition: row?.condition ?? null, day, price,
      usd: row?.usd_per_hour[price] ?? null, kw: row?.all_in_kw ?? null,
    };
    found.usdReason = found.usd !== null ? "" : row ? `rate ${row.id} has no ${price} price` : reason;
    found.kwReason = found.kw !== null ? "" : row ? `rate ${row.id} has no power` : reason;
    const given = part === null ? null : own[part];
    if (!given) return found;
    const rest = [["price", "usd"], ["power", "kw"]].filter(([, key]) => row && given[key] === undefined && found[key] !== null).map(([word]) => `${word} of ${row.id}`);
    const mine = { ...found, id: "own", since: null, condition: null, source: ["the reader's own", ...rest].join(", "), usd: given.usd ?? found.usd, kw: given.kw ?? found.kw };
    return { ...mine, usdReason: mine.usd === null ? found.usdReason : "", kwReason: mine.kw === null ? found.kwReason : "" };
  };
  const rowOf = (rates, part, day) => {
    if (part === null || part === undefined) return [null, "the part is not one of configs/hardware"];
    const rows = rates.parts[part]?.rows ?? [];
    if (!rows.length) return [null, `no rate for ${part}`];
    if (!isDay(day)) return [null, `\`${day}\` is no date, so no rate is in force`];
    const known = rows.filter((row) => row.since <= day);
    return known.length ? [known[known.length - 1], ""] : [null, `no rate for ${part} before ${rows[0].since}`];
  };

  // Figures that are made of a measured one, by the end of their names.
  const made = {
    usd_per_mtok: (rate) => ({ falls: true, factor: rate.usd === null ? null : (rate.usd * MILLION) / HOUR_S, reason: rate.usdReason }),
    provisioned_tps_per_mw: (rate) => ({ factor: rate.kw === null ? null : 1000 / rate.kw, reason: rate.kwReason }),
    provisioned_j_per_token: (rate) => ({ falls: true, factor: rate.kw === null ? null : rate.kw * 1000, reason: rate.kwReason }),
    measured_j_per_token: () => ({ energy: true, factor: 1, reason: "" }),
    measured_tps_per_mw: () => ({ energy: true, falls: true, factor: MILLION, reason: "" }),
  };

  // A figure of a point at a rate: [centre, low, high, n] with its interval put through the same formula, both ends turned
  // round where the figure falls; and the reason where the centre is null.
  EB.costOf = (point, name, rate, whole = false) => {
    const kind = name.slice(0, name.indexOf("_")), { falls, factor, energy, reason } = made[name.slice(kind.length + 1)](rate);
    const [four, lack] = energy ? energyOf(point, kind) : throughputOf(point, kind, whole);
    const why = lack || reason || (falls && four[0] <= 0 ? "the figure it is divided by is 0" : "");
    if (why) return { four: [null, null, null, four?.[3] ?? 0], reason: why };
    const [centre, low, high, n] = four;
    if (!falls) return { four: [factor * centre, times(factor, low), times(factor, high), n], reason: "" };
    return { four: [factor / centre, over(factor, high), over(factor, low), n], reason: "" };
  };
  const times = (factor, value) => (value === null ? null : factor * value);
  // Of a base of 0 or less there is no quotient, rather than an endless one.
  const over = (factor, value) => (value === null || value <= 0 ? null : factor / value);
  const throughputOf = (point, kind, whole) => {
    const four = point.values[`${kind}_tps_per_accelerator${whole ? "_whole_run" : ""}`];
    return [four, (four?.[0] ?? null) === null ? `no ${kind} throughput of the ${whole ? "whole run" : "steady window"}` : ""];
  };
  // Joules a token of a kind, from those an output token: every request has its input in full, and the mean output that the
  // server counted.
  const energyOf = (point, kind) => {
    const four = point.values.energy_j_per_output_token;
    if ((four?.[0] ?? null) === null) return [four, "energy was not measured"];
    if (kind === "output") return [four, ""];
    const taken = point.isl_tokens, given = point.values.output_tokens_mean?.[0] ?? null;
    const share = taken === null || given === null ? NaN : kind === "total" ? given / (taken + given) : given / taken;
    if (!Number.isFinite(share)) return [four, "input or output tokens of a request are not known"];
    return [[...four.slice(0, 3).map((value) => times(share, value)), four[3]], ""];
  };

  // Choice of prices, and each part's rate with its source: `points` are those shown. Own figures go before the file's.
  EB.pricingControls = (view, rates, points) => {
    const { element } = EB, chosen = EB.pricing(view, rates), body = element("tbody");
    const nights = EB.distinct(points.map((point) => point.night)), parts = EB.distinct(points.map((point) => point.part).filter((part) => part !== null));
    const lacking = points.filter((point) => point.part === null).length;
    for (const part of parts) {
      const days = chosen.on ? [chosen.on] : nights.filter((night) => points.some((point) => point.part === part && point.night === night));
      const found = new Map(days.map((day) => { const rate = EB.rateOf(rates, part, day, chosen); return [`${rate.id} ${rate.usdReason}`, rate]; }));
      const rows = [...found.values()], over = rows.length > 1 ? rows.length : null;
      body.append(...rows.map((rate, at) => element("tr", [
        at ? null : element("th", part, { scope: "rowgroup", rowspan: over }),
        element("td", rate.usd === null ? `${EB.missing} (${rate.usdReason})` : EB.figure(rate.usd)), element("td", EB.figure(rate.kw)),
        element("td", rate.id === null ? EB.missing : [rate.source, rate.since ? `in force from ${rate.since}` : "", rate.condition ?? ""].filter(Boolean).join("; ")),
        at ? null : element("td", own(view, "usd", part, "$ an accelerator-hour", chosen), { rowspan: over }), at ? null : element("td", own(view, "kw", part, "kW all in", chosen), { rowspan: over }),
      ])));
    }
    const heads = ["part", `$/accelerator-hour, ${chosen.price}`, "kW all in", "source", "own $/h", "own kW"];
    const table = element("table", [element("caption", "Rates in force for the points shown"), element("thead", element("tr", heads.map((name) => element("th", name, { scope: "col" })))), body]);
    const date = EB.input(view, "rates_on", "rates of", { type: "date", step: null });
    return element("div", [
      element("p", [EB.select({ get: () => chosen.price, set: view.set }, "price", "price of a", rates.classes.map((one) => [one, one])), " ", date, " (empty: each night keeps the rates of its day)"], "controls"),
      element("div", table, { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rates in force" }),
      lacking ? EB.note(`${EB.counted(lacking, "point")} of parts that configs/hardware does not describe: no rate.`) : null,
    ]);
  };
  const own = (view, key, part, words, chosen) => {
    const box = EB.element("input", null, { type: "number", step: "any", min: "0", "aria-label": `own ${words} of ${part}` });
    box.value = chosen.own[part]?.[key] ?? "";
    box.onchange = () => view.set({ [key]: [...view.list(key).filter((one) => !one.startsWith(`${part}:`)), ...(positive(box.value) === null ? [] : [`${part}:${box.value}`])] });
    return box;
  };
})();
