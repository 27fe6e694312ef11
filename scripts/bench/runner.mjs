// Measures a row. A row is
//   name, work (what is done), and either
//   against (the peer), bound (the most that ours / peer may be), prepare(bench) -> state, ours(state), peer(state)
//   or limit, unit, prepare(bench), measure(state): a value that is judged by itself, the worst of three.
// `ours` and `peer` answer nanoseconds, or nothing: then the whole call is timed. `reset(state)`, if there is one, runs
// before each of them, untimed, and `end(state)` after all.
import { Unavailable } from './bench.mjs'
import { FEWEST, interval, judge, median } from './statistics.mjs'

const MEASUREMENTS = 3

/** Measures a row; answers what goes into the table and the JSON. Never throws. */
export async function measure(row, bench, options) {
  const { name, work, against, bound, limit, unit } = row
  const head = { name, work, against, bound, limit, unit }
  let state
  try {
    state = await row.prepare(bench)
    const found = limit === undefined ? await compare(row, state, options) : await worst(row, state)
    return { ...head, ...found }
  } catch (error) {
    if (error instanceof Unavailable) return { ...head, verdict: 'skipped', reason: error.message }
    return { ...head, verdict: 'failed', reason: error.stack ?? String(error) }
  } finally {
    if (state !== undefined) await row.end?.(state)
  }
}

async function worst(row, state) {
  const values = []
  for (let at = 0; at < MEASUREMENTS; at++) values.push(await row.measure(state))
  const value = Math.max(...values)
  return { value, values, verdict: value <= row.limit ? 'holds' : 'missed' }
}

async function compare(row, state, { pairs, most, seconds }) {
  const sides = [(state) => row.ours(state), (state) => row.peer(state)]
  // The first run of each pays for caches and for the compiler.
  for (const side of sides) await clock(row, state, side)
  const runs = []
  const end = performance.now() + seconds * 1000
  let wanted = Math.max(pairs, FEWEST)
  for (;;) {
    while (runs.length < wanted && (runs.length < FEWEST || performance.now() < end))
      runs.push(await pair(row, state, sides, runs.length % 2 === 1))
    const found = summary(runs, row.bound)
    // Looked at only when the number has doubled: who looks after every pair finds what he hopes for sooner or later.
    if (found.verdict !== 'undecided' || runs.length < wanted || wanted >= most) return found
    wanted = Math.min(wanted * 2, most)
  }
}

/** One run of each; every second pair begins with the peer, so that what drifts does not favour one. */
async function pair(row, state, sides, turned) {
  const took = []
  for (const at of turned ? [1, 0] : [0, 1]) took[at] = await clock(row, state, sides[at])
  return took
}

async function clock(row, state, side) {
  await row.reset?.(state)
  const began = process.hrtime.bigint()
  const own = await side(state)
  return own ?? Number(process.hrtime.bigint() - began)
}

function summary(runs, bound) {
  const ratios = runs.map(([ours, peer]) => ours / peer)
  const [low, high] = interval(ratios)
  return {
    ours: median(runs.map(([ours]) => ours)),
    peer: median(runs.map(([, peer]) => peer)),
    ratio: median(ratios),
    low,
    high,
    pairs: runs.length,
    runs,
    verdict: judge([low, high], bound),
  }
}
