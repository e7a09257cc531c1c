"use strict";
// What hits look like. All that comes from the shop or the shopper is set as text, never as markup.
const TIER_NAMES = { exact: "exact match", substitute: "substitute", irrelevant: "irrelevant" };

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function facts(fields) {
  const parts = [];
  if (fields.brand) parts.push(fields.brand);
  if (Array.isArray(fields.category) && fields.category.length) parts.push(fields.category.join(" › "));
  for (const [name, value] of Object.entries(fields.attributes || {})) parts.push(`${name} ${value}`);
  return parts.join(" · ");
}

function explanation(explain) {
  const box = element("dl", "explain");
  const { thresholds, p_at_least_substitute, ...numbers } = explain;
  const all = {
    ...numbers, "p ≥ substitute": p_at_least_substitute,
    "exact from": thresholds.exact, "substitute from": thresholds.substitute,
  };
  for (const [name, value] of Object.entries(all)) {
    const pair = element("div");
    pair.append(element("dt", "", name.replaceAll("_", " ")));
    pair.append(element("dd", "", value === null ? "none" : value.toFixed(3)));
    box.append(pair);
  }
  return box;
}

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
