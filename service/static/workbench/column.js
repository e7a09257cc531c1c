// A column: its settings, its search, its hits.
const columnForm = document.getElementById("column");
const columnsBox = document.getElementById("columns");
const columns = [];  // as they stand, left to right

// `changed` is called when the settings are others, `answered` when there is another answer or none.
function addColumn(settings, { changed, answered, removed }) {
  const box = columnForm.content.firstElementChild.cloneNode(true);
  const part = (selector) => box.querySelector(selector);
  const column = {
    box, answer: null, query: "", turn: 0, form: part("form"), list: part("ol"), letter: "", outcome: part(".outcome"),
    figure: part(".figure"), flags: part(".flags"), more: part(".answered"), what: part(".what"), answered,
  };
  column.narrow = (name, value) => {
    const { filter } = column.form.elements;
    filter.value = narrowed(filter.value, name, value);
    changed(column);
  };
  applySettings(column.form, settings);
  column.form.addEventListener("input", ({ target }) => {
    if (target.name === "alpha") column.form.elements.own.checked = false;
    tellSettings(column);
  });
  column.form.addEventListener("change", () => changed(column));
  column.form.addEventListener("submit", (event) => { event.preventDefault(); changed(column); });
  part(".remove").addEventListener("click", () => removed(column));
  columns.push(column);
  columnsBox.append(box);
  nameColumns();
  return column;
}

function dropColumn(column) {
  column.turn++;  // what is still to come finds nobody
  columns.splice(columns.indexOf(column), 1);
  column.box.remove();
  nameColumns();
}

function nameColumns() {
  columns.forEach((column, place) => {
    column.letter = LETTERS[place].toUpperCase();
    column.box.setAttribute("aria-label", `Column ${column.letter}`);
    column.box.querySelector("h2").textContent = column.letter;
    column.list.setAttribute("aria-label", `Hits of column ${column.letter}`);
    column.box.querySelector(".remove").hidden = columns.length === 1;
    tellSettings(column);
  });
}

function tellSettings(column) {
  const first = column.answer && column.answer.hits[0];
  const asked = column.answer && column.asked;
  tellAlpha(column.form, first && !("alpha" in asked) ? first.explain.alpha : undefined);
  column.what.textContent = inWords(settingsOf(column.form));
}

// The focus stays in the column when it was on one of its hits, so that judging goes on by keys.
function fill(column, items) {
  const had = column.list.contains(document.activeElement);
  column.list.replaceChildren(...items);
  if (had) focusHit(column.list.querySelector(".hit"));
}

function clearColumn(column, items = []) {
  column.answer = null;
  column.outcome.textContent = column.figure.textContent = "";
  column.flags.replaceChildren();
  column.more.hidden = true;
  fill(column, items);
  column.answered(column);
}

async function askColumn(column, q, show) {
  const turn = ++column.turn;
  const settings = settingsOf(column.form);
  tellSettings(column);
  if (!q) {
    column.box.removeAttribute("aria-busy");
    clearColumn(column, [element("li", "empty", "Type a query, or load a list of them.")]);
    return;
  }
  column.box.setAttribute("aria-busy", "true");
  if (!column.answer) column.outcome.textContent = "Searching…";
  const wanted = new URLSearchParams({ q, ...settings, limit: show, explain: "true", highlight: "title" });
  let body, status;
  try {
    // Not out of the browser's store: the times are to be those of a search.
    const response = await fetch("/v1/search?" + wanted, { headers: headers(), cache: "no-store" });
    [status, body] = [response.status, await response.json()];
  } catch {
    body = { title: "No answer", code: "unreachable", detail: "The service does not answer. Try again in a moment." };
  }
  if (turn !== column.turn) return;  // a later search has begun
  column.box.removeAttribute("aria-busy");
  if (status !== undefined) admitted(status);
  if (status !== 200) {
    if (status === 401) say(keyNotice(), true);
    clearColumn(column, [problemItem(body)]);
    return;
  }
  column.answer = body;
  column.query = q;  // what the hits answer, whatever is typed or asked next
  column.asked = settings;
  showAnswer(column, settings);
}

function showAnswer(column, settings) {
  const { answer } = column;
  column.outcome.textContent = outcomeOf(answer);
  column.flags.replaceChildren(...notesOf(answer));
  column.more.hidden = false;
  column.more.querySelector("div").replaceChildren(...moreOf(answer, column.narrow));
  tellSettings(column);
  fill(column, answer.hits.length ? hitItems(answer) : [emptyItem(settings)]);
  column.answered(column);
}
