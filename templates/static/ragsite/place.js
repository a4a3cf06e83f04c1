// A place in a document: brings what is marked into view, and zooms. Loaded with each piece of the page, so it may run again.
(() => {
  const STEP = 1.25;
  const LARGEST = 400;
  const SMALLEST = 50;

  function show(view) {
    const mark = view.querySelector("rect, mark");
    if (!mark) return;
    const [seen, found] = [view.getBoundingClientRect(), mark.getBoundingClientRect()];
    view.scrollTop += found.top - seen.top - view.clientHeight / 4;
    view.scrollLeft += Math.min(0, found.left - seen.left - 16) || Math.max(0, found.right - seen.right + 16);
  }

  function zoom(view, how) {
    const sheet = view.querySelector(".rag-place-sheet");
    const now = Number(sheet.dataset.percent || 100);
    const wanted = how === "fit" ? 100 : how === "+" ? now * STEP : now / STEP;
    const percent = Math.min(LARGEST, Math.max(SMALLEST, wanted));
    sheet.dataset.percent = percent;
    sheet.style.width = `${percent}%`;
    show(view);
  }

  for (const place of document.querySelectorAll(".rag-place:not([data-is-ready])")) {
    place.dataset.isReady = "";
    const view = place.querySelector(".rag-place-view");
    if (!view) continue;
    for (const button of place.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoom(view, button.dataset.zoom));
    }
    show(view);
  }
})();
