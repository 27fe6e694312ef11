// Numbers that are the same on every machine, whenever they are asked for.

/** A generator of numbers in [0, 1): mulberry32. */
export function seeded(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** A whole number from 0 to `limit` - 1. */
export function below(random, limit) {
  return Math.floor(random() * limit)
}

/** Bytes that do not compress. */
export function noise(random, size) {
  const words = new Uint32Array(Math.ceil(size / 4))
  for (let at = 0; at < words.length; at++) words[at] = random() * 4294967296
  return Buffer.from(words.buffer, 0, size)
}

/** Sizes that add up to `total` (all but the rounding): most are small, a few are large, as files are. */
export function sizes(random, count, total, spread) {
  const weights = Array.from({ length: count }, () => Math.exp(spread * normal(random)))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => Math.floor((weight / sum) * total))
}

/** Normally distributed, by Box and Muller. */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
