// Parts of a page that ask for themselves anew every few seconds do not while nobody looks, and leave whoever uses them alone. While
// something in one is pressed, words of it are marked or a form in it is filled in, an answer is let go, as the next one says as much
// and more. What was folded out or in stays so.
{
  const polls = new WeakSet();
  const foldings = new Map();
  const isMarked = (part) => !getSelection().isCollapsed && getSelection().containsNode(part, true);

  function isFilledIn(part) {
    const form = document.activeElement?.closest("form");
    return form && part.contains(form) && form.querySelector("input:not([type=hidden]), select, textarea");
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, xhr, requestConfig } = event.detail;
    if (requestConfig.triggeringEvent || !/\bevery\b/.test(elt.getAttribute("hx-trigger"))) return;
    if (document.hidden) event.preventDefault();
    else polls.add(xhr);
  });

  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!polls.has(detail.xhr)) return;
    const part = detail.target;
    if (part.querySelector(":active") || isMarked(part) || isFilledIn(part)) detail.shouldSwap = false;
    else part.querySelectorAll("details[id]").forEach(({ id, open }) => foldings.set(id, open));
  });

  document.addEventListener("htmx:afterSettle", () => {
    foldings.forEach((open, id) => document.getElementById(id)?.toggleAttribute("open", open));
    foldings.clear();
  });
}
