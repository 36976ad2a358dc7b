// Requests to the site itself, with the token that shows that they come from its page.

export const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Send fields as a form, or a file as it is; the answer is a Response. */
export function send(path, fields) {
  const body = fields instanceof FormData || fields instanceof Blob ? fields : new URLSearchParams(fields);
  return fetch(path, { method: "POST", body, headers: { "X-CSRF-Token": csrf } });
}

/** Send or fetch JSON; throws an Error with the site's own sentence. */
export async function call(path, document_) {
  const options = document_ === undefined ? {} : {
    method: "POST",
    body: JSON.stringify(document_),
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
  };
  const answer = await fetch(path, options);
  if (answer.status === 204) return null;
  const found = await answer.json();
  if (!answer.ok) throw new Error([found.problem, found.hint].filter(Boolean).join(". "));
  return found;
}

/** A form's fields without its files, which are sent apart. */
export function getFields(form) {
  return [...new FormData(form)].filter(([, value]) => typeof value === "string");
}

/** Read the events of an answer as they come; `show` gets the data of each and returns false to stop. */
export async function readEvents(answer, show) {
  if (!answer.headers.get("Content-Type").startsWith("text/event-stream")) {
    show(await answer.text());
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const lines = event.split("\n").filter((line) => line.startsWith("data: "));
      if (!show(lines.map((line) => line.slice(6)).join("\n"))) {
        await reader.cancel();
        return;
      }
    }
  }
}
