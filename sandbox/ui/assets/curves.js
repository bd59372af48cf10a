/* What is done to curves before they are drawn: smoothing, time in place of steps, seeds as one band.
   Pure functions over {x, y} lists. */
"use strict";
const sandboxCurves = (() => {
  /* Exponential moving average, without the pull towards zero at its beginning. */
  function smoothed(curve, weight) {
    if (!(weight > 0)) return curve;
    let sum = 0, mass = 0;
    const y = curve.y.map((value) => {
      if (value === null) return null;
      sum = weight * sum + (1 - weight) * value;
      mass = weight * mass + (1 - weight);
      return sum / mass;
    });
    return { ...curve, y };
  }

  /* The value of a curve at x, by a straight line between its points; null outside of it. */
  function at(curve, x) {
    const last = curve.x.length - 1;
    if (last < 0 || x < curve.x[0] || x > curve.x[last]) return null;
    let low = 0, high = last;
    while (high - low > 1) { const middle = (low + high) >> 1; if (curve.x[middle] <= x) low = middle; else high = middle; }
    const [x0, x1, y0, y1] = [curve.x[low], curve.x[high], curve.y[low], curve.y[high]];
    if (y0 === null || y1 === null) return x === x0 ? y0 : x === x1 ? y1 : null;
    return x1 === x0 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
  }

  /* The same curve over minutes of wall time; clock gives the seconds of a step. */
  function overTime(curve, clock) {
    const known = curve.x.map((step, i) => [at(clock, step), curve.y[i]]).filter(([seconds]) => seconds !== null);
    return { ...curve, x: known.map(([seconds]) => seconds / 60), y: known.map(([, value]) => value) };
  }

  /* Several runs as their mean with a band from the least to the greatest, where all have values. */
  function together(curves) {
    if (curves.length === 1) return curves[0];
    const x = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
    const made = { ...curves[0], x: [], y: [], low: [], high: [] };
    for (const place of x) {
      const values = curves.map((curve) => at(curve, place));
      if (values.includes(null)) continue;
      made.x.push(place);
      made.y.push(values.reduce((a, b) => a + b, 0) / values.length);
      made.low.push(Math.min(...values));
      made.high.push(Math.max(...values));
    }
    return made;
  }

  return { smoothed, overTime, together, at };
})();
