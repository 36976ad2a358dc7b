// Live regions: the server sends whole regions, first all and then those that changed.
import { drawAll, drawSeries } from "./chart.js";
import { refresh } from "./times.js";

/** Follow a page until it is left; the browser connects again by itself. */
export function begin(page) {
  if (!page) return;
  const source = new EventSource(`/events?page=${encodeURIComponent(page)}`);
  source.addEventListener("message", (event) => show(event.data));
  source.addEventListener("chart", (event) => drawSeries(JSON.parse(event.data)));
  source.addEventListener("open", () => document.body.removeAttribute("data-offline"));
  source.addEventListener("error", () => document.body.setAttribute("data-offline", ""));
  addEventListener("pagehide", () => source.close());
  // From the browser's memory, with what was known when it was left.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const part of template.content.children) {
    const region = document.getElementById(part.dataset.region);
    if (!region) continue;
    replace(region, part);
    drawAll(region);
  }
  refresh();
  announce();
}

// The head is drawn anew all the time; what changes in what was sent is said where screen readers listen.
function announce() {
  const place = document.getElementById("sent-status");
  const items = [...document.querySelectorAll(".sent li")];
  const text = items.map((one) => one.textContent.replace(/\s+/g, " ").trim()).join(". ");
  if (place.textContent !== text) place.textContent = text;
}

// The focus stays on the same link or button when its region is drawn anew, and what was opened
// stays open.
function replace(region, part) {
  const list = (tag) => [...region.querySelectorAll(tag)];
  const focused = region.contains(document.activeElement) ? document.activeElement : null;
  const place = focused ? list(focused.tagName).indexOf(focused) : -1;
  const open = list("details").map((one) => one.open);
  region.replaceChildren(...part.childNodes);
  list("details").forEach((one, number) => {
    one.open = open[number] ?? one.open;
  });
  if (place >= 0) list(focused.tagName)[place]?.focus();
}
