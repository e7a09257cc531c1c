// The page itself: the form and the columns say what is asked, and the address says the same.
const form = document.getElementById("search");
const notice = document.getElementById("status");
const about = document.getElementById("about");
const adder = document.getElementById("add");
let asked = "";  // the query searched last; what is typed after it waits for Enter

function say(text, isError) {
  notice.textContent = text;
  notice.className = isError ? "error" : "";
}

function tell(text, isError) {
  const full = "The browser keeps no more: download the judgments before you close this tab.";
  say(keeping ? text : `${text} ${full}`, isError || !keeping);
}

function refresh() {
  compareColumns();
  showQueries(asked);
}

function state() {
  return { q: asked, show: form.elements.show.value, columns: columns.map((c) => settingsOf(c.form)) };
}

// A step of its own in the browser's history, unless it is where the browser stands already.
function remember() {
  const address = addressOf(state());
  if (address !== location.hash) history.pushState(null, "", address);
}

function askAll() {
  for (const column of columns) askColumn(column, asked, form.elements.show.value);
  refresh();
}

function search() {
  say("");
  remember();
  askAll();
}

// As the other scripts call it: what stands in the field is the query now.
function ask() {
  closeOffers();
  asked = field.value.trim();
  search();
}

function go(query) {
  field.value = query;
  ask();
}

const hooks = {
  changed: (column) => { remember(); askColumn(column, asked, form.elements.show.value); },
  answered: refresh,
  removed: (column) => { dropColumn(column); adder.hidden = false; remember(); refresh(); adder.focus(); },
};

function placeColumns(wanted) {
  while (columns.length > wanted.length) dropColumn(columns.at(-1));
  wanted.forEach((settings, at) => {
    if (columns[at]) { applySettings(columns[at].form, settings); tellSettings(columns[at]); }
    else addColumn(settings, hooks);
  });
  adder.hidden = columns.length === LETTERS.length;
}

// As the address says: at the start, and when somebody goes back or forward.
function restore() {
  const said = stateOf(location.hash);
  field.value = said.q;
  asked = field.value.trim();
  form.elements.show.value = said.show;
  placeColumns(said.columns);
  history.replaceState(null, "", addressOf(state()));
  askAll();
}

// For the query that the hits of the column answer. While it waits they are about to go: no hit is judged.
function grade(item, column, given) {
  if (column.box.hasAttribute("aria-busy")) {
    tell(`Not judged: column ${column.letter} waits for its answer.`);
    return;
  }
  judge(column.query, item.dataset.id, given);
  refresh();
  const title = item.querySelector("h3").textContent;
  tell(given === null ? `Not judged: ${title}` : `Judged ${GRADE_NAMES[given]}: ${title}`);
}

async function answerOf(path) {
  const response = await fetch(path, { headers: headers() });
  return response.ok ? response.json() : null;
}

// What is served; versions only where the key given opens them.
async function tellIndex() {
  const info = await answerOf("/info");
  if (!info) return;
  const { index, encoder } = info;
  const parts = [
    `${index.products.toLocaleString("en")} products`, `index ${index.version}`,
    `calibration ${index.calibration} (${index.calibration_source})`,
    `encoder ${encoder.precision}, ${encoder.dim} dimensions`, `Gradus ${info.version}`,
  ];
  const versions = searchKey ? await answerOf("/v1/indexes") : null;
  if (versions) parts.splice(2, 0, `${versions.versions.length} versions, before it ${versions.previous || "none"}`);
  about.textContent = parts.join(" · ");
}

form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
form.elements.show.addEventListener("change", search);
blind.addEventListener("change", refresh);
adder.addEventListener("click", () => {
  const column = addColumn({ mode: "hybrid" }, hooks);
  adder.hidden = columns.length === LETTERS.length;
  column.box.querySelector(".settings").open = true;
  column.form.elements.mode.focus();
  hooks.changed(column);
});
addEventListener("popstate", restore);
addEventListener("storage", (event) => { if (reread(event)) refresh(); });
openBook();
listenToKeys({ grade, step: listenToQueries({ asked: () => asked, go, refresh, tell }) });
restore();
const showIndex = () => tellIndex().catch(() => { /* the columns tell that nobody answers */ });
access.addEventListener("submit", showIndex);  // the key may open more
showIndex();
