"use strict";
// The Pareto set, as `enginebench.analysis.frontier` finds it; a test holds both to the same.
(() => {
  // For each pair [x, y] the place of one of the frontier that beats it: no worse in both, better in one; null: it is on the
  // frontier itself. Equal points stay together.
  EB.beaten = (pairs, xHigher, yHigher) => {
    const signed = pairs.map(([x, y]) => [xHigher ? x : -x, yHigher ? y : -y]);
    const order = signed.map((_, at) => at).sort((a, b) => signed[b][0] - signed[a][0] || signed[b][1] - signed[a][1]);
    const found = pairs.map(() => null);
    let best = null;
    // From the best x on: who is no better in y than one before it is beaten by that one, but for an equal.
    for (const at of order) {
      if (best === null || signed[at][1] > signed[best][1]) best = at;
      else if (signed[at][0] !== signed[best][0] || signed[at][1] !== signed[best][1]) found[at] = best;
    }
    return found;
  };
  // Why a point may not stand on a frontier; empty: it may.
  EB.whyNotEligible = (point) => (point.failed_quality ? "the server gave wrong answers" : point.invalid ? "every run was invalidated" :
    point.reproduces ? "a reproduction" : point.marks.includes("client_bound") ? "the client was too late in every run" : "");
})();
