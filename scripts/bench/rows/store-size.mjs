// What a verb costs in a store of 10,000 layers, against one of 10: nothing may grow with the layers that it is not about.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from 'graphdriver'
import { unmountMany } from 'graphdriver/mount'
import { MS_BIND, mountSync } from 'graphdriver/sys'
import { dropMemory, each, makeMemory } from '../memory.mjs'
import { openFilled } from '../stores.mjs'

const MANY = 10_000
const FEW = 10
const SETTLED_MS = 2100

async function store(directory, layers) {
  const driver = await openFilled(join(directory, String(layers)), layers)
  await driver.create('top', { parent: `chain-0-${FEW - 2}` })
  return driver
}

async function prepare(bench, name) {
  const directory = makeMemory(bench, `store-size-${name}`)
  const [many, few] = [await store(directory, MANY), await store(directory, FEW)]
  // What was made just now is not noted as clean; the next to open it does that.
  await sleep(SETTLED_MS)
  for (const { root } of [many, few]) await (await open({ root })).close()
  return { directory, many, few }
}

function row(name, work, times, turn) {
  return {
    name: `store-size/${name}`,
    work: `${work}, among ${MANY} layers, ${times} in turn`,
    against: `the same among ${FEW} layers`,
    bound: 1.2,
    prepare: (bench) => prepare(bench, name),
    ours: ({ many }) => each(times, () => turn(many)),
    peer: ({ few }) => each(times, () => turn(few)),
    end: async ({ directory, many, few }) => {
      await many.close()
      await few.close()
      dropMemory(directory)
    },
  }
}

/** The same store twice, and nothing else that differs: first one is measured, then a machine full of mounts. */
const mounts = {
  name: 'mounts-size/get-put',
  work: `get and put of a layer of 10, with ${MANY} mounts, 100 in turn`,
  against: `the same with ${FEW} mounts`,
  bound: 1.2,
  prepare: async (bench) => {
    const directory = makeMemory(bench, 'mounts-size')
    const driver = await store(directory, FEW)
    const source = join(directory, 'source')
    mkdirSync(source)
    for (let at = 0; at < MANY; at++) mkdirSync(join(directory, `mount-${at}`))
    return { directory, driver, source, mounted: 0 }
  },
  ours: (state) => withMounts(state, MANY),
  peer: (state) => withMounts(state, FEW),
  end: async ({ directory, driver }) => {
    await driver.close()
    dropMemory(directory)
  },
}

/** Brings the machine to so many mounts, untimed. */
async function withMounts(state, wanted) {
  const { directory, driver, source } = state
  for (; state.mounted < wanted; state.mounted++)
    mountSync(source, join(directory, `mount-${state.mounted}`), null, MS_BIND)
  if (state.mounted > wanted) {
    await unmountMany(
      Array.from({ length: state.mounted - wanted }, (_, at) => join(directory, `mount-${wanted + at}`)),
    )
    state.mounted = wanted
  }
  return each(100, async () => {
    await driver.get('top')
    await driver.put('top')
  })
}

export default [
  mounts,
  row('get-put', 'get and put of a layer of 10', 100, async (driver) => {
    await driver.get('top')
    await driver.put('top')
  }),
  row('create-remove', 'create and remove of a layer', 100, async (driver) => {
    await driver.create('new', { parent: 'top' })
    await driver.remove('new')
  }),
  row('exists', 'exists', 1000, (driver) => driver.exists('top')),
  row('open', 'open and close', 20, async ({ root }) => (await open({ root })).close()),
]
