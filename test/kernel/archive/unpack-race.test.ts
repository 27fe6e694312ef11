import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { unpack } from '#lib/archive/unpack.js'
import { LONG } from '../../figures.ts'
import { directory, file, hardlink, symlink, tar } from '../../native/tarbytes.ts'
import { describeMounts } from '../namespace.ts'
import { fingerprint } from './unpack-support.ts'

/** Swaps a directory and a link to a place outside, again and again, as somebody with access to the layer could. */
const swapper = `
const { workerData, parentPort } = require('node:worker_threads')
const fs = require('node:fs')
const { layer, outside, turns, state } = workerData
const flags = new Int32Array(state)
const place = layer + '/d'
let swaps = 0
let moves = 0
parentPort.postMessage('ready')
while (swaps < turns || Atomics.load(flags, 0) === 0) {
  try {
    fs.renameSync(place, layer + '/aside' + moves++)
  } catch {}
  try {
    fs.symlinkSync(outside, place)
    swaps++
  } catch {}
  try {
    fs.unlinkSync(place)
  } catch {}
  try {
    fs.mkdirSync(place)
  } catch {}
}
parentPort.postMessage(swaps)
`

describeMounts('unpack: while somebody swaps directories and links', (top) => {
  const turns = LONG ? 200_000 : 10_000

  it(`${turns} swaps: nothing outside is touched`, async function () {
    this.timeout(turns * 12)
    const [layer, outside] = [join(top(), 'layer'), join(top(), 'outside')]
    for (const path of [layer, outside, join(outside, 'sub')]) mkdirSync(path)
    for (const name of ['f', 'l', 'sub/f']) writeFileSync(join(outside, name), 'outside', { mode: 0o600 })
    const before = fingerprint(outside)
    const state = new SharedArrayBuffer(4)
    const worker = new Worker(swapper, { eval: true, workerData: { layer, outside, turns, state } })
    const messages: unknown[] = []
    await new Promise((resolve) => worker.once('message', resolve))
    worker.on('message', (message) => messages.push(message))
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const outcomes = new Map<string, number>()
    const bytes = hostile()
    while (messages.length === 0) {
      const code = await unpackOnce(layer, bytes)
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
      Atomics.store(new Int32Array(state), 0, 1)
    }
    await ended
    assert.deepEqual(fingerprint(outside), before)
    assert.ok(Number(messages[0]) >= turns)
    assert.ok([...outcomes.values()].reduce((sum, count) => sum + count) > 10, 'it was unpacked meanwhile')
    assert.ok(readdirSync(layer).length > 0)
    // Failures of single calls are fine, refusals of the archive too: it is as if it were another one.
    for (const code of outcomes.keys()) assert.match(code, /^(|E[A-Z0-9]+|ERR_ARCHIVE_(PATH|LINK))$/)
  })
})

/** Everything that could go the wrong way. */
function hostile(): Buffer {
  return tar(
    file('g', 'x'),
    ...Array.from({ length: 20 }, (_, i) => [
      directory('d/', { mode: 0o777, uid: 5, mtime: 3 }),
      file('d/f', `inside ${i}`, { mode: 0o777, uid: 7 }),
      file('d/new', 'x'),
      directory('d/sub', { mode: 0o777, mtime: 4 }),
      file('d/sub/f', 'x', { mode: 0o777 }),
      file('d/.wh.l'),
      file('d/sub/.wh..wh..opq'),
      hardlink('d/l', 'g'),
      symlink('d/s', '../outside'),
      file('d/s/f', 'x'),
    ]).flat(),
  )
}

async function unpackOnce(layer: string, bytes: Buffer): Promise<string> {
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    yield bytes
  }
  try {
    await unpack(layer, source())
    return ''
  } catch (error) {
    return (error as { code: string }).code
  }
}
