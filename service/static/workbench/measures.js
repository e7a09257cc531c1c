// How good a column is by the judgments, and how columns differ. Ids in, numbers out.
const DEPTH = 10;
const GAINS = [0, 0.5, 1];

function dcg(gains) {
  return gains.slice(0, DEPTH).reduce((sum, gain, place) => sum + gain / Math.log2(place + 2), 0);
}

// nDCG@10 as `gradus evaluate` has it: linear gains, what nobody judged counts as 0, and the best order of
// all judged products of the query is 1. null while nothing is judged.
function ndcg(ids, grades) {
  if (!grades.size) return null;
  const best = dcg([...grades.values()].map(([grade]) => GAINS[grade]).sort((one, other) => other - one));
  const gains = ids.map((id) => (grades.has(id) ? GAINS[grades.get(id)[0]] : 0));
  return best ? dcg(gains) / best : 0;
}

function judgedOfFirst(ids, grades) {
  const first = ids.slice(0, DEPTH);
  return { judged: first.filter((id) => grades.has(id)).length, of: first.length };
}

function inCommon(ids, others) {
  const there = new Set(others.slice(0, DEPTH));
  return ids.slice(0, DEPTH).filter((id) => there.has(id)).length;
}
