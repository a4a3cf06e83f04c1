// What the theme's attributes cannot say where no page may evaluate code: Alpine knows the names that are given to it here, and no
// others. See ragsite/gateway/theme.py.
const namesOfThePage = {
  window: {
    location: {
      get pathname() { return location.pathname; },
      get search() { return location.search; },
      get hash() { return location.hash; },
      set href(address) { location.assign(address); },
    },
  },
  pageBegins(tab = "") {
    this.activeTab = (tab && getCurrentTab()) || tab;
    this.$watch("sidebarDesktopOpen", (open) => localStorage.setItem("sidebarDesktopOpen", open ? "1" : "0"));
  },
  sidebarWasOpen: () => localStorage.getItem("sidebarDesktopOpen") !== "0",
};

const chosenFiles = () => ({
  names: [],
  choose(event) { this.names = Array.from(event.target.files, (file) => file.name); },
});

document.addEventListener("alpine:init", () => {
  Alpine.data("theme", (shown) => ({ ...theme(shown), ...namesOfThePage }));
  Alpine.data("searchForm", searchForm);
  Alpine.data("searchCommand", searchCommand);
  Alpine.data("chosenFiles", chosenFiles);
});

// htmx evaluates nothing either, and what it would write into the page's head stands in admin.css.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;

// `t` opens the search by name, except where it is written.
document.addEventListener("keydown", (event) => {
  if (event.key !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!document.querySelector(".rag-search") || document.activeElement.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  window.dispatchEvent(new CustomEvent("opencommand"));
});

// A button with data-fills="ID" writes its data-value into the field of that id.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fills]");
  if (button) document.getElementById(button.dataset.fills).value = button.dataset.value;
});
