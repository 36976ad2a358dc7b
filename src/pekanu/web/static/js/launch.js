// The launch token comes in the address's fragment, which no server sees; it becomes a cookie.

/** Show the token to the node, and load the page that was asked for. */
export async function begin() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  const answer = await fetch("/launch", { method: "POST", body: new URLSearchParams({ token }) });
  if (answer.ok) {
    location.reload();
    return;
  }
  const { problem } = await answer.json();
  document.getElementById("launch-problem").textContent = `The link does not open: ${problem}.`;
}
