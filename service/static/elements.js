"use strict";
// What pages are made of. All that comes from the shop or the shopper is set as text, never as markup.
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
