// A stack of a hundred layers, taken and given back, against what that asks of the kernel.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from '../bench.mjs'

const LAYERS = 100
const WARM = 2000

async function prepare(bench) {
  const area = bench.at('get-put')
  mkdirSync(area)
  try {
    mountSync('graphdriver-bench', area, 'tmpfs')
  } catch (error) {
    throw new Unavailable(error.message)
  }
  // However short the paths are, the layers are given one by one: the peer does the same.
  const overlay = { form: 'fsconfig' }
  const driver = await open({ root: join(area, 'store'), driver: 'overlay', sync: 'none', overlay })
  for (let at = 0; at <= LAYERS; at++) await driver.create(`l${at}`, at > 0 ? { parent: `l${at - 1}` } : {})
  // What a program pays that goes on: the compiler of V8 is done with what runs often after more than a thousand of them.
  await taken({ driver, count: WARM })
  return { bench, area, driver, count: 100 }
}

async function taken({ driver, count }) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < count; at++) {
    await driver.get(`l${LAYERS}`)
    await driver.put(`l${LAYERS}`)
  }
  return Number(process.hrtime.bigint() - began)
}

export default {
  name: 'get-put',
  work: `100 x get and put of a stack of ${LAYERS} layers, after ${WARM} others`,
  against: 'the system calls in C',
  bound: 1.5,
  prepare,
  ours: taken,
  peer: ({ bench, driver, count }) =>
    bench.clocked(bench.program('getput'), driver.root, `l${LAYERS}`, String(LAYERS), String(count)),
  end: async (state) => {
    await state.driver.close()
    umount2Sync(state.area, MNT_DETACH)
    rmSync(state.area, { recursive: true })
  },
}
