// Tables as text: what `gradus evaluate --qrels` reads and what a spreadsheet writes.
function tableText(rows) {
  const cell = (value) => (/["\t\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return rows.map((row) => row.map((value) => cell(String(value))).join("\t") + "\n").join("");
}

// Rows of cells. The header says what separates: whichever of tab, comma and semicolon it has most of.
function tableRows(text) {
  const plain = text.replace(/^\uFEFF/, "").replace(/^\s*\n/, "");
  const header = plain.slice(0, (plain + "\n").indexOf("\n"));
  const count = (mark) => header.split(mark).length;
  const separator = ["\t", ",", ";"].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  const rows = [];
  let row = [], cell = "", quoted = false, fresh = true;
  const endCell = () => { row.push(cell); cell = ""; fresh = true; };
  const endRow = () => { endCell(); if (row.length > 1 || row[0]) rows.push(row); row = []; };
  for (let at = 0; at < plain.length; at++) {
    const mark = plain[at];
    if (quoted) {
      if (mark !== '"') cell += mark;
      else if (plain[at + 1] === '"') { cell += mark; at++; } else quoted = false;
    } else if (mark === '"' && fresh) { quoted = true; fresh = false; }
    else if (mark === separator) endCell();
    else if (mark === "\n" || mark === "\r") { if (mark === "\n" || plain[at + 1] !== "\n") endRow(); }
    else { cell += mark; fresh = false; }
  }
  if (quoted) throw new Error("A quote in the file is never closed.");
  if (cell || row.length) endRow();
  return rows;
}

// What judges write, as the command line reads it: column, then word, then grade.
const WORD_GRADES = {
  e: 2, exact: 2, s: 1, substitute: 1, c: 1, complement: 1, partial: 1, i: 0, irrelevant: 0,
};
const GRADES = { ...WORD_GRADES, 2: 2, 1: 1, 0: 0 };
const SCALES = {
  esci: WORD_GRADES, esci_label: WORD_GRADES, grade: GRADES, label: GRADES, rating: { 3: 2, 2: 1, 1: 1, 0: 0 },
};

// Queries and judgments of a file: a table with `query`, or a .txt with a query on each line.
function judgedFile(name, text) {
  if (/\.txt$/i.test(name)) {
    return { queries: text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean), judgments: [], skipped: 0 };
  }
  const [header = [], ...rows] = tableRows(text);
  const place = Object.fromEntries(header.map((column, at) => [column.trim(), at]));
  if (place.query === undefined) {
    throw new Error("The file needs a header with query, product_id and one of esci, grade, label.");
  }
  const scale = Object.keys(SCALES).find((column) => column in place);
  const judging = scale !== undefined && place.product_id !== undefined;
  const found = { queries: [], judgments: [], skipped: 0 };
  for (const row of rows) {
    const read = (column) => (row[place[column]] || "").trim();
    const query = read("query");
    const grade = judging ? SCALES[scale][read(scale).toLowerCase()] : 0;
    if (!query || row.length !== header.length || grade === undefined || (judging && !read("product_id"))) {
      found.skipped++;
      continue;
    }
    found.queries.push(query);
    const source = read("source") || (scale === "rating" ? "llm" : "human");
    if (judging) found.judgments.push({ query, id: read("product_id"), grade, source });
  }
  return found;
}
