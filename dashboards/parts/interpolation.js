"use strict";
// A curve between its measured points, as `enginebench.analysis.interpolation` reads it; nothing beyond them. A test holds both
// to the same values, intervals and points.
(() => {
  const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

  // The knots of points at `x` with `y`: ascending, each x once with the mean of its y; `place`: each point's knot.
  const knotsOf = (x, y) => {
    const at = [...new Set(x)].sort((a, b) => a - b), place = x.map((one) => at.indexOf(one));
    const sums = at.map(() => 0), counts = at.map(() => 0);
    place.forEach((knot, i) => { sums[knot] += y[i]; counts[knot] += 1; });
    return { x: at, y: sums.map((sum, i) => sum / counts[i]), place };
  };

  // Monotone cubic through knots, two or more (PCHIP after Fritsch and Butland, with scipy's ends): it makes no hump of its own.
  EB.through = (x, y) => {
    const slopes = slopesOf(x, y);
    return (at) => {
      let i = x.findIndex((one, k) => k > 0 && at <= one) - 1;
      if (i < 0) i = x.length - 2;
      const h = x[i + 1] - x[i], s = at - x[i], slope = (y[i + 1] - y[i]) / h, bend = (slopes[i] + slopes[i + 1] - 2 * slope) / h;
      return y[i] + s * (slopes[i] + s * ((slope - slopes[i]) / h - bend + (s * bend) / h));
    };
  };
  const slopesOf = (x, y) => {
    const h = x.slice(1).map((one, i) => one - x[i]), m = h.map((one, i) => (y[i + 1] - y[i]) / one), last = m.length - 1;
    if (!last) return [m[0], m[0]];
    const inner = m.slice(1).map((right, i) => {
      const left = m[i];
      if (Math.sign(left) !== Math.sign(right) || !left || !right) return 0;
      const [w1, w2] = [2 * h[i + 1] + h[i], h[i + 1] + 2 * h[i]];
      return 1 / ((w1 / left + w2 / right) / (w1 + w2));
    });
    return [endOf(h[0], h[1], m[0], m[1]), ...inner, endOf(h[last], h[last - 1], m[last], m[last - 1])];
  };
  const endOf = (h0, h1, m0, m1) => {
    const slope = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
    if (Math.sign(slope) !== Math.sign(m0)) return 0;
    return Math.sign(m0) !== Math.sign(m1) && Math.abs(slope) > 3 * Math.abs(m0) ? 3 * m0 : slope;
  };

  // What a curve of `rows` gives where `xOf(row)`, [centre, low, high], is `target`: { value, low, high, points, reason,
  // intervalReason }. How far the points around it may lie off is taken between them in proportion to the distance.
  EB.read = (rows, xOf, yOf, target) => {
    const both = rows.filter((row) => known(xOf(row)?.[0]) && known(yOf(row)?.[0]));
    const nothing = { value: null, low: null, high: null, points: [], intervalReason: "" };
    if (!both.length) return { ...nothing, reason: "no point has both" };
    const found = knotsOf(both.map((row) => xOf(row)[0]), both.map((row) => yOf(row)[0])), last = found.x.length - 1;
    if (!(found.x[0] <= target && target <= found.x[last])) return { ...nothing, reason: "beyond what was measured" };
    const right = found.x.findIndex((one) => one >= target), sides = found.x[right] === target ? [right] : [right - 1, right];
    const around = sides.map((side) => both.filter((_, i) => found.place[i] === side));
    const line = last ? EB.through(found.x, found.y) : null, value = sides.length === 1 ? found.y[right] : line(target);
    const result = { value, low: null, high: null, points: around.flat(), reason: "", intervalReason: "a point it rests on has no interval" };
    const spansX = around.map((side) => span(side.map(xOf))), spansY = around.map((side) => span(side.map(yOf), true));
    if (spansX.includes(null) || spansY.includes(null)) return result;
    const way = sides.length > 1 ? (target - found.x[right - 1]) / (found.x[right] - found.x[right - 1]) : 0;
    const [left, onward] = between(spansX, way), [below, above] = between(spansY, way);
    // Points that lie too far left by something show at the target what holds so much further left.
    const near = line ? along(found, line, target - onward, target + left) : [];
    return { ...result, low: Math.min(value, ...near) * (1 - below), high: Math.max(value, ...near) * (1 + above), intervalReason: "" };
  };
  // How far the intervals of the points at one knot reach below and above their centre; null: one has none.
  const span = (figures, share = false) => {
    if (figures.some(([, low, high]) => !known(low) || !known(high))) return null;
    const centre = figures.reduce((sum, [one]) => sum + one, 0) / figures.length;
    if (share && centre <= 0) return null;
    const reach = [centre - Math.min(...figures.map(([, low]) => low)), Math.max(...figures.map(([, , high]) => high)) - centre];
    return share ? reach.map((one) => one / centre) : reach;
  };
  const between = (spans, way) => [0, 1].map((end) => (1 - way) * spans[0][end] + way * spans[spans.length - 1][end]);
  // The curve's least and greatest values from `begin` to `end`, as far as it goes: it turns at knots alone.
  const along = (found, line, begin, end) => {
    const low = Math.max(begin, found.x[0]), high = Math.min(end, found.x[found.x.length - 1]);
    return [line(low), line(high), ...found.y.filter((_, i) => found.x[i] > low && found.x[i] < high)];
  };
})();
