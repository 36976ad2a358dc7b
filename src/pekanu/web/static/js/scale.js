// Round numbers for the axes of a chart.

const DAY = 86400;
const SPANS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY, 30 * DAY];

/** Return from one to `most` + 1 round values that cover 0 to `top`. */
export function getTicks(top, most) {
  if (!(top > 0)) return [0, 1];
  const rough = top / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999);
  const ticks = [];
  for (let number = 0; ticks.length === 0 || ticks[ticks.length - 1] < top * 0.999; number += 1) {
    ticks.push(Number((number * step).toPrecision(12)));
  }
  return ticks;
}

/** Return round points of time within an interval, at most `most`, and whether they are days. */
export function getTimes(first, last, most) {
  const span = SPANS.find((one) => (last - first) / one <= most) ?? Math.ceil((last - first) / most / DAY) * DAY;
  const shift = new Date(first * 1000).getTimezoneOffset() * 60;
  const times = [];
  for (let time = Math.ceil((first - shift) / span) * span + shift; time <= last; time += span) times.push(time);
  return { times, isDays: span >= DAY };
}

/** Return a number in few letters, such as 1.2 M or 0.0004. */
export function formatNumber(value) {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit * 10 || (size >= unit && unit > 1e3)) return `${Number((value / unit).toPrecision(4))} ${letter}`;
  }
  return String(Number(value.toPrecision(6)));
}
