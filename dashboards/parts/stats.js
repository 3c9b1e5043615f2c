"use strict";
// Statistics as in enginebench/intervals.py and analysis/estimate.py; a test holds them against those on random samples.
(() => {
  const stats = (EB.stats = {});
  // Lanczos' approximation (g = 7, nine terms): right to 15 digits.
  const lanczos = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  const logGamma = (x) => {
    if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
    const t = x + 6.5;
    let sum = lanczos[0];
    for (let i = 1; i < 9; i++) sum += lanczos[i] / (x - 1 + i);
    return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
  };
  // The regularised incomplete beta function, by its continued fraction (Lentz' method).
  const fraction = (x, a, b) => {
    const tiny = 1e-300, from = (value) => (Math.abs(value) < tiny ? tiny : value);
    let c = 1, d = 1 / from(1 - ((a + b) * x) / (a + 1)), found = d;
    for (let m = 1; m <= 20000; m++) {
      const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / from(1 + even * d); c = from(1 + even / c); found *= d * c;
      const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / from(1 + odd * d); c = from(1 + odd / c);
      found *= d * c;
      if (Math.abs(d * c - 1) < 4e-15) break;
    }
    return found;
  };
  const beta = (x, a, b) => {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
    return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(1 - x, b, a)) / b;
  };

  // Student's t: the probability of a value up to t, and the t up to which the probability is p.
  stats.tBelow = (df, t) => {
    if (t === 0) return 0.5;
    if (!Number.isFinite(t)) return t > 0 ? 1 : 0;
    const tail = beta(df / (df + t * t), df / 2, 0.5) / 2;
    return t > 0 ? 1 - tail : tail;
  };
  stats.tQuantile = (df, p) => {
    if (p < 0.5) return -stats.tQuantile(df, 1 - p);
    let low = 0, high = 1;
    while (stats.tBelow(df, high) < p) { low = high; high *= 2; }
    for (let i = 0; i < 200 && high - low > 1e-14 * high; i++) {
      const middle = (low + high) / 2;
      if (stats.tBelow(df, middle) < p) low = middle; else high = middle;
    }
    return (low + high) / 2;
  };

  const equal = (values) => values.every((one) => one === values[0]);
  // Of equal values that value itself: 0.1 three times, summed and divided, is more than 0.1.
  stats.mean = (values) => (equal(values) ? values[0] : values.reduce((sum, one) => sum + one, 0) / values.length);
  const variance = (values, mean) => (equal(values) ? 0 : values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (values.length - 1));

  // Welch's t of two samples of two values or more: `intervals.welch`, and `intervals.degrees`, which says why.
  stats.welch = (a, b, within) => {
    const [n, m, middleA, middleB] = [a.length, b.length, stats.mean(a), stats.mean(b)];
    const [ofA, ofB] = [variance(a, middleA) / n, variance(b, middleB) / m];
    const difference = middleB - middleA, error = Math.sqrt(ofA + ofB), beyond = Math.abs(difference) - within;
    if (!(error > 0)) {
      const p = difference === 0 ? 1 : 0;
      return { difference, low: difference, high: difference, df: Infinity, p, pBeyond: beyond === 0 ? NaN : beyond < 0 ? 0 : 1 };
    }
    const both = (ofA + ofB) ** 2;
    const df = n !== m ? both / (ofA ** 2 / (n - 1) + ofB ** 2 / (m - 1))
      : Math.min(Math.max(both / (ofA ** 2 / (n + 1) + ofB ** 2 / (m + 1)) - 2, n - 1), 2 * n - 2);
    const half = stats.tQuantile(df, 0.975) * error;
    return { difference, low: difference - half, high: difference + half, df, p: 2 * stats.tBelow(df, -Math.abs(difference) / error), pBeyond: stats.tBelow(df, beyond / error) };
  };

  // Benjamini and Hochberg's adjusted p, in the order given.
  stats.adjusted = (ps) => {
    const order = ps.map((_, place) => place).sort((i, j) => ps[i] - ps[j]), found = new Array(ps.length);
    let least = 1;
    for (let rank = order.length; rank >= 1; rank--) {
      least = Math.min(least, (ps[order[rank - 1]] * ps.length) / rank);
      found[order[rank - 1]] = least;
    }
    return found;
  };

  // Slopes at the knots of a PCHIP (Fritsch and Butland's), as scipy.interpolate.PchipInterpolator has them.
  const slopes = (x, y) => {
    const h = x.slice(1).map((one, i) => one - x[i]), secant = h.map((one, i) => (y[i + 1] - y[i]) / one);
    if (secant.length === 1) return [secant[0], secant[0]];
    const inner = secant.slice(1).map((right, i) => {
      const left = secant[i];
      if (left * right <= 0) return 0;
      const [w1, w2] = [2 * h[i + 1] + h[i], h[i + 1] + 2 * h[i]];
      return (w1 + w2) / (w1 / left + w2 / right);
    });
    const end = (h0, h1, s0, s1) => {
      const found = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1);
      if (Math.sign(found) !== Math.sign(s0)) return 0;
      return Math.sign(s0) !== Math.sign(s1) && Math.abs(found) > 3 * Math.abs(s0) ? 3 * s0 : found;
    };
    const k = h.length;
    return [end(h[0], h[1], secant[0], secant[1]), ...inner, end(h[k - 1], h[k - 2], secant[k - 1], secant[k - 2])];
  };
  // The mean of the curve through knots of ascending x, between two values of x within them.
  stats.curveMean = (x, y, low, high) => {
    const d = slopes(x, y);
    let sum = 0;
    for (let i = 0; i + 1 < x.length; i++) {
      const h = x[i + 1] - x[i], from = Math.max(low, x[i]), to = Math.min(high, x[i + 1]);
      if (to <= from) continue;
      const secant = (y[i + 1] - y[i]) / h, c3 = (d[i] + d[i + 1] - 2 * secant) / h ** 2, c2 = (3 * secant - 2 * d[i] - d[i + 1]) / h;
      const upTo = (at) => { const t = at - x[i]; return (((c3 / 4) * t + c2 / 3) * t + d[i] / 2) * t * t + y[i] * t; };
      sum += upTo(to) - upTo(from);
    }
    return sum / (high - low);
  };
})();
