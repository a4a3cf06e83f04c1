// Charts that came after the page are drawn by the theme's own function, which ran before they were there.
document.addEventListener("htmx:afterSettle", () => renderCharts(), { once: true });
