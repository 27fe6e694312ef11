// Medians of paired ratios, and how sure they are.

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** The chance that at most `most` of `n` throws of a coin show heads. */
function atMost(most, n) {
  let term = 0.5 ** n
  let sum = 0
  for (let heads = 0; heads <= most; heads++) {
    sum += term
    term *= (n - heads) / (heads + 1)
  }
  return sum
}

/** How many numbers it takes before the median has an interval at all. */
export const FEWEST = 6

/**
 * The 95 % interval of the median: two of the numbers themselves, chosen so that the true median lies outside with a chance
 * of at most 5 %. That holds for any distribution, since each number is below the true median with a chance of one half.
 *
 * @returns lowest and highest; undefined for fewer than {@link FEWEST} numbers.
 */
export function interval(numbers) {
  const n = numbers.length
  if (n < FEWEST) return undefined
  let outside = 0
  while (atMost(outside, n) <= 0.025) outside++
  const sorted = numbers.toSorted((a, b) => a - b)
  return [sorted[outside - 1], sorted[n - outside]]
}

/**
 * Whether a bound holds: 'holds' when the whole interval is within it, 'missed' when the whole interval is beyond it, else
 * 'undecided'. Without a bound there is nothing to judge: 'shown'.
 */
export function judge([low, high], bound) {
  if (bound === undefined) return 'shown'
  if (high <= bound) return 'holds'
  return low > bound ? 'missed' : 'undecided'
}
