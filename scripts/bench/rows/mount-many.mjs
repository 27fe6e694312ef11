// Many mounts, many unmounts, in one call each; and whether others in the process notice.
import { existsSync, mkdirSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { mountMany, unmountMany } from 'graphdriver/mount'
import { umount2Sync } from 'graphdriver/sys'
import { dropOverlay, inside, makeOverlay } from '../overlays.mjs'

const MANY = 100
const LAYERS = 16

/** Directories for many overlays, and what mounts each of them. */
export function makeMany(bench, name, layers, many = MANY) {
  const made = makeOverlay(bench, name, layers)
  for (const word of ['u', 'w', 'm']) {
    const directory = join(made.directory, word)
    if (!existsSync(directory)) mkdirSync(directory)
    for (let at = 0; at < many; at++) mkdirSync(join(directory, String(at)))
  }
  const lowers = /lowerdir=[^,]*/.exec(made.data)[0]
  const targets = Array.from({ length: many }, (_, at) => `m/${at}`)
  const specs = targets.map((target, at) => ({
    type: 'overlay',
    source: 'overlay',
    target,
    options: [lowers, `upperdir=u/${at}`, `workdir=w/${at}`],
  }))
  return { ...made, layers, targets, specs, mounted: false }
}

/** Brings about what the next run needs, untimed. */
async function settle(state, mounted) {
  if (state.mounted === mounted) return
  await inside(state, async () => {
    if (mounted) await mountMany(state.specs)
    else for (const target of state.targets) umount2Sync(target, 0)
  })
  state.mounted = mounted
}

async function clock(state, work) {
  const took = await inside(state, async () => {
    const began = process.hrtime.bigint()
    await work()
    return Number(process.hrtime.bigint() - began)
  })
  state.mounted = !state.mounted
  return took
}

async function inC(state, verb, threads) {
  const args = [verb, state.directory, String(state.layers), String(MANY), String(threads)]
  const took = await state.bench.clocked(state.bench.program('many'), ...args)
  state.mounted = !state.mounted
  return took
}

/** How long fs.stat took at the most, in milliseconds, while 100 overlays of 100 layers were mounted. */
async function slowestStat(state) {
  await settle(state, false)
  let going = true
  const mounting = inside(state, () => mountMany(state.specs)).finally(() => (going = false))
  let slowest = 0
  while (going) {
    const began = performance.now()
    await stat('/')
    slowest = Math.max(slowest, performance.now() - began)
  }
  await mounting
  state.mounted = true
  return slowest
}

/** A row of one call for all, against threads in C. */
const row = (verb, threads, mounted, ours) => ({
  name: `${verb}-many`,
  work: `${verb}Many of ${MANY} overlays of ${LAYERS} lower layers`,
  against: `C, ${threads} threads`,
  bound: 1.15,
  prepare: (bench) => makeMany(bench, `${verb}-many`, LAYERS),
  reset: (state) => settle(state, mounted),
  ours: (state) => clock(state, () => ours(state)),
  peer: (state) => inC(state, verb, threads),
  end: dropOverlay,
})

export default [
  row('mount', 2, false, ({ specs }) => mountMany(specs)),
  row('unmount', 16, true, ({ targets }) => unmountMany(targets)),
  {
    name: 'mount-many-stat',
    work: `fs.stat while ${MANY} overlays of 100 lower layers are mounted: the slowest`,
    limit: 5,
    unit: 'ms',
    prepare: (bench) => makeMany(bench, 'stat', 100),
    measure: slowestStat,
    end: dropOverlay,
  },
]
