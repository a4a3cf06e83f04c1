// The tab with documents: files that are dropped or chosen are sent, each by a request of its own, and what is chosen in the list
// stays chosen while the list is loaded again.
const AT_ONCE = 3;
const MOST_FILES = 2000;
const tab = document.getElementById("documents-tab");
const byId = (id) => document.getElementById(id);
const word = (name, values = {}) => {
  const text = byId("documents-words").content.querySelector(`[data-word="${name}"]`).textContent;
  return Object.entries(values).reduce((said, [key, value]) => said.replace(`%${key}%`, value), text);
};
const megabytes = (bytes) => `${(bytes / 1048576).toFixed(1)} MB`;

// --- Files that are sent ---

const waiting = [];
const totals = { all: 0, done: 0, taken: 0, unchanged: 0, refused: 0 };
let running = 0;

function summarize() {
  const ended = totals.done === totals.all;
  byId("documents-summary").textContent = ended ? word("done", totals) : word("busy", totals);
}

// `as` says what is known of it: the document that it is a new version of, its path in a folder, or that it is not asked about.
function offer(file, as = {}) {
  const row = byId("documents-sent-row").content.cloneNode(true).firstElementChild;
  row.querySelector(".rag-sent-name").textContent = as.path || file.name;
  byId("documents-sent").append(row);
  byId("documents-uploads").hidden = false;
  totals.all += 1;
  waiting.push({ file, as, row, state: row.querySelector(".rag-sent-state") });
}

function offerAll(found) {
  for (const { file, path } of found) offer(file, { path });
  summarize();
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    const sent = waiting.shift();
    if (sent.file.size > Number(tab.dataset.limitBytes)) finish(sent, word("large"));
    else send(sent);
  }
}

function send(sent) {
  running += 1;
  const [progress, said] = sent.state.children;
  const request = new XMLHttpRequest();
  const address = tab.dataset.uploadUrl + (sent.as.document ? `?document=${sent.as.document}` : "");
  request.upload.addEventListener("progress", (event) => {
    progress.value = (100 * event.loaded) / event.total;
    const whole = event.loaded === event.total;
    said.textContent = whole ? word("checking") : word("sending", { sent: megabytes(event.loaded), size: megabytes(event.total) });
  });
  request.addEventListener("loadend", () => {
    running -= 1;
    if (request.status === 200) show(sent, request.responseText);
    else finish(sent, reason(request), true);
    refresh();
    next();
  });
  request.open("POST", address);
  request.setRequestHeader("X-CSRFToken", tab.dataset.token);
  request.send(body(sent.file, sent.as));
}

function body(file, as) {
  const form = new FormData();
  const restricted = byId("documents-restricted");
  if (!as.document && restricted && restricted.checked) form.append("restricted", "on");
  if (as.path) form.append("path", as.path);
  else if (!as.document && !as.isAnother) form.append("asks", "on");
  form.append("uploads", file);
  return form;
}

function reason(request) {
  if (!request.status) return word("lost");
  try {
    const problem = JSON.parse(request.responseText);
    return problem.detail || word("refused");
  } catch {
    return word("refused");
  }
}

function show(sent, html) {
  sent.state.innerHTML = html;
  const { taken, unchanged, refused } = sent.state.firstElementChild.dataset;
  totals.taken += Number(taken);
  totals.unchanged += Number(unchanged);
  totals.refused += Number(refused);
  ended(sent);
}

function finish(sent, sentence, mayAgain = false) {
  const said = document.createElement("p");
  said.className = "rag-sent-bad";
  said.textContent = `${sentence} `;
  if (mayAgain) {
    const again = document.createElement("button");
    Object.assign(again, { type: "button", className: "rag-linklike", textContent: word("again") });
    again.dataset.sendsAgain = "";
    said.append(again);
  }
  sent.state.replaceChildren(said);
  totals.refused += 1;
  ended(sent);
}

function ended(sent) {
  totals.done += 1;
  const sends = (selector, as) =>
    sent.state.querySelectorAll(selector).forEach((button) => button.addEventListener("click", () => sendAgain(sent, as(button))));
  sends("[data-sends-again]", () => sent.as);
  sends("[data-sends-as]", ({ dataset }) => (dataset.sendsAs ? { document: dataset.sendsAs } : { isAnother: true }));
  summarize();
}

function sendAgain(sent, as) {
  const isRefused = sent.state.querySelector(".rag-sent-bad");
  sent.row.remove();
  totals.all -= 1;
  totals.done -= 1;
  if (isRefused) totals.refused -= 1;
  offer(sent.file, as);
  summarize();
  next();
}

window.addEventListener("beforeunload", (event) => {
  if (running || waiting.length) event.preventDefault();
});

// --- Where files come from ---

const files = byId("documents-files");
const newVersion = byId("documents-new-version");

const folder = byId("documents-folder");

files?.addEventListener("change", () => {
  offerAll([...files.files].map((file) => ({ file })));
  files.value = "";
});

folder?.addEventListener("change", () => {
  offerFolders([...folder.files].map((file) => ({ file, path: file.webkitRelativePath })));
  folder.value = "";
});

const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));

function offerFolders(found) {
  const seen = found.filter(({ path }) => !path || !isHidden(path));
  if (seen.length <= MOST_FILES) return offerAll(seen);
  byId("documents-uploads").hidden = false;
  byId("documents-summary").textContent = word("many", { most: MOST_FILES });
}

// What a dropped entry brings: a file itself, a folder all files in it, each with its path.
async function filesOf(entry, path = "") {
  if (entry.isFile) return [{ file: await new Promise((took, failed) => entry.file(took, failed)), path: path && path + entry.name }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((took, failed) => reader.readEntries(took, failed));
    if (!entries.length || found.length > MOST_FILES) return found;
    for (const one of entries) found.push(...(await filesOf(one, `${path}${entry.name}/`)));
  }
}

newVersion.addEventListener("change", () => {
  for (const file of newVersion.files) offer(file, { document: newVersion.dataset.document });
  newVersion.value = "";
  summarize();
  next();
});

const bringsFiles = (event) => tab.dataset.mayUpload && event.dataTransfer?.types.includes("Files");
let depth = 0;

document.addEventListener("dragenter", (event) => {
  if (!bringsFiles(event)) return;
  depth += 1;
  byId("documents-drop").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!bringsFiles(event)) return;
  depth -= 1;
  if (depth <= 0) byId("documents-drop").hidden = true;
});
document.addEventListener("dragover", (event) => {
  if (bringsFiles(event)) event.preventDefault();
});
document.addEventListener("drop", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  depth = 0;
  byId("documents-drop").hidden = true;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
  if (entries.some((entry) => entry?.isDirectory)) {
    Promise.all(entries.filter(Boolean).map((entry) => filesOf(entry))).then((found) => offerFolders(found.flat()));
  } else {
    offerAll([...event.dataTransfer.files].map((file) => ({ file })));
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-chooses]")) files.click();
  if (event.target.closest("[data-chooses-folder]")) folder.click();
  const replaces = event.target.closest("[data-new-version]");
  if (replaces) {
    newVersion.dataset.document = replaces.dataset.newVersion;
    newVersion.click();
  }
  if (event.target.closest("[data-clears]")) {
    byId("documents-sent").replaceChildren();
    byId("documents-uploads").hidden = true;
    Object.keys(totals).forEach((name) => (totals[name] = 0));
    totals.all = running + waiting.length;
  }
});

// --- What is chosen in the list ---

const chosen = new Set();
const kept = { everything: false, tag: "" };
const boxes = () => [...document.querySelectorAll("#documents-list [name=documents]")];

function showChosen() {
  const bulk = byId("documents-bulk");
  if (!bulk) return;
  const all = byId("documents-all");
  const here = boxes();
  here.forEach((box) => (box.checked = chosen.has(box.value)));
  all.checked = here.length > 0 && here.every((box) => box.checked);
  all.indeterminate = !all.checked && here.some((box) => box.checked);
  bulk.hidden = !here.some((box) => box.checked);
  byId("documents-chosen").textContent = word("chosen", { n: here.filter((box) => box.checked).length });
  const everything = byId("documents-everything");
  if (everything) {
    kept.everything &&= !bulk.hidden;
    everything.checked = kept.everything;
  }
  const tag = byId("documents-with-tag");
  if (tag && tag !== document.activeElement) tag.value = kept.tag;
}

function choose(box) {
  if (box.checked) chosen.add(box.value);
  else chosen.delete(box.value);
}

document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.id === "documents-all") boxes().forEach((one) => choose(Object.assign(one, { checked: box.checked })));
  else if (box.matches("#documents-list [name=documents]")) choose(box);
  else if (box.id === "documents-everything") kept.everything = box.checked;
  else return;
  showChosen();
});
document.addEventListener("input", (event) => {
  if (event.target.id === "documents-with-tag") kept.tag = event.target.value;
});

// --- What the server answers ---

let isStale = false;

// What is asked of a list that is being replaced is lost, so it is asked of the next one.
function refresh() {
  const list = byId("documents-list");
  isStale = list.classList.contains("htmx-request");
  if (!isStale) htmx.trigger(list, "refresh");
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id !== "documents-dialog-body") showChosen();
  if (isStale) refresh();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.elt.matches("[data-finishes=chosen]") || !event.detail.successful) return;
  chosen.clear();
  Object.assign(kept, { everything: false, tag: "" });
});
["htmx:responseError", "htmx:sendError"].forEach((name) =>
  document.addEventListener(name, (event) => {
    if (event.detail.elt.id === "documents-list") return;
    const said = document.createElement("p");
    said.className = "rag-notice rag-notice-bad";
    said.textContent = word("failed");
    byId("documents-notice").replaceChildren(said);
  }),
);
