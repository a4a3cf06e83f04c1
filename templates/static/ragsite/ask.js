// The Ask tab: sends the question without leaving the page, and puts in what comes of the answer as it comes. What documents say is put
// in as text; pieces of the page come from the server, which has escaped them. Without this script the form gives the finished answer.
const ask = document.getElementById("ask");
const TRIES = 3;
const LONGEST_ADDRESS = 2000;
const live = new Set();

function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

// Markup of the server's own templates. A parsed document runs no scripts.
function pieceOf(html) {
  const piece = document.createDocumentFragment();
  piece.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  return piece;
}

function put(place, html) {
  place.replaceChildren(pieceOf(html));
  for (const child of place.children) htmx.process(child);
}

// Events of a stream: blocks that end with an empty line.
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      if (block.startsWith(":")) continue;
      const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { name: field("event"), number: Number(field("id")), data: JSON.parse(field("data")) };
    }
  }
}

// One answer on the page, from the question to its end.
class Side {
  constructor(name) {
    this.name = name;
    this.place = copyOf("ask-side");
    this.text = this.place.querySelector(".rag-ask-live");
    this.found = this.place.querySelector(".rag-ask-found");
    this.abort = new AbortController();
    this.answer = "";
    this.isWatched = Boolean(ask.elements.eyes?.value.trim());
    this.seen = 0;
    this.isOver = false;
  }

  async begin(body) {
    live.add(this);
    try {
      const response = await this.fetched(ask.dataset.stream, { method: "POST", body });
      if (!response.ok) return await this.refused(response);
      this.answer = response.headers.get("X-Answer");
      if (this.isOver) return this.leave();
      this.conversation = response.headers.get("X-Conversation");
      await this.read(response);
      for (let tries = 0; !this.isOver && tries < TRIES; tries += 1) await this.again(tries);
    } catch (error) {
      if (error.name !== "AbortError") await this.lost();
    } finally {
      if (!this.isOver) this.end("", "ask-lost");
      live.delete(this);
    }
  }

  // A sentence of the tab, a problem as JSON where the server has no room, or a page of something else, such as of the sign-in.
  async refused(response) {
    const text = await response.text();
    if (response.headers.get("Content-Type")?.includes("json")) {
      this.end("", "ask-lost");
      this.place.querySelector(".rag-ask-why").textContent = JSON.parse(text).detail;
    } else if (text.includes("<html")) this.end("", "ask-lost");
    else this.end(text);
  }

  fetched(address, options = {}) {
    return fetch(address, { ...options, signal: this.abort.signal, headers: { "X-Requested-With": "fetch" } });
  }

  async read(response) {
    try {
      for await (const event of eventsOf(response)) this.take(event);
    } catch (error) {
      if (error.name === "AbortError") throw error;
    }
  }

  // From where the stream was cut; where its events are gone, the finished answer. With another's eyes there is neither.
  async again(tries) {
    if (!this.answer || this.isWatched) return;
    this.say("again");
    await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries));
    const query = new URLSearchParams({ answer: this.answer, side: this.name, after: this.seen });
    const response = await this.fetched(`${ask.dataset.events}?${query}`).catch(() => null);
    if (response?.ok) await this.read(response);
    else if (response) await this.lost();
  }

  async lost() {
    const query = new URLSearchParams({ answer: this.answer, side: this.name });
    const response = this.answer && !this.isWatched ? await this.fetched(`${ask.dataset.answer}?${query}`).catch(() => null) : null;
    if (response?.ok) this.end(await response.text());
  }

  take({ name, number, data }) {
    this.seen = number;
    if (name === "passages") put(this.found, data.html), this.say("writing");
    else if (name === "delta") this.claim(data.claim).append(data.text);
    else if (name === "cited") this.cite(data);
    else if (name === "withdrawn") this.text.replaceChildren();
    else if (name === "done" || name === "failed") this.end(data.html);
  }

  claim(number) {
    let claim = this.text.querySelector(`[data-claim="${number}"]`);
    if (!claim) {
      claim = document.createElement("span");
      claim.dataset.claim = number;
      this.text.append(claim);
    }
    return claim;
  }

  cite({ claim, number, title, href }) {
    const chip = document.createElement(href ? "a" : "span");
    chip.className = "rag-reference";
    if (href) chip.href = href;
    chip.title = title;
    chip.textContent = number;
    this.claim(claim).append(chip);
  }

  say(what) {
    for (const one of this.place.querySelectorAll("[data-said]")) one.hidden = one.dataset.said !== what;
  }

  end(html, template = "") {
    if (this.isOver) return;
    this.isOver = true;
    this.place.removeAttribute("aria-busy");
    this.place.querySelector(".rag-ask-state")?.remove();
    if (template) return this.place.prepend(copyOf(template));
    const held = this.place.contains(document.activeElement) ? document.activeElement.id : "";
    put(this.place, html);
    if (held) document.getElementById(held)?.focus();
  }

  // Before the server has named the answer there is nothing to stop yet: `begin` does it then.
  stop() {
    this.end("", "ask-stopped");
    if (this.answer) this.leave();
  }

  leave() {
    const body = new FormData();
    body.set("csrfmiddlewaretoken", ask.elements.csrfmiddlewaretoken.value);
    body.set("answer", this.answer);
    fetch(ask.dataset.stop, { method: "POST", body, keepalive: true }).catch(() => null);
    this.abort.abort();
  }
}

function asking(is) {
  ask.querySelector(".rag-ask-go").hidden = is;
  ask.querySelector(".rag-ask-stop").hidden = !is;
}

// The next question goes on with the conversation of this one, also after the page is loaded anew.
function goOn(conversation) {
  if (!conversation) return;
  ask.elements.conversation.value = conversation;
  history.replaceState(null, "", `?${new URLSearchParams({ conversation })}`);
}

// A question that has no answer is in the box again when the page is loaded anew; nothing of it is on the server.
function keep(question) {
  const address = new URLSearchParams({ question });
  if (ask.elements.conversation.value) address.set("conversation", ask.elements.conversation.value);
  if (`${address}`.length < LONGEST_ADDRESS) history.replaceState(null, "", `?${address}`);
}

function askAgain(turn) {
  if (live.size) return;
  ask.elements.question.value = turn.querySelector(".rag-question").textContent;
  turn.remove();
  ask.requestSubmit();
}

async function submitted() {
  const question = ask.elements.question.value.trim();
  if (!question || live.size) return;
  const compares = ask.elements.compare.checked;
  const sides = (compares ? ["a", "b"] : ["a"]).map((name) => new Side(name));
  const turn = copyOf("ask-turn");
  turn.classList.toggle("rag-ask-turn-two", compares);
  turn.querySelector(".rag-question").textContent = question;
  turn.querySelector(".rag-ask-sides").append(...sides.map((side) => side.place));
  document.querySelector(".rag-ask-empty")?.remove();
  for (const before of document.querySelectorAll("#turns details")) before.open = false;
  document.getElementById("turns").prepend(turn);
  asking(true);
  await Promise.all(sides.map((side) => {
    const body = new FormData(ask);
    body.set("side", side.name);
    return side.begin(body);
  }));
  asking(false);
  if (sides.some((side) => side.place.querySelector(".rag-ask-done"))) {
    goOn(sides[0].conversation);
    ask.elements.question.value = "";
  } else keep(question);
  ask.elements.question.focus({ preventScroll: true });
}

// To where a citation's quote stands, which is marked apart from the others; while an answer is written, to its passage.
function lead(chip) {
  const target = document.getElementById(chip.hash.slice(1));
  const passage = target?.closest("li");
  if (!passage) return false;
  const number = chip.hash.match(/-c(\d+)$/)?.[1];
  const cited = chip.closest(".rag-ask-done")?.querySelectorAll(".rag-cited") ?? [];
  for (const one of cited) one.classList.toggle("rag-cited-now", one.dataset.cites.split(" ").includes(number));
  const folded = passage.closest("details");
  if (folded) folded.open = true;
  show(target, target.closest(".rag-ask-text"));
  passage.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  passage.focus({ preventScroll: true });
  return true;
}

// A long passage scrolls by itself, so that what is cited can be out of sight in it.
function show(target, box) {
  if (!box) return;
  const below = target.getBoundingClientRect().top - box.getBoundingClientRect().top;
  box.scrollTop += below - box.clientHeight / 3;
}

function watched() {
  const name = ask.elements.eyes?.value.trim() ?? "";
  const watch = ask.querySelector(".rag-ask-watch");
  watch.hidden = !name;
  watch.querySelector("strong").textContent = name;
}

ask?.addEventListener("submit", (event) => {
  event.preventDefault();
  submitted();
});
ask?.elements.question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask.requestSubmit();
});
ask?.querySelector(".rag-ask-stop").addEventListener("click", () => [...live].forEach((side) => side.stop()));
ask?.addEventListener("input", watched);
ask?.elements.compare.addEventListener("change", (event) => {
  if (event.target.checked) ask.querySelector(".rag-ask-options").open = true;
});
if (ask) watched();
document.addEventListener("click", (event) => {
  const again = event.target.closest(".rag-ask-again");
  if (again) askAgain(again.closest(".rag-ask-turn"));
  const chip = event.target.closest("a.rag-reference");
  if (chip && lead(chip)) event.preventDefault();
});
