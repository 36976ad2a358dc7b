// Bars for a series, as SVG; the numbers stand in a table for those who do not see them.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 480;
const HEIGHT = 120;
const MOST = 48;

/** Draw all charts below an element. */
export function drawAll(root) {
  for (const figure of root.querySelectorAll("figure[data-series]")) {
    draw(figure, JSON.parse(figure.dataset.series));
  }
}

/** Draw newer data of one chart. */
export function drawSeries(series) {
  const figure = document.getElementById(`chart-${series.name}`);
  if (figure) draw(figure, series);
}

function draw(figure, series) {
  figure.querySelectorAll("svg, table, .empty").forEach((one) => one.remove());
  const values = series.values.slice(-MOST);
  const times = series.times.slice(-MOST);
  if (!values.length) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "Nothing yet.";
    figure.append(empty);
    return;
  }
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(...values) || 1;
  const step = Math.min(WIDTH / values.length, 40);
  values.forEach((value, number) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = Math.max(1, (value / most) * (HEIGHT - 4));
    bar.setAttribute("x", String(number * step + 1));
    bar.setAttribute("y", String(HEIGHT - height));
    bar.setAttribute("width", String(Math.max(1, step - 2)));
    bar.setAttribute("height", String(height));
    svg.append(bar);
  });
  figure.append(svg, buildTable(figure, times, values));
}

function buildTable(figure, times, values) {
  const table = document.createElement("table");
  table.className = "visually-hidden";
  table.createCaption().textContent = figure.querySelector("figcaption").textContent;
  times.forEach((time, number) => {
    const row = table.insertRow();
    row.insertCell().textContent = new Date(time * 1000).toISOString().slice(0, 16);
    row.insertCell().textContent = String(values[number]);
  });
  return table;
}
