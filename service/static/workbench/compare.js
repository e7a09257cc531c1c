// What columns say of each other, and what judgments say of each.
const compared = document.getElementById("compared");

function idsOf(column) {
  return column.answer ? column.answer.hits.map(({ id }) => id) : [];
}

// After any answer and any judgment; the items stay, so that the focus and what is open stay, too.
// While answers come in, some columns answer another query than the others: those are not compared.
function compareColumns() {
  const answered = columns.filter(({ answer }) => answer);
  const ranks = new Map(answered.map((column) => [
    column, new Map(column.answer.hits.map(({ id, rank }) => [id, rank])),
  ]));
  for (const column of answered) {
    const grades = gradesOf(column.query);
    const others = answered.filter((other) => other !== column && other.query === column.query);
    for (const item of column.list.querySelectorAll(".hit")) {
      const { id } = item.dataset;
      tellElsewhere(item, ranks.get(column).get(id), others.map((other) => (
        { letter: other.letter, rank: ranks.get(other).get(id) })));
      tellGrade(item, grades.has(id) ? grades.get(id)[0] : undefined);
    }
    column.figure.replaceChildren(...figureOf(idsOf(column), grades));
  }
  const found = answered.filter(({ answer }) => answer.hits.length);
  compared.textContent = inWordsCompared(found);
}

function figureOf(ids, grades) {
  const value = ndcg(ids, grades);
  if (value === null) return [ids.length ? "nDCG@10: nothing judged yet" : "nDCG@10: no hit to judge"];
  const { judged, of } = judgedOfFirst(ids, grades);
  const unjudged = of > judged ? ", the others count 0" : "";
  const told = of ? `${judged} of ${of} judged${unjudged}` : "no hit to judge";
  return ["nDCG@10 ", element("strong", "", value.toFixed(3)), ` · ${told}`];
}

function inWordsCompared(found) {
  const parts = [];
  found.forEach((one, place) => found.slice(place + 1).forEach((other) => {
    if (one.query !== other.query) return;
    parts.push(`${one.letter} and ${other.letter} ${inCommon(idsOf(one), idsOf(other))}`);
  }));
  if (!parts.length) return "";
  const versions = new Set(found.map(({ answer }) => answer.index.version));
  const apart = versions.size > 1 ? ". The columns were answered by different versions of the index." : "";
  return `Of the first ten in common: ${parts.join(", ")}${apart}`;
}
