// What hits look like to a shopper.
function card(hit) {
  const item = element("li", "hit");
  const head = element("div", "head");
  head.append(element("h2", "", hit.fields.title || hit.id));
  if (typeof hit.fields.price === "number") head.append(element("span", "price", hit.fields.price.toFixed(2)));
  const score = element("div", "score");
  const known = Object.hasOwn(TIER_NAMES, hit.tier);
  score.append(element("span", known ? `tier ${hit.tier}` : "tier", known ? TIER_NAMES[hit.tier] : hit.tier));
  const bar = element("meter");
  bar.min = 0; bar.max = 1; bar.value = hit.relevance;
  bar.setAttribute("aria-label", "Relevance");
  score.append(bar, element("span", "", `${Math.round(hit.relevance * 100)} %`));
  item.append(head, element("p", "facts", facts(hit.fields)), score);
  if (hit.explain) item.append(explanation(hit.explain));
  return item;
}

function nothing() {
  const box = element("li", "empty");
  box.append(element("strong", "", "Nothing worth showing"));
  box.append(element("span", "", "No product here answers this well enough. Try other words."));
  return box;
}

function summary(answer) {
  const { exact = 0, substitute = 0, irrelevant = 0 } = answer.tier_counts;
  const count = answer.total.value + (answer.total.relation === "gte" ? " or more" : "");
  const unfit = irrelevant ? `, ${irrelevant} irrelevant` : "";
  const parts = [`${count} found: ${exact} exact, ${substitute} substitute${unfit}`];
  if (answer.no_confident_match) parts.unshift("Nothing worth showing; this came closest");
  parts.push(`${answer.timing_ms.total.toFixed(1)} ms`);
  if (answer.degraded.length) parts.push(`without ${answer.degraded.join(", ")}`);
  return parts.join(" · ");
}
