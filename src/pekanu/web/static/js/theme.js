// The colours that were chosen, before anything is drawn; a classic script, so that nothing flashes.
{
  const kept = localStorage.getItem("pekanu-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}
