// Charts as SVG: bars by time, a curve by time, or a histogram. They fit their place, answer to the
// pointer and to the arrow keys, and stand as a table for those who do not see them.
import { formatNumber, getTicks, getTimes } from "./scale.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { top: 8, right: 8, bottom: 22, left: 52 };
const MOST_BARS = 72;
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => draw(target)));

/** Draw all charts below an element. */
export function drawAll(root) {
  for (const figure of root.querySelectorAll("figure[data-series]")) {
    draw(figure);
    watcher.observe(figure);
  }
}

/** Draw newer data of one chart. */
export function drawSeries(series) {
  const figure = document.getElementById(`chart-${series.name}`);
  if (!figure) return;
  figure.dataset.series = JSON.stringify(series);
  figure.removeAttribute("data-drawn");
  draw(figure);
}

function draw(figure) {
  const width = Math.round(figure.clientWidth);
  if (figure.dataset.drawn === String(width)) return;
  figure.dataset.drawn = String(width);
  const series = read(JSON.parse(figure.dataset.series));
  const isFocused = figure.contains(document.activeElement);
  figure.querySelectorAll("svg, .unseen, .empty").forEach((one) => one.remove());
  const output = figure.querySelector("output");
  output.value = series.total;
  if (!series.points.length) {
    const empty = make("p", { class: "empty" });
    empty.textContent = "Nothing yet.";
    figure.append(empty);
    return;
  }
  const svg = buildPicture(series, width, 176);
  figure.append(svg, buildTable(figure, series));
  follow(svg, series, output);
  if (isFocused) svg.focus();
}

// What is drawn: points {x, y, from, to, text}, the newest last, and the sentence of the whole.
function read({ kind, unit, times, values }) {
  const isTime = kind !== "histogram";
  const first = kind === "bars" ? Math.max(0, values.length - MOST_BARS) : 0;
  const points = values.slice(first).map((y, number) => {
    const x = times[first + number];
    const name = isTime ? moment.format(new Date(x * 1000)) : formatNumber(x);
    return { x, y, text: `${name}: ${formatNumber(y)} ${unit}` };
  });
  const sum = values.reduce((one, other) => one + other, 0);
  const whole = kind === "curve" ? values[values.length - 1] ?? 0 : sum;
  const total = points.length ? `${kind === "curve" ? "" : "in all "}${formatNumber(whole)} ${unit}` : unit;
  return { kind, unit, isTime, points, total };
}

function buildPicture(series, width, height) {
  const { kind, points, isTime } = series;
  const ticks = getTicks(Math.max(...points.map((one) => one.y)), 4);
  const top = ticks[ticks.length - 1];
  // Bars of hours stand for what follows their time; a lone one is as wide as an hour.
  const gaps = points.slice(1).map((one, number) => one.x - points[number].x).filter((gap) => gap > 0);
  const step = kind === "curve" ? 0 : Math.min(...gaps, gaps.length ? Infinity : isTime ? 3600 : 1);
  const last = points[points.length - 1].x + (kind === "curve" ? 60 : step);
  const first = kind === "bars" ? Math.min(points[0].x, last - 12 * step) : points[0].x;
  const inner = { width: width - EDGE.left - EDGE.right, height: height - EDGE.top - EDGE.bottom };
  const toX = (x) => EDGE.left + ((x - first) / (last - first)) * inner.width;
  const toY = (y) => EDGE.top + inner.height - (y / top) * inner.height;
  const svg = make("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0",
    "aria-label": `${series.total}; the arrow keys read single points, the table below has all`,
  });
  for (const tick of ticks) {
    svg.append(make("line", { class: "rule", x1: EDGE.left, x2: width - EDGE.right, y1: toY(tick), y2: toY(tick) }));
    svg.append(write(formatNumber(tick), EDGE.left - 8, toY(tick) + 4, "end"));
  }
  for (const [x, text] of nameX(first, last, inner.width, isTime)) {
    svg.append(write(text, Math.min(Math.max(toX(x), EDGE.left + 12), width - EDGE.right - 12), height - 6, "middle"));
  }
  if (kind === "curve") svg.append(...buildCurve(points, toX, toY, toX(last)));
  else points.forEach((point) => svg.append(buildBar(point, toX, toY, step)));
  points.forEach((point) => {
    point.place = toX(point.x + step / 2);
  });
  svg.append(make("line", { class: "cross", y1: EDGE.top, y2: height - EDGE.bottom, visibility: "hidden" }));
  return svg;
}

function nameX(first, last, width, isTime) {
  const most = Math.max(2, Math.floor(width / 90));
  if (!isTime) return getTicks(last - first, most).map((one) => [first + one, formatNumber(first + one)]);
  const { times, isDays } = getTimes(first, last, most);
  return times.map((one) => {
    const when = new Date(one * 1000);
    return [one, isDays || (when.getHours() === 0 && when.getMinutes() === 0) ? day.format(when) : clock.format(when)];
  });
}

function buildBar(point, toX, toY, step) {
  const from = toX(point.x);
  const width = Math.max(1, toX(point.x + step) - from - 1);
  const y = Math.min(toY(point.y), toY(0) - (point.y > 0 ? 1 : 0));
  return make("rect", { class: "mark", x: from, y, width, height: toY(0) - y });
}

// What holds until it changes is a curve of stairs.
function buildCurve(points, toX, toY, end) {
  let path = `M${toX(points[0].x)} ${toY(points[0].y)}`;
  for (const point of points.slice(1)) path += `H${toX(point.x)}V${toY(point.y)}`;
  path += `H${end}`;
  return [
    make("path", { class: "area", d: `${path}V${toY(0)}H${toX(points[0].x)}Z` }),
    make("path", { class: "curve", d: path }),
  ];
}

function follow(svg, { points, total }, output) {
  const cross = svg.querySelector(".cross");
  const marks = [...svg.querySelectorAll(".mark")];
  let chosen = -1;
  const choose = (number) => {
    marks[chosen]?.removeAttribute("data-on");
    chosen = number;
    const point = points[number];
    output.value = point ? point.text : total;
    cross.setAttribute("visibility", point ? "visible" : "hidden");
    if (!point) return;
    marks[number]?.setAttribute("data-on", "");
    cross.setAttribute("x1", point.place);
    cross.setAttribute("x2", point.place);
  };
  svg.addEventListener("pointermove", (event) => {
    const x = event.clientX - svg.getBoundingClientRect().left;
    const gaps = points.map((one) => Math.abs(one.place - x));
    choose(gaps.indexOf(Math.min(...gaps)));
  });
  svg.addEventListener("pointerleave", () => choose(-1));
  svg.addEventListener("blur", () => choose(-1));
  svg.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: chosen < 0 ? points.length - 1 : chosen - 1, ArrowRight: chosen + 1, Home: 0, End: points.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    choose(Math.min(Math.max(moves[event.key], 0), points.length - 1));
  });
}

function buildTable(figure, { points, unit }) {
  const place = make("div", { class: "unseen" });
  const table = make("table", {});
  table.createCaption().textContent = `${figure.querySelector("figcaption span").textContent}, ${unit}`;
  for (const { text } of points) {
    const [name, value] = text.split(/: (?=[^:]*$)/);
    const row = table.insertRow();
    const head = make("th", { scope: "row" });
    head.textContent = name;
    row.append(head);
    row.insertCell().textContent = value;
  }
  place.append(table);
  return place;
}

function make(name, attributes) {
  const isPicture = ["svg", "line", "rect", "path", "text"].includes(name);
  const one = isPicture ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  return one;
}

function write(text, x, y, anchor) {
  const one = make("text", { x, y, "text-anchor": anchor });
  one.textContent = text;
  return one;
}
