/* How the search orders what it found: pages that explain before decisions, changes and lists of fields. */
"use strict";

const LATER = [/^adr\//, /^changelog$/, /^reference\/objects$/];

var Scorer = {
  score: ([docname, , , , score]) => (LATER.some((one) => one.test(docname)) ? score - 20 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
