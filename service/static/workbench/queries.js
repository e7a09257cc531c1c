// The list of queries that were loaded or judged: stepping through, files in, a file out.
const listed = document.getElementById("listed");
const place = document.getElementById("place");
const loader = document.getElementById("load");
let shownList = null;

function optionText({ query, grades }) {
  return grades.size ? `${query} (${grades.size} judged)` : query;
}

function showQueries(q) {
  const entries = listedQueries();
  const same = shownList && entries.length === shownList.length
    && entries.every((entry, at) => entry === shownList[at]);
  const at = entries.indexOf(book.get(queryKey(q)));
  if (!same) {
    const choose = element("option", "", entries.length ? "choose a query" : "no queries yet");
    choose.value = "";
    listed.replaceChildren(choose, ...entries.map((entry) => {
      const option = element("option", "", optionText(entry));
      option.value = entry.query;
      return option;
    }));
    shownList = entries;
  } else if (at >= 0) listed.options[at + 1].textContent = optionText(entries[at]);
  listed.selectedIndex = at + 1;
  listed.disabled = !entries.length;
  place.textContent = entries.length ? `${at < 0 ? "–" : at + 1} of ${entries.length}` : "";
  const judged = entries.some(({ grades }) => grades.size);
  document.getElementById("previous").disabled = document.getElementById("next").disabled = !entries.length;
  document.getElementById("download").disabled = !judged;
  document.getElementById("erase").disabled = !entries.length;
}

// From a query that is not on the list one step leads to its end or beginning.
function steppedQuery(q, by) {
  const entries = listedQueries();
  if (!entries.length) return null;
  const at = entries.indexOf(book.get(queryKey(q)));
  const next = at < 0 ? (by > 0 ? 0 : entries.length - 1) : at + by;
  return entries[next] ? entries[next].query : null;
}

function download() {
  const blob = new Blob([tableText(judgmentRows())], { type: "text/tab-separated-values" });
  const link = element("a");
  link.href = URL.createObjectURL(blob);
  link.download = "judgments.tsv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);  // some browsers read it after the click
}

async function load(file) {
  const found = judgedFile(file.name, await file.text());
  if (!found.queries.length) throw new Error("The file holds no query.");
  const changed = take(found);
  const queries = new Set(found.queries.map(queryKey)).size;
  const parts = [`${found.judgments.length} judgments of ${queries} queries loaded`];
  if (changed) parts.push(`${changed} of them replace others`);
  if (found.skipped) parts.push(`${found.skipped} lines left out`);
  return { first: found.queries[0], told: `${parts.join(", ")}.` };
}

function listenToQueries({ asked, go, refresh, tell }) {
  const step = (by) => {
    const query = steppedQuery(asked(), by);
    if (query === null) tell("The list ends here."); else go(query);
  };
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));
  listed.addEventListener("change", () => { if (listed.value) go(listed.value); });
  document.getElementById("download").addEventListener("click", download);
  document.getElementById("erase").addEventListener("click", () => {
    if (!confirm("Forget all judgments and queries kept in this browser?")) return;
    forgetAll();
    refresh();
    tell("All judgments are forgotten.");
  });
  loader.addEventListener("change", async () => {
    const [file] = loader.files;
    if (!file) return;
    try {
      const { first, told } = await load(file);
      refresh();
      if (!field.value.trim()) go(first);
      tell(told);
    } catch (error) { tell(error.message, true); }
    loader.value = "";  // the same file may be chosen again
  });
  return step;
}
