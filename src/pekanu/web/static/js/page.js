// What belongs to no part of a page: copying, the choice of colours, words in passing.
const THEME = "pekanu-theme";
const STAY_MILLISECONDS = 8000;
let timer = 0;

/** Listen. */
export function begin() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied.");
  });
  const theme = document.getElementById("theme");
  theme.value = localStorage.getItem(THEME) ?? "";
  theme.addEventListener("change", () => {
    if (theme.value) localStorage.setItem(THEME, theme.value);
    else localStorage.removeItem(THEME);
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
  });
}

/** Say something in passing; screen readers hear it. */
export function say(text) {
  clearTimeout(timer);
  const place = document.getElementById("wallet-status");
  place.textContent = text;
  timer = setTimeout(() => place.replaceChildren(), STAY_MILLISECONDS);
}
