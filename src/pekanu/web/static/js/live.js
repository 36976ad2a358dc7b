// Live regions: the server sends whole regions, first all and then those that changed.
import { drawSeries } from "./chart.js";

/** Follow a page until it is left; the browser connects again by itself. */
export function begin(page) {
  if (!page) return;
  const source = new EventSource(`/events?page=${encodeURIComponent(page)}`);
  source.addEventListener("message", (event) => show(event.data));
  source.addEventListener("chart", (event) => drawSeries(JSON.parse(event.data)));
  source.addEventListener("open", () => document.body.removeAttribute("data-offline"));
  source.addEventListener("error", () => document.body.setAttribute("data-offline", ""));
  addEventListener("pagehide", () => source.close());
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const partial of template.content.querySelectorAll("hx-partial")) {
    const region = document.querySelector(partial.getAttribute("hx-target"));
    if (region) replace(region, partial);
  }
}

// The focus stays on the same link or button when its region is drawn anew.
function replace(region, partial) {
  const focused = region.contains(document.activeElement) ? document.activeElement : null;
  const find = () => [...region.querySelectorAll(focused.tagName)];
  const place = focused ? find().indexOf(focused) : -1;
  region.replaceChildren(...partial.childNodes);
  if (place >= 0) find()[place]?.focus();
}
