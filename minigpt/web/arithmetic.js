/**
 * The arithmetic of a GPT, on plain arrays of 32-bit floats.
 *
 * A matrix is one long array, row after row. A layer is { weight, bias, out }: its result
 * is written to `out`, the same array for every token, because a browser that is handed
 * thousands of new arrays a second spends much of its time tidying up.
 */

/** Return the dot product of `length` numbers of a, from i on, and of b, from j on. */
export function dot(a, i, b, j, length) {
  // Four sums side by side, because one sum would make each addition wait for the last.
  let sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0, n = 0;
  for (; n + 3 < length; n += 4) {
    sum0 += a[i + n] * b[j + n];
    sum1 += a[i + n + 1] * b[j + n + 1];
    sum2 += a[i + n + 2] * b[j + n + 2];
    sum3 += a[i + n + 3] * b[j + n + 3];
  }
  for (; n < length; n++) sum0 += a[i + n] * b[j + n];
  return sum0 + sum1 + sum2 + sum3;
}

/** Write the product of a matrix (out.length, x.length) with x to out. */
export function multiply(matrix, x, out) {
  const columns = x.length;
  const rows = out.length;
  let row = 0;
  // Four rows side by side: each number of x is fetched once for all of them.
  for (; row + 3 < rows; row += 4) {
    const a = row * columns, b = a + columns, c = b + columns, d = c + columns;
    let sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    for (let n = 0; n < columns; n++) {
      const value = x[n];
      sum0 += matrix[a + n] * value;
      sum1 += matrix[b + n] * value;
      sum2 += matrix[c + n] * value;
      sum3 += matrix[d + n] * value;
    }
    out[row] = sum0;
    out[row + 1] = sum1;
    out[row + 2] = sum2;
    out[row + 3] = sum3;
  }
  for (; row < rows; row++) out[row] = dot(matrix, row * columns, x, 0, columns);
  return out;
}

/** Return what a linear layer makes of x: W x + b. */
export function linear({ weight, bias, out }, x) {
  return add(multiply(weight, x, out), bias);
}

/** Add y to x, in place. */
export function add(x, y) {
  for (let n = 0; n < x.length; n++) x[n] += y[n];
  return x;
}

/** Return x with mean 0 and variance 1, then scaled and shifted as was learned. */
export function layerNorm({ weight, bias, out }, x) {
  let mean = 0;
  for (const value of x) mean += value / x.length;
  let variance = 0;
  for (const value of x) variance += (value - mean) ** 2 / x.length;
  const scale = 1 / Math.sqrt(variance + 1e-5);
  for (let n = 0; n < x.length; n++) {
    out[n] = (x[n] - mean) * scale * weight[n] + bias[n];
  }
  return out;
}

/** Return x divided by its root mean square, then scaled as was learned. */
export function rmsNorm({ weight, out }, x) {
  const scale = 1 / rootMeanSquare(x);
  for (let n = 0; n < x.length; n++) out[n] = x[n] * scale * weight[n];
  return out;
}

/** Divide x by its root mean square, in place. */
export function normalise(x) {
  const scale = 1 / rootMeanSquare(x);
  for (let n = 0; n < x.length; n++) x[n] *= scale;
}

function rootMeanSquare(x) {
  // PyTorch's epsilon: the distance from 1 to the next 32-bit float.
  return Math.sqrt(dot(x, 0, x, 0, x.length) / x.length + 2 ** -23);
}

/** Turn scores into weights that add up to 1, in place. */
export function softmax(scores) {
  // Subtracting the highest score changes nothing, but keeps `exp` from overflowing.
  let highestScore = -Infinity;
  for (const score of scores) highestScore = Math.max(highestScore, score);
  let sum = 0;
  for (let n = 0; n < scores.length; n++) {
    scores[n] = Math.exp(scores[n] - highestScore);
    sum += scores[n];
  }
  for (let n = 0; n < scores.length; n++) scores[n] /= sum;
  return scores;
}

/** GPT-2's activation, in place: x (1 + tanh(y)) / 2, which is x / (1 + exp(-2y)). */
export function gelu(x) {
  const twice = 2 * Math.sqrt(2 / Math.PI);
  for (let n = 0; n < x.length; n++) {
    const y = x[n] + 0.044715 * x[n] * x[n] * x[n];
    x[n] /= 1 + Math.exp(-twice * y);
  }
  return x;
}

/** The activation of modern models, in place: 0 below 0, and the square above. */
export function squaredRelu(x) {
  for (let n = 0; n < x.length; n++) x[n] = x[n] > 0 ? x[n] * x[n] : 0;
  return x;
}

/**
 * Rotate a query or key to its position, in place: rotary position embedding.
 *
 * Channels i and i + D/2 are the two coordinates of a point, which turns by an angle
 * that grows with the position. The dot product of a query and a key then depends only
 * on how far apart they are.
 */
export function rotate(x, position) {
  const half = x.length / 2;
  for (let i = 0; i < half; i++) {
    const angle = position * 10000 ** (-i / half);
    const cos = Math.cos(angle), sin = Math.sin(angle);
    const a = x[i], b = x[i + half];
    x[i] = a * cos - b * sin;
    x[i + half] = a * sin + b * cos;
  }
}
