// Search the course: every word of the question has to occur, headings count most.

const MOST = 40; // results
const AROUND = 90; // characters shown on each side of what was found

const query = document.getElementById("query");
const results = document.getElementById("results");
const count = document.getElementById("count");

function places(words) {
  const found = [];
  for (const entry of FOUND) {
    const heading = entry.heading.toLowerCase();
    const text = entry.text.toLowerCase();
    if (!words.every((word) => heading.includes(word) || text.includes(word))) continue;
    const inHeading = words.filter((word) => heading.includes(word)).length;
    const glossary = entry.page === "Glossary" && inHeading ? 1 : 0;
    found.push({ entry, weight: inHeading + glossary });
  }
  return found.sort((a, b) => b.weight - a.weight); // equals stay in the course's order
}

function excerpt(text, word) {
  const at = Math.max(text.toLowerCase().indexOf(word), 0);
  const [start, stop] = [Math.max(at - AROUND, 0), at + word.length + AROUND];
  const shown = document.createElement("p");
  const mark = document.createElement("mark");
  mark.textContent = text.slice(at, at + word.length);
  const before = (start > 0 ? "…" : "") + text.slice(start, at);
  const after = text.slice(at + word.length, stop) + (stop < text.length ? "…" : "");
  const inside = text.toLowerCase().startsWith(word, at);
  shown.append(...(inside ? [before, mark, after] : [text.slice(0, stop)]));
  return shown;
}

function show() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? places(words) : [];
  results.replaceChildren(
    ...found.slice(0, MOST).map(({ entry }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = entry.address;
      link.textContent = entry.heading;
      const page = document.createElement("small");
      page.textContent = ` ${entry.page}`;
      item.append(link, page, excerpt(entry.text, words[0]));
      return item;
    }),
  );
  count.textContent = !words.length ? "Type a word." : `${found.length} found`;
}

query.value = new URLSearchParams(location.search).get("q") || "";
query.addEventListener("input", show);
query.form.addEventListener("submit", (event) => event.preventDefault());
query.focus();
show();
