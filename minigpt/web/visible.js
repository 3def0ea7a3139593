/** Characters that cannot be seen, made visible for people to read. */

/** Return the text with spaces, line ends and control characters made visible. */
export function visible(text) {
  return text
    .replaceAll(" ", "␣")
    .replaceAll("\n", "⏎")
    .replace(/[\p{C}\p{Z}]/gu, escapeCharacter);
}

export function hex(byte) {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

function escapeCharacter(character) {
  const code = character.codePointAt(0);
  if (code < 256) return { 9: "\\t", 13: "\\r" }[code] ?? hex(code);
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
