// Points of chain time as people read them: the time of day here, and what is left of a deadline.
// The chain's clock, not this machine's, says how late it is; between two blocks it runs on here.

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const long = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
let chain = Math.floor(Date.now() / 1000);
let seen = performance.now();

/** Show all times, now and every second; the pages of the server show UTC without it. */
export function begin() {
  refresh();
  setInterval(refresh, 1000);
}

/** Read the chain's clock again after the head was drawn anew, and show times below an element. */
export function refresh() {
  const clock = document.getElementById("chain-time");
  if (clock && Number(clock.dataset.unix) !== Number(clock.dataset.read)) {
    chain = Number(clock.dataset.unix);
    seen = performance.now();
    clock.dataset.read = clock.dataset.unix;
  }
  const now = chain + Math.floor((performance.now() - seen) / 1000);
  for (const time of document.querySelectorAll("time[data-unix]")) {
    const unix = Number(time.dataset.unix);
    const text = "span" in time.dataset ? formatSpan(unix - now) : formatMoment(unix, now);
    if (time.textContent !== text) time.textContent = text;
    if (!time.title) time.title = new Date(unix * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
  }
}

/** Return a span in its two largest units, such as "4 min 10 s left". */
export function formatSpan(seconds) {
  let rest = Math.abs(seconds);
  const parts = [];
  for (const [size, unit] of UNITS) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount) parts.push(`${amount} ${unit}`);
  }
  return `${parts.slice(0, 2).join(" ") || "0 s"} ${seconds < 0 ? "over" : "left"}`;
}

function formatMoment(unix, now) {
  if (unix > 8.64e12) return "never";
  const when = new Date(unix * 1000);
  return Math.abs(now - unix) < 43200 && when.getDate() === new Date(now * 1000).getDate()
    ? short.format(when)
    : long.format(when);
}
