// One of several processes that work on one store at once: random calls from a seed, and only the errors that each may answer.
// A quarter of them is for layers of its own, which have to show what a model of them says.
// `player.mjs <{ root, driver, seed, count } as JSON>`. It prints how often each call ended how.
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { open } from 'graphdriver'
import { OwnLayers } from './own-layers.mjs'

const { root, driver, seed, count } = JSON.parse(process.argv[2] ?? '')
const IDS = Array.from({ length: 12 }, (_, at) => `layer-${at}`)
const EXPECTED = {
  create: ['ERR_LAYER_EXISTS', 'ERR_LAYER_NOT_FOUND', 'ERR_LAYER_IN_USE'],
  // Who looks at a layer keeps its mount as it was when the layer got its first child.
  get: ['ERR_LAYER_NOT_FOUND', 'ERR_LAYER_IN_USE', 'ERR_MOUNT_MISMATCH'],
  put: [],
  // Of what somebody else holds.
  putUnheld: ['ERR_LAYER_IN_USE'],
  remove: ['ERR_LAYER_NOT_FOUND', 'ERR_LAYER_IN_USE', 'ERR_LAYER_HAS_CHILDREN'],
  look: [],
  // Nobody else knows these layers.
  own: [],
}
const tally = {}
/** What this process holds: an id for each reference, the newest last. */
const held = []
let state = seed

function random(below) {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
}

function pick(list) {
  return list[random(list.length)]
}

async function attempt(name, work) {
  let ending = 'ok'
  try {
    await work()
  } catch (error) {
    ending = error.code
    if (!EXPECTED[name].includes(ending)) {
      error.message = `${name} failed: ${error.message}`
      throw error
    }
  }
  tally[`${name} ${ending}`] = (tally[`${name} ${ending}`] ?? 0) + 1
}

/** A child freezes its parent, and then its mount says EROFS: that is no fault of the store. */
function scribble(path) {
  const file = join(path, `${process.pid}`)
  const text = randomBytes(8).toString('hex')
  try {
    writeFileSync(file, text)
  } catch (error) {
    if (error.code === 'EROFS') return
    throw error
  }
  if (readFileSync(file, 'utf8') !== text) throw new Error(`${file} holds something else`)
}

async function get(store, id) {
  const readOnly = random(3) === 0
  const path = await store.get(id, { readOnly })
  held.push(id)
  if (!readOnly) scribble(path)
}

async function put(store) {
  if (held.length === 0) return
  const [id] = held.splice(random(held.length), 1)
  await store.put(id)
}

async function look(store) {
  for (const { id, fault } of await store.list()) {
    // Another process may be half-way: contents come before metadata.
    if (fault === 'corrupt') throw new Error(`${id} is ${fault}`)
  }
  await store.exists(pick(IDS))
  await store.info()
}

async function play(store, own) {
  if (random(4) === 0) return attempt('own', () => own.play())
  const id = pick(IDS)
  switch (random(10)) {
    case 0:
    case 1:
    case 2:
      return attempt('create', () => store.create(id, random(4) === 0 ? {} : { parent: pick(IDS) }))
    case 3:
    case 4:
    case 5:
      if (held.length >= 4) return attempt('put', () => put(store))
      return attempt('get', () => get(store, id))
    case 6:
    case 7:
      return attempt('put', () => put(store))
    case 8:
      return attempt('remove', () => store.remove(id))
    default:
      if (random(4) > 0) return attempt('look', () => look(store))
      if (random(2) === 0) return attempt('look', () => store.cleanup())
      return held.includes(id) ? undefined : attempt('putUnheld', () => store.put(id))
  }
}

const store = await open({ root, driver, sync: 'none' })
const own = new OwnLayers(store, `own-${seed}`, random)
for (let turn = 0; turn < count; turn++) {
  await play(store, own)
  if (turn % 16 === 0) writeSync(1, '.\n')
}
while (held.length > 0) await attempt('put', () => put(store))
await own.check()
writeSync(1, `model ${JSON.stringify(own.expected())}\n`)
await store.close()
for (const [name, times] of Object.entries(tally)) writeSync(1, `${name}: ${times}\n`)
