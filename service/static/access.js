// The search key, where the service asks for one: kept for this tab alone.
const access = document.getElementById("access");
const keyField = document.getElementById("key");
const forget = document.getElementById("forget");
const KEPT = "gradus-search-key";
let searchKey = "";
try { searchKey = sessionStorage.getItem(KEPT) || ""; } catch { /* storage is off: for this page only */ }

function keepKey(key) {
  searchKey = key;
  try {
    if (key) sessionStorage.setItem(KEPT, key); else sessionStorage.removeItem(KEPT);
  } catch { /* as above */ }
}

function headers() {
  const sent = { Accept: "application/json" };
  // A header holds bytes; a key may be in any script.
  if (searchKey) sent["X-API-Key"] = String.fromCharCode(...new TextEncoder().encode(searchKey));
  return sent;
}

// After an answer: shows the field when a key is needed, or another one.
function admitted(status) {
  access.hidden = status !== 401;
  forget.hidden = !searchKey || status === 401;
  if (status === 401) keyField.focus();
}

function keyNotice() {
  return searchKey ? "This key is not accepted. Try another." : "A key is needed to search here.";
}

access.addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(keyField.value.trim());
  keyField.value = "";
  field.focus();
  ask(0);
});
forget.addEventListener("click", () => { keepKey(""); location.reload(); });
