// What a column says of its answer beside the hits: notes, stages, facets, or why there is none.
function problemItem(problem) {
  const box = element("li", "empty problem");
  box.append(element("strong", "", `${problem.title} (${problem.code})`), element("span", "", problem.detail));
  for (const { pointer, message } of problem.errors || []) {
    if (!problem.detail.includes(message)) box.append(element("span", "", `${pointer}: ${message}`));
  }
  if (problem.request_id) box.append(element("small", "", `request ${problem.request_id}`));
  return box;
}

function outcomeOf(answer) {
  const count = answer.total.value + (answer.total.relation === "gte" ? " or more" : "");
  const tiers = Object.entries(answer.tier_counts).map(([tier, found]) => `${found} ${tier}`).join(", ");
  const parts = [`${count} found${tiers && ": "}${tiers}`];
  const [first] = answer.hits;
  if (first) {
    const { thresholds } = first.explain;
    parts.push(`exact from ${thresholds.exact.toFixed(3)}, substitute from ${thresholds.substitute.toFixed(3)}`);
  }
  parts.push(`${answer.timing_ms.total.toFixed(1)} ms`);
  return parts.join(" · ");
}

function notesOf(answer) {
  const notes = [];
  const { query } = answer;
  if (query.corrections.length) {
    const words = query.corrections.map(({ from, to }) => `${from} → ${to}`).join(", ");
    notes.push(["info", `read as ${query.normalized} (${words})`]);
  }
  if (answer.no_confident_match) notes.push(["warn", "no confident match"]);
  for (const reason of answer.degraded) notes.push(["warn", `degraded: ${reason}`]);
  if (answer.index.calibration === "not_covered") {
    notes.push(["warn", "not calibrated at this alpha: compare the order, not relevance and tiers"]);
  }
  if (query.dropped_terms) notes.push(["warn", `${query.dropped_terms} words left out`]);
  return notes.map(([kind, text]) => element("li", `note ${kind}`, text));
}

function pairs(values) {
  const box = element("dl", "explain");
  for (const [name, value] of Object.entries(values)) {
    const pair = element("div");
    pair.append(element("dt", "", name.replaceAll("_", " ")), element("dd", "", value));
    box.append(pair);
  }
  return box;
}

function stages({ timing_ms }) {
  return Object.fromEntries(Object.entries(timing_ms).map(([stage, ms]) => [stage, `${ms.toFixed(2)} ms`]));
}

function moreOf(answer, narrow) {
  const { index, plan, query } = answer;
  const plainly = Object.fromEntries(Object.entries(plan).map(([name, value]) => [name, String(value)]));
  const parts = [
    element("h3", "", "Time"), pairs(stages(answer)),
    element("h3", "", "Plan"), pairs({ ...plainly, "searched as": query.normalized }),
    element("h3", "", "Index"), pairs({ version: index.version, calibration: index.calibration }),
  ];
  for (const [name, values] of Object.entries(answer.facets)) {
    const list = element("div", "facet");
    for (const { value, count } of values) {
      const button = element("button", "small", `${value} ${count}`);
      button.type = "button";
      button.addEventListener("click", () => narrow(name, value));
      list.append(button);
    }
    parts.push(element("h3", "", `Narrow by ${name}`), values.length ? list : element("p", "facts", "no values"));
  }
  for (const [name, { min, max }] of Object.entries(answer.facet_stats)) {
    parts.push(pairs({ [`least ${name}`]: String(min), [`greatest ${name}`]: String(max) }));
  }
  return parts;
}
