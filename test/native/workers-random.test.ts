import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { LONG, seedOr } from '../figures.ts'
import { makePlaces, type Places } from './places.ts'
import { mountsBelow, native, openFds, ownThreads, scratch, seeded, startWorker, until } from './support.ts'


describe('native: workers ended at random', () => {
  const { path, make } = scratch()
  const count = LONG ? 1000 : 40
  const lanes = 4
  let places: Places[]

  before(() => {
    places = Array.from({ length: lanes }, (_, lane) => makePlaces(make, `lane${String(lane)}`))
  })

  it(`${String(count)} of them, with every kind of work under way: nothing crashes, and nothing is left`, async function () {
    this.timeout(60_000 + count * 1000)
    const seed = seedOr(5150)
    const random = seeded(seed)
    const script = `
      let state = workerData.seed
      const random = () => { state = Math.imul(state ^ (state >>> 13), 0x5bd1e995) + 1 | 0; return (state >>> 0) / 4294967296 }
      import(${JSON.stringify(join(import.meta.dirname, 'work.mjs'))}).then(({ workOn, abandon }) => {
        if (workerData.abandons) abandon(native, workerData.places, random)
        else workOn(native, workerData.places, random)
        parentPort.postMessage(1)
        while (workerData.abandons);
      })`
    const endOne = async (lane: number): Promise<void> => {
      const data = { seed: Math.floor(random() * 2 ** 31), places: places[lane], abandons: random() < 0.5 }
      const { worker } = await startWorker(script, data)
      await sleep(random() * 30)
      await worker.terminate()
    }
    // What loading the first of them opens for good is not counted.
    await endOne(0)
    await until('the first one’s threads end', () => ownThreads() === 0)
    const before = openFds()
    let begun = 0
    const run = async (lane: number): Promise<void> => {
      for (; begun < count; begun++) await endOne(lane)
    }
    await Promise.all(places.map((_, lane) => run(lane)))
    await until('the threads end', () => ownThreads() === 0)
    await until('nothing stays mounted', () => mountsBelow(path) === 0)
    await until('nothing stays open', () => openFds() <= before)
    assert.equal(await native.umount2('/no/such', 0), -native.errnos['ENOENT']!)
  })
})
