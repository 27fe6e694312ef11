// The mounts of a container host: overlays, each of which writes down all of its layers when the table is read.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { MountTable } from 'graphdriver/mount'
import { listMountsSync, MNT_DETACH, mountinfoSync, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from '../bench.mjs'

const OVERLAYS = 500
const LAYERS = 30
const TIMES = 20
const HOST = `${OVERLAYS} overlays of ${LAYERS} layers`

function prepare(bench, name) {
  const directory = bench.at(name)
  mkdirSync(directory)
  try {
    mountSync('graphdriver-bench', directory, 'tmpfs')
    listMountsSync()
  } catch (error) {
    throw new Unavailable(error.message)
  }
  const lowers = Array.from({ length: LAYERS }, (_, at) => join(directory, `${'layer'.repeat(8)}-${at}`))
  for (const lower of lowers) mkdirSync(lower)
  for (let at = 0; at < OVERLAYS; at++) {
    mkdirSync(join(directory, `mount-${at}`))
    mountSync('overlay', join(directory, `mount-${at}`), 'overlay', 0, `lowerdir=${lowers.join(':')}`)
  }
  return { directory, table: new MountTable() }
}

/** @param read answers the mounts. */
function times(read) {
  return async ({ table }) => {
    const began = process.hrtime.bigint()
    let mounts = 0
    for (let at = 0; at < TIMES; at++) mounts += (await read(table)).length
    if (mounts < OVERLAYS) throw new Error('mounts are missing')
    return Number(process.hrtime.bigint() - began)
  }
}

function row(name, what, bound, read) {
  return {
    name,
    work: `${TIMES} x ${what}, ${HOST}`,
    against: 'mountinfo',
    bound,
    prepare: (bench) => prepare(bench, name),
    ours: times(read),
    peer: times(() => mountinfoSync()),
    end: ({ directory, table }) => {
      table.close()
      umount2Sync(directory, MNT_DETACH)
      rmdirSync(directory)
    },
  }
}

export default [
  row('mounts-short', 'listMounts: all but the options of filesystems', 1 / 15, () => listMountsSync()),
  row('mounts-unchanged', 'a MountTable when nothing changed', 1 / 1000, (table) => table.read()),
]
