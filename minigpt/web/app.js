/** The page: reads the settings, lets the model write, and shows what it writes. */

import { LABELS, percentIn } from "./labels.js";
import { GPT } from "./model.js";
import { encodePrompt, makeTokenizer, TextStream, UnknownCharacter } from "./tokenizer.js";
import { View } from "./view.js";
import { visible } from "./visible.js";
import { readWeights } from "./weights.js";
import { Writer } from "./writer.js";

// Milliseconds of writing before the browser may draw: as many as it took for drawing
// the last time, so that a slow screen does not make a slow writer, within these bounds.
const [SHORTEST_SLICE, LONGEST_SLICE] = [12, 40];
const KEEP_LINK_AFTER = 250; // milliseconds; browsers limit how often a link changes

const find = (id) => document.getElementById(id);
const content = JSON.parse(find("content").textContent);
const language = navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";
const labels = LABELS[language];
const format = (number, digits = 0) =>
  number.toLocaleString(language, { maximumFractionDigits: digits });

// The top-k slider has few places; the last one, 0, stands for all tokens.
const vocabulary = content.config.vocab_size;
const TOP_K = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].filter((k) => k < vocabulary);
TOP_K.push(0);

const CONTROLS = ["prompt", "temperature", "topK", "topP", "penalty", "length", "seed", "sample"];
const controls = Object.fromEntries(CONTROLS.map((name) => [name, find(name)]));

const KEPT_TEXTS = 20; // to go back to; each also keeps what the model had in mind

// What is on its way: the writing, the frame in which it goes on, the link to be kept.
const running = { steps: null, stream: null, given: 0, count: 0, frame: 0, link: 0 };
const before = []; // the texts before the branches, the last one at the end
let writer;
let view;

function showLabels() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-label]")) {
    element.textContent = labels[element.dataset.label];
  }
  const { config, loss } = content;
  const title = content.title ?? labels.title;
  document.title = find("title").textContent = title;
  const about = content.about ?? (content.tales ? labels.aboutTales : labels.about);
  const unsure = loss === null ? "" : labels.loss(format(loss, 2), format(Math.exp(loss), 1));
  find("about").textContent = `${about} ${unsure}`;
  find("facts").textContent = labels.facts(
    format(content.parameters), config.n_layer, config.n_head, format(vocabulary),
    format(config.block_size),
  );
}

// Settings, and the link that holds them

function readSettings() {
  const number = (name) => Number(controls[name].value);
  return {
    temperature: number("temperature"),
    topK: TOP_K[number("topK")],
    topP: number("topP"),
    penalty: number("penalty"),
    length: number("length"),
    seed: Math.min(Math.max(Math.trunc(number("seed")) || 0, 0), 2 ** 32 - 1),
    sample: controls.sample.checked,
  };
}

function showSettings() {
  const settings = readSettings();
  for (const name of ["temperature", "topP", "penalty", "length"]) {
    find(`${name}-value`).textContent = format(settings[name], 2);
  }
  const topK = settings.topK ? format(settings.topK) : labels.all;
  find("topK-value").textContent = topK;
  controls.topK.setAttribute("aria-valuetext", topK);
  // Without chance, these change nothing.
  for (const name of ["temperature", "topK", "topP", "seed"]) {
    controls[name].disabled = !settings.sample;
  }
  find("another").disabled = !settings.sample;
}

function link() {
  const fields = { prompt: controls.prompt.value, ...readSettings() };
  return `#${new URLSearchParams(Object.entries(fields))}`;
}

function keepLink() {
  clearTimeout(running.link);
  running.link = setTimeout(() => history.replaceState(null, "", link()), KEEP_LINK_AFTER);
}

function openLink() {
  const fields = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of fields) {
    if (name === "sample") controls.sample.checked = value !== "false";
    else if (name === "topK") controls.topK.value = placeOfTopK(Number(value));
    else if (name === "prompt") controls.prompt.value = value;
    // A slider ignores what is not a number, and keeps within its ends.
    else if (CONTROLS.includes(name) && Number.isFinite(Number(value))) controls[name].value = value;
  }
}

function placeOfTopK(topK) {
  const place = TOP_K.findIndex((k) => k >= topK && topK > 0);
  return place < 0 ? TOP_K.length - 1 : place;
}

// Writing

/** Begin the text anew. */
function start() {
  before.length = 0;
  view.offerBack(false);
  showSettings();
  keepLink();
  view.clear();
  complain("");
  find("note").textContent = "";
  const ids = readPrompt();
  if (!ids) {
    stop();
    showProgress(0);
    view.look();
    return;
  }
  const { tokenizer } = writer;
  const stream = new TextStream(tokenizer);
  const given = ids.map((id) => stream.push(id)).filter(Boolean);
  // The line break that a tale begins with is not shown: it joins the first word.
  const [first, second] = given;
  if (second && first.text === "\n" && tokenizer.end.endsWith("\n")) {
    given.splice(0, 2, { ...second, token: 0 });
  }
  view.add(given.map((piece) => ({ ...piece, kind: "given" })));
  running.given = ids.length;
  write(writer.write(ids, readSettings()), stream);
}

/** Let the text go on with another token, and keep the one that is there. */
function branch(place, id) {
  before.push({ ...running, pieces: view.pieces, kept: writer.keep() });
  if (before.length > KEPT_TEXTS) before.shift();
  view.offerBack(true);
  const ids = [...writer.text.slice(0, place), id];
  const stream = new TextStream(writer.tokenizer);
  const chosen = ids.map((one) => stream.push(one)).at(-1);
  view.cut(place);
  if (chosen) view.add([{ ...chosen, kind: "branch" }]);
  running.given = Math.min(running.given, place);
  write(writer.write(ids, readSettings(), running.given), stream);
}

/** Return to the text before the last branch, and go on if it was not complete. */
function goBack() {
  stop();
  const { steps, stream, given, count, pieces, kept } = before.pop();
  running.given = given;
  view.offerBack(before.length > 0);
  writer.restore(kept);
  view.clear();
  view.add(pieces);
  if (steps) write(steps, stream, count);
  else showProgress(count);
}

function write(steps, stream, count = 0) {
  stop();
  const began = performance.now();
  Object.assign(running, { steps, stream, count, began, counted: count, drawnFrom: began });
  writeOn();
}

function stop() {
  cancelAnimationFrame(running.frame);
  running.steps = null;
}

function readPrompt() {
  const { tokenizer } = writer;
  const prompt = controls.prompt.value;
  if (!prompt) return complain(labels.emptyPrompt);
  try {
    const unknown = tokenizer.unknownWords?.(prompt) ?? [];
    if (unknown.length) complain(labels.unknownWords(unknown.map(visible).join(", ")));
    return encodePrompt(tokenizer, prompt);
  } catch (error) {
    if (!(error instanceof UnknownCharacter)) throw error;
    return complain(labels.unknownCharacter(visible(error.character), error.position));
  }
}

/** Write for as long as a slice lasts, show it, and go on in the next frame. */
function writeOn() {
  const now = performance.now();
  const drawing = Math.min(Math.max(now - running.drawnFrom, SHORTEST_SLICE), LONGEST_SLICE);
  const pieces = [];
  let step;
  do {
    step = running.steps.next();
    if (step.done || step.value === null) continue;
    running.count += 1;
    pieces.push(running.stream.push(step.value));
  } while (!step.done && performance.now() < now + drawing);
  if (step.done) pieces.push(running.stream.end());
  view.add(pieces.filter(Boolean));
  const seconds = (performance.now() - running.began) / 1000;
  showProgress(running.count, (running.count - running.counted) / seconds);
  running.drawnFrom = performance.now();
  if (step.done) finish();
  else running.frame = requestAnimationFrame(writeOn);
}

function finish() {
  running.steps = null;
  say(labels.written(format(running.count)));
  view.look();
}

function showProgress(count, speed = 0) {
  const parts = [labels.written(format(count))];
  if (speed) parts.push(labels.speed(format(Math.round(speed))));
  find("progress").textContent = parts.join(" · ");
}

/** Tell those who listen to the page instead of looking at it. */
function say(words) {
  find("voice").textContent = words;
}

function complain(words) {
  find("complaint").textContent = words;
  return null;
}

// Buttons

async function copy(words, done) {
  try {
    // Many browsers keep the new clipboard from a page that was opened as a file.
    if (!copySelection(words)) await navigator.clipboard.writeText(words);
    showNote(done);
  } catch {
    showNote(labels.notCopied);
  }
}

/** Copy as a reader would: select the words, and copy what is selected. */
function copySelection(words) {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = words;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}

function showNote(words) {
  find("note").textContent = words;
  say(words);
}

function connect() {
  for (const control of Object.values(controls)) control.addEventListener("input", start);
  controls.prompt.addEventListener("input", () => view.unpin());
  find("another").addEventListener("click", () => {
    controls.seed.value = (readSettings().seed + 1) % 2 ** 32;
    start();
  });
  find("copy-link").addEventListener("click", () => {
    const address = location.href.split("#")[0] + link();
    copy(address, labels.linkCopied);
  });
  find("copy-text").addEventListener("click", () => {
    copy(find("text").querySelector(".text").textContent, labels.textCopied);
  });
  addEventListener("hashchange", () => {
    openLink();
    start();
  });
  find("form").addEventListener("submit", (event) => event.preventDefault());
}

function prepareControls() {
  controls.prompt.value = content.prompt;
  controls.topK.max = TOP_K.length - 1;
  controls.topK.value = placeOfTopK(50);
  openLink();
  showSettings();
}

function open() {
  try {
    const weights = readWeights(content.shapes, find("weights").textContent);
    find("weights").remove(); // a copy less to keep in memory
    writer = new Writer(new GPT(content.config, weights), makeTokenizer(content.tokenizer));
  } catch (error) {
    find("progress").textContent = "";
    complain(labels.damaged);
    throw error;
  }
  view = new View(find("text"), find("inside"), {
    labels, percent: percentIn(language), live: true, branch, back: goBack,
    explain: (place, rows) => writer.explain(place, rows),
    unsure: (place) => writer.unsure(place),
  });
  // For the curious: open the browser's console and look at `minigpt.model`.
  globalThis.minigpt = { ...writer, writer, view, encodePrompt };
  connect();
  start();
}

showLabels();
prepareControls();
setTimeout(open); // the page is shown before its model is unpacked
