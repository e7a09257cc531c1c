// Judgments, query by query: kept in this browser, where a reload and another tab find them.
const JUDGED = "gradus-judged/";
const GRADE_NAMES = ["irrelevant", "substitute", "exact"];
const MOST_QUERY = 2000;  // characters; no search takes a longer one
const book = new Map();  // key → { query, at, listed, grades: product id → [grade, source] }
let keeping = true;  // false once the browser takes no more

// As the index folds queries, but for a few letters (ı is one) whose case folds otherwise there. Letter by
// letter, for a sigma is another one at the end of a word.
function queryKey(text) {
  const fold = (letter) => letter.toUpperCase().toLowerCase();
  let folded = text, before;
  do {
    before = folded;
    folded = Array.from(before.normalize("NFKC"), fold).join("")
      .replace(/[\p{Cf}\p{Cs}]/gu, "").replace(/[\p{Cc}\s]+/gu, " ").trim();
  } while (folded !== before);
  return folded;
}

function recall(key, text) {
  try {
    const [query, at, listed, grades] = JSON.parse(text);
    book.set(key, { query, at, listed, grades: new Map(grades) });
  } catch { /* nothing that this page wrote */ }
}

function keep(key) {
  const entry = book.get(key);
  try {
    if (!entry) localStorage.removeItem(JUDGED + key);
    else {
      const { query, at, listed, grades } = entry;
      localStorage.setItem(JUDGED + key, JSON.stringify([query, at, listed, [...grades]]));
    }
  } catch { keeping = false; }
}

function openBook() {
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(JUDGED)) recall(name.slice(JUDGED.length), localStorage.getItem(name));
    }
  } catch { keeping = false; }
}

// Another tab judged or forgot.
function reread(event) {
  if (event.key === null) book.clear();
  else if (!event.key.startsWith(JUDGED)) return false;
  else if (event.newValue === null) book.delete(event.key.slice(JUDGED.length));
  else recall(event.key.slice(JUDGED.length), event.newValue);
  return true;
}

function lastPlace() {
  let last = 0;
  for (const { at } of book.values()) last = Math.max(last, at);
  return last;
}

function entryFor(query) {
  const key = queryKey(query);
  if (!book.has(key)) {
    book.set(key, { query: query.trim(), at: lastPlace() + 1, listed: false, grades: new Map() });
  }
  return book.get(key);
}

function gradesOf(query) {
  const entry = book.get(queryKey(query));
  return entry ? entry.grades : new Map();
}

// A grade of null takes the judgment back.
function judge(query, id, grade) {
  const entry = entryFor(query);
  if (grade === null) entry.grades.delete(id); else entry.grades.set(id, [grade, "human"]);
  const key = queryKey(query);
  if (!entry.grades.size && !entry.listed) book.delete(key);
  keep(key);
}

// What a file says goes before what was judged here; returns how many judgments it changed.
function take({ queries, judgments }) {
  const touched = new Map();
  let last = lastPlace();
  for (const query of queries) {
    const key = queryKey(query);
    if (!key || query.length > MOST_QUERY) continue;
    if (!book.has(key)) book.set(key, { query, at: ++last, listed: true, grades: new Map() });
    book.get(key).listed = true;
    touched.set(key, book.get(key));
  }
  const said = new Set();
  let changed = 0;
  for (const { query, id, grade, source } of judgments) {
    const key = queryKey(query), pair = `${key}\n${id}`;
    if (!touched.has(key) || said.has(pair)) continue;  // the first of a file stays, as in evaluation
    said.add(pair);
    const { grades } = touched.get(key);
    if (grades.has(id) && grades.get(id)[0] !== grade) changed++;
    grades.set(id, [grade, source]);
  }
  for (const key of touched.keys()) keep(key);
  return changed;
}

function forgetAll() {
  const keys = [...book.keys()];
  book.clear();
  keys.forEach(keep);
}

function listedQueries() {
  return [...book.values()].sort((one, other) => one.at - other.at);
}

function judgmentRows() {
  const rows = [["query", "product_id", "grade", "source"]];
  for (const { query, grades } of listedQueries()) {
    for (const [id, [grade, source]] of grades) rows.push([query, id, grade, source]);
  }
  return rows;
}
