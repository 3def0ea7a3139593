/** The weights of the model: from base64 in the page to 32-bit floats. */

/**
 * Return a Map from names to arrays.
 *
 * shapes: [name, shape] of each array, in the order in which they were written.
 * base64: all numbers as 16-bit floats, the low byte of each first.
 */
export function readWeights(shapes, base64) {
  const numbers = fromHalves(atob(base64.trim()));
  const weights = new Map();
  let start = 0;
  for (const [name, shape] of shapes) {
    const stop = start + shape.reduce((product, n) => product * n, 1);
    weights.set(name, numbers.subarray(start, stop));
    start = stop;
  }
  if (start !== numbers.length) throw new RangeError("the weights are incomplete");
  return weights;
}

/** Return the numbers whose bytes are the characters of a string. */
export function fromHalves(bytes) {
  const numbers = new Float32Array(bytes.length / 2);
  for (let n = 0; n < numbers.length; n++) {
    // A sign bit, five bits of the exponent, ten bits of the fraction. Newer browsers
    // have a Float16Array, but this page is also meant for old phones.
    const bits = bytes.charCodeAt(2 * n) | (bytes.charCodeAt(2 * n + 1) << 8);
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    // With the lowest exponent, no 1 stands before the point: that makes room for 0.
    const size = exponent ? POWERS[exponent] * (1 + fraction) : POWERS[1] * fraction;
    numbers[n] = bits & 0x8000 ? -size : size;
  }
  return numbers;
}

const POWERS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 15));
