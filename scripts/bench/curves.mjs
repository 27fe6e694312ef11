// The curves: what the files of curves/ export. A curve is
//   name, title, axis (what grows), points (how much of it), prepare(bench, point) -> state, end(state), and series: each
//   { label, expect, run(state) }, where run answers the nanoseconds of one operation, and expect says how they grow:
//   'flat', 'line' (as the axis, at most), or nothing for what is there to compare with.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Unavailable } from './bench.mjs'
import { median } from './statistics.mjs'

const directory = join(import.meta.dirname, 'curves')

/** Rounds of each point; every series runs once a round. */
const ROUNDS = 5

/** How much more than nothing is still nothing, and how much steeper than a line still a line: machines do other things, too. */
const TOLERANCE = 1.5
const POWER = 1.15

/** The curves that the words name; without any word, all. */
export async function selectCurves(words) {
  const files = readdirSync(directory).filter((name) => name.endsWith('.mjs'))
  const curves = await Promise.all(
    files.sort().map(async (name) => (await import(join(directory, name))).default),
  )
  for (const word of words)
    if (!curves.some(({ name }) => name === word)) throw new Error(`there is no curve ${word}`)
  return words.length === 0 ? curves : curves.filter(({ name }) => words.includes(name))
}

/** Measures a curve up to a point; answers what goes into the table, the JSON and the picture. */
export async function measureCurve(curve, bench, most) {
  const { name, title, axis, series } = curve
  const points = curve.points.filter((point) => point <= most)
  const found = series.map(({ label, expect }) => ({ label, expect, points: [] }))
  try {
    for (const point of points) {
      const times = await measurePoint(curve, bench, point)
      times.forEach((nanoseconds, at) => found[at].points.push([point, nanoseconds]))
    }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    return { name, title, axis, series: [], skipped: error.message }
  }
  return { name, title, axis, series: found.map((one) => ({ ...one, ...judgeGrowth(one) })) }
}

async function measurePoint({ prepare, end, series }, bench, point) {
  const state = await prepare(bench, point)
  try {
    const times = series.map(() => [])
    // The first round pays for caches and for the compiler, and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [at, { run }] of series.entries()) {
        const nanoseconds = await run(state)
        if (round > 0) times[at].push(nanoseconds)
      }
    }
    return times.map(median)
  } finally {
    await end(state)
  }
}

/**
 * How a series grows. Flat: its last point costs no more than its first, within the tolerance. A line: from the third last point to the last,
 * where what every call costs counts least, it grows by no higher power than the axis.
 *
 * @returns growth: the last point by the first, or that power.
 */
export function judgeGrowth({ expect, points }) {
  if (expect === undefined || points.length < 3) return {}
  const last = points.at(-1)
  if (expect === 'flat') {
    const growth = last[1] / points[0][1]
    return { growth, verdict: growth <= TOLERANCE ? 'flat' : 'grows' }
  }
  const before = points.at(-3)
  const growth = Math.log(last[1] / before[1]) / Math.log(last[0] / before[0])
  return { growth, verdict: growth <= POWER ? 'line' : 'steeper than a line' }
}
