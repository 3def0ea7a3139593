/**
 * The three tokenizers of minigpt/tokenizer, which turn text into ids and back.
 *
 * Each has `tokens`, a string per id for people to read, `encode(text)` and
 * `decode(ids)`. What ends a text, such as blank lines between two tales, is `end`.
 */

import { hex, visible } from "./visible.js";

/** Return the tokenizer whose `to_dict()` gave these fields in Python. */
export function makeTokenizer(fields) {
  const kinds = { char: CharTokenizer, bpe: BPETokenizer, word: WordTokenizer };
  const tokenizer = new kinds[fields.type](fields);
  tokenizer.end = fields.end ?? "";
  return tokenizer;
}

/**
 * Return the ids of the beginning of a text, for a model to continue.
 *
 * Texts that end with line breaks begin with the last of these, as the model has learned.
 */
export function encodePrompt(tokenizer, text) {
  const begin = tokenizer.end.endsWith("\n") ? "\n" : "";
  const before = text.startsWith(begin) ? [] : tokenizer.encode(begin);
  return [...before, ...tokenizer.encodeOpen(text)];
}

/** A character that the model cannot read, and where it stands in the text. */
export class UnknownCharacter extends Error {
  constructor(character, position) {
    super(`unknown character ${character} at position ${position}`);
    Object.assign(this, { character, position });
  }
}

/** One token per character. */
class CharTokenizer {
  constructor({ characters }) {
    this.characters = [...characters]; // by code points: an emoji counts once
    this.ids = new Map(this.characters.map((character, id) => [character, id]));
    this.tokens = this.characters.map(visible);
  }

  encodeOpen(text) {
    return this.encode(text);
  }

  encode(text) {
    const known = (characters) => characters.every((c) => this.ids.has(c));
    let characters = [...text];
    // Some systems type "й" as "и" and a breve; the composed form is what was learned.
    if (!known(characters)) characters = [...text.normalize("NFC")];
    return characters.map((character, position) => {
      const id = this.ids.get(character);
      if (id === undefined) throw new UnknownCharacter(character, position + 1);
      return id;
    });
  }

  decode(ids) {
    return ids.map((id) => this.characters[id]).join("");
  }
}

// What Python's `re` calls a space; JavaScript's \s differs in seven characters.
const WORD_PIECE =
  /[\p{L}\p{N}_]+(?:['’][\p{L}\p{N}_]+)*|[\t-\r\x1c-\x20\x85\p{Z}]+|[^\p{L}\p{N}_\t-\r\x1c-\x20\x85\p{Z}]/gu;

/** One token per word, run of spaces or punctuation mark; unknown words are id 0. */
class WordTokenizer {
  constructor({ words }) {
    this.words = words;
    this.ids = new Map(words.map((word, id) => [word, id]));
    this.tokens = words.map(visible);
  }

  encode(text) {
    return this.pieces(text).map((piece) => this.ids.get(piece) ?? 0);
  }

  encodeOpen(text) {
    return this.encode(text);
  }

  unknownWords(text) {
    return [...new Set(this.pieces(text).filter((piece) => !this.ids.has(piece)))];
  }

  pieces(text) {
    const split = (string) => string.match(WORD_PIECE) ?? [];
    const pieces = split(text);
    const known = pieces.every((piece) => this.ids.has(piece));
    return known ? pieces : split(text.normalize("NFC"));
  }

  decode(ids) {
    return ids.map((id) => this.words[id]).join("");
  }
}

// GPT-2's pattern: the ends of I'm and we'll, words and numbers and marks with the
// space before them, and other spaces, of which the last belongs to the next word.
const BPE_WORD =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\t-\r \x85\p{Z}\p{L}\p{N}]+|[\t-\r \x85\p{Z}]+(?![^\t-\r \x85\p{Z}])|[\t-\r \x85\p{Z}]+/gu;

/** Byte pairs: one token per byte, and one for each merge of two tokens. */
class BPETokenizer {
  constructor({ merges, end_token: endToken }) {
    // GPT-2 numbers the bytes that are printable in Latin-1 first.
    const all = Array.from({ length: 256 }, (_, byte) => byte);
    const printable = (b) =>
      (b > 32 && b < 127) || (b > 160 && b < 173) || b > 173;
    const order = [...all.filter(printable), ...all.filter((b) => !printable(b))];
    this.idOfByte = new Uint8Array(256);
    order.forEach((byte, id) => (this.idOfByte[byte] = id));

    this.bytes = order.map((byte) => [byte]);
    this.newIds = new Map();
    for (const [first, second] of merges) {
      this.newIds.set(pairKey(first, second), this.bytes.length);
      this.bytes.push([...this.bytes[first], ...this.bytes[second]]);
    }
    this.endToken = endToken; // one token, which no merge makes
    if (endToken) this.bytes.push([...new TextEncoder().encode(endToken)]);
    this.tokens = this.bytes.map(visibleBytes);
    this.words = new Map(); // words that were encoded before
  }

  encode(text) {
    const parts = this.endToken ? text.split(this.endToken) : [text];
    return parts.flatMap((part, number) => {
      const ids = (part.match(BPE_WORD) ?? []).flatMap((word) => this.encodeWord(word));
      return number ? [this.bytes.length - 1, ...ids] : ids;
    });
  }

  /** Return the ids of a text that goes on: see `_encode_open` in Python. */
  encodeOpen(text) {
    const end = text.endsWith("\n") ? text.length - 1 : text.length;
    return [...this.encode(text.slice(0, end)), ...this.encode(text.slice(end))];
  }

  encodeWord(word) {
    if (this.words.has(word)) return this.words.get(word);
    let ids = Array.from(new TextEncoder().encode(word), (b) => this.idOfByte[b]);
    for (;;) {
      // Merges are made in the order in which they were learned: the lowest id first.
      let newId = Infinity;
      for (let n = 1; n < ids.length; n++) {
        const known = this.newIds.get(pairKey(ids[n - 1], ids[n]));
        if (known < newId) newId = known;
      }
      if (newId === Infinity) break;
      ids = this.merge(ids, newId);
    }
    this.words.set(word, ids);
    return ids;
  }

  /** Replace every pair that makes `newId`, from left to right. */
  merge(ids, newId) {
    const merged = [];
    for (const id of ids) {
      const last = merged.pop();
      if (last === undefined) merged.push(id);
      else if (this.newIds.get(pairKey(last, id)) === newId) merged.push(newId);
      else merged.push(last, id);
    }
    return merged;
  }

  decode(ids) {
    return decodeBytes(ids.flatMap((id) => this.bytes[id]));
  }
}

/** Return one number for a pair of ids, which a Map can look up. */
function pairKey(first, second) {
  return first * 65536 + second;
}

const UNREADABLE = "\uFFFD";

function decodeBytes(bytes) {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

function visibleBytes(bytes) {
  const text = decodeBytes(bytes);
  if (!text.includes(UNREADABLE)) return visible(text);
  return bytes.map((b) => (b < 128 ? visible(String.fromCharCode(b)) : hex(b))).join("");
}

/**
 * Turns ids into pieces of text, each as soon as it is certain.
 *
 * A byte-pair token may end in the middle of a character. It is then held back until
 * the tokens that follow have completed the character.
 */
export class TextStream {
  constructor(tokenizer) {
    Object.assign(this, { tokenizer, waiting: [], shown: 0, count: 0, first: 0 });
  }

  /** Add an id; return { text, token } with the place of its first token, or null. */
  push(id) {
    if (!this.waiting.length) this.first = this.count;
    this.count += 1;
    this.waiting.push(id);
    const text = this.tokenizer.decode(this.waiting);
    const certain = text.length - (text.endsWith(UNREADABLE) ? 1 : 0);
    return this.piece(text, certain);
  }

  /** Return what is still held back, or null. */
  end() {
    const text = this.tokenizer.decode(this.waiting);
    return this.piece(text, text.length);
  }

  piece(text, certain) {
    const piece = { text: text.slice(this.shown, certain), token: this.first };
    this.shown = certain;
    if (certain === text.length) Object.assign(this, { waiting: [], shown: 0 });
    else if (piece.text) this.first = this.count - 1; // the token that was begun
    return piece.text ? piece : null;
  }
}
