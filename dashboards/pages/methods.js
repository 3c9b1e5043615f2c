"use strict";
// Every definition, from the declarations of the metrics.
EB.page("methods", {
  draw(main) {
    const metrics = Object.values(EB.index.metrics), { element } = EB;
    main.append(
      element("p", "Intervals are 95 % t intervals on logarithms: over the means of server starts where a point was measured on several, else over the repeats within one start, which leaves out what a restart changes. Runs beside a busy neighbour or with failed requests are left out while clean ones of the same point are there. A server that gives wrong answers is shown hollow, with the reason, and is on no frontier. A percentile is given only with enough samples for it."),
      EB.table("Metrics", [
        { name: "metric", of: (one) => one.title, head: true }, { name: "key", of: (one) => one.name }, { name: "unit", of: (one) => one.unit },
        { name: "better", of: (one) => one.better }, { name: "formula", of: (one) => one.formula }, { name: "source", of: (one) => one.source },
      ], metrics, { csv: "metrics" }),
      EB.section("Marks of a run", element("dl", Object.entries(EB.index.meanings).flatMap(([mark, words]) => [element("dt", mark), element("dd", words)]))),
    );
  },
});
