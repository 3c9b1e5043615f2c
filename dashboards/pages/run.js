"use strict";
// One trial whole: a server's start, what was measured on it, and how it went.
(() => {
  const { element } = EB;
  const shown = ["output_tps_per_accelerator", "output_tps_per_accelerator_whole_run", "interactivity_mean_tps", "ttft_mean_ns", "tpot_mean_ns", "e2el_mean_ns", "running_requests_mean", "running_requests_max", "waiting_requests_mean",
    "waiting_requests_max", "kv_cache_mean_share", "kv_cache_max_share", "prefix_hit_share", "preempted_requests", "acceptance_share"];

  const runsOf = (trial) => {
    const told = shown.filter((name) => trial.runs.some((run) => name in run.metrics));
    const marks = (run) => [...run.marks.map((mark) => EB.index.meanings[mark] ?? mark), ...(run.invalid ? [`invalid: ${run.invalid}`] : [])].join("; ");
    return EB.table(`Runs: ${trial.runs.length}`, [
      { name: "point", of: (run) => run.point, head: true }, { name: "repeat", of: (run) => run.repeat, number: true },
      { name: "began (UTC)", of: (run) => run.started_utc.slice(0, 19).replace("T", " "), number: true }, { name: "lasted (s)", of: (run) => run.duration_s, number: true },
      ...told.map((name) => ({ name: EB.title(name), of: (run) => run.metrics[name] ?? null, number: true, hint: (run) => run.absent[name] })),
      { name: "neighbour (cores)", of: (run) => run.usage?.neighbour_cores ?? null, number: true }, { name: "marks", of: marks, cell: (run) => element("div", marks(run), "note") }, { name: "run id", of: (run) => run.run },
    ], trial.runs, { csv: `runs-${trial.trial}` });
  };
  const absentOf = (trial) => {
    const reasons = new Map();
    for (const run of trial.runs) for (const [name, why] of Object.entries(run.absent)) reasons.set(why, (reasons.get(why) ?? new Set()).add(name));
    return reasons.size ? element("ul", [...reasons].map(([why, names]) => element("li", `${why}: ${[...names].map((name) => EB.index.metrics[name]?.title ?? name).join(", ")}`))) : EB.note("Every figure is given.");
  };
  // Where its figures stand: the points that hold one of its runs.
  const pointsOf = async (trial) => {
    const points = (await EB.history(trial.model, (month) => month === trial.night.slice(0, 7))).filter((point) => point.trials.includes(trial.trial)).sort((a, b) => EB.loadOrder(a) - EB.loadOrder(b));
    if (!points.length) return EB.note("No point holds a run of it: it has none that counts.");
    return element("ul", points.map((point) => element("li", [`${point.workload} ${point.load}: `,
      EB.link("on the frontier", "frontier", { model: point.model, when: point.night.slice(0, 7), night: point.night, workload: point.workload, point: point.id }), ", ",
      EB.link("over the nights", "trends", { model: point.model, workload: point.workload, load: point.load })])));
  };
  const notFound = (view) => {
    const [trial, night] = [view.get("trial"), view.get("night")];
    if (!trial) return EB.note("No run is chosen: a point of the Frontier and a failure of a night lead to theirs.");
    if (!EB.index.nights.some((one) => one.night === night)) return EB.note(`The store has no night “${night ?? ""}” with trials.`);
    return EB.note(`Night ${night} has no trial “${trial}”.`);
  };
  const inside = (trial, details, view, box) => {
    const points = EB.distinct(trial.runs.map((run) => run.point));
    const point = points.includes(view.get("of")) ? view.get("of") : points[0];
    const runs = trial.runs.filter((run) => run.point === point);
    const choice = points.length > 1 ? [element("p", EB.select(view, "of", "distributions of", points), "controls")] : [];
    box.replaceChildren(...choice, ...EB.distributionsOf(details, runs));
  };

  EB.page("run", {
    async draw(main, view) {
      await EB.script("parts/trial.js");
      const body = element("div");
      main.append(body);
      let drawn = null, details = null, trial = null, box = null;
      return async () => {
        const asked = `${view.get("night")} ${view.get("trial")}`;
        if (asked !== drawn) {
          drawn = asked;
          [trial, details] = await Promise.all([EB.trial(view.get("night"), view.get("trial") ?? ""), EB.trialDetails(view.get("night"), view.get("trial") ?? "")]);
          if (asked !== drawn) return;
          if (!trial) { body.replaceChildren(notFound(view)); return; }
          box = element("div");
          const failed = trial.failure ? [EB.section("Failure", ...EB.failureOf(trial.failure))] : [];
          const quality = trial.quality ? [EB.section("Quality", ...EB.qualityOf(trial.quality))] : [];
          body.replaceChildren(element("p", `${trial.label}, night ${trial.night}, trial ${trial.trial}: ${trial.status}.`, "lead"),
            ...trial.invalid.map((words) => element("p", `Invalid, so it counts in no figure: ${words}`, "bad")), ...failed,
            EB.section("Its points", await pointsOf(trial)), EB.section("Environment", EB.environmentOf(trial)), EB.section("Commands", ...EB.commandsOf(trial)), ...quality,
            EB.section("Runs", trial.runs.length ? runsOf(trial) : EB.note("No run was finished.")), EB.section("Not given, and why", absentOf(trial)),
            ...(trial.runs.length ? [EB.section("Distributions", box)] : []), EB.section("Over time", ...EB.telemetryOf(details, trial.runs)), EB.section("Log", ...EB.logOf(details)));
        }
        if (trial?.runs.length) inside(trial, details, view, box);
      };
    },
  });
})();
