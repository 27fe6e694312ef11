// What a verb costs in a store of 10,000 layers, against one of 10: nothing may grow with the layers that it is not about.
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from '../bench.mjs'

const MANY = 10_000
const FEW = 10
/** Overlay takes 500 below the writable one. */
const DEEPEST = 400

/** Writes layers down as create leaves them, which is quicker than to make them one by one. */
function fill(root, layers) {
  for (let made = 0, chain = 0; made < layers; chain++) {
    let above = ''
    for (let depth = 0; depth < DEEPEST && made < layers; depth++, made++) {
      const id = `chain-${chain}-${depth}`
      for (const name of ['diff', 'mnt', 'work']) mkdirSync(join(root, name, id))
      writeFileSync(join(root, 'layers', id), above, { mode: above === '' ? 0o600 : 0o400 })
      const parent = above.slice(0, above.indexOf('\n'))
      if (parent !== '') {
        mkdirSync(join(root, 'children', parent))
        writeFileSync(join(root, 'children', parent, id), '')
      }
      above = `${id}\n${above}`
    }
  }
}

async function store(directory, layers) {
  const root = join(directory, String(layers))
  await (await open({ root, driver: 'overlay', sync: 'none' })).close()
  fill(root, layers)
  const driver = await open({ root, driver: 'overlay', sync: 'none' })
  await driver.create('top', { parent: `chain-0-${FEW - 2}` })
  return driver
}

async function prepare(bench, name) {
  const directory = bench.at(`store-size-${name}`)
  mkdirSync(directory)
  try {
    mountSync('graphdriver-bench', directory, 'tmpfs')
  } catch (error) {
    throw new Unavailable(error.message)
  }
  return { directory, many: await store(directory, MANY), few: await store(directory, FEW) }
}

async function clock(times, work) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < times; at++) await work()
  return Number(process.hrtime.bigint() - began)
}

function row(name, work, times, turn) {
  return {
    name: `store-size/${name}`,
    work: `${times} x ${work}, among ${MANY} layers`,
    against: `the same among ${FEW} layers`,
    bound: 1.2,
    prepare: (bench) => prepare(bench, name),
    ours: ({ many }) => clock(times, () => turn(many)),
    peer: ({ few }) => clock(times, () => turn(few)),
    end: async ({ directory, many, few }) => {
      await many.close()
      await few.close()
      umount2Sync(directory, MNT_DETACH)
      rmdirSync(directory)
    },
  }
}

export default [
  row('get-put', 'get and put of a layer of 10', 100, async (driver) => {
    await driver.get('top')
    await driver.put('top')
  }),
  row('create-remove', 'create and remove of a layer', 100, async (driver) => {
    await driver.create('new', { parent: 'top' })
    await driver.remove('new')
  }),
  row('exists', 'exists', 1000, (driver) => driver.exists('top')),
]
