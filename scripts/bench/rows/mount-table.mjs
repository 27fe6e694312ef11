// Questions about mounts, with few and with many of them on the machine.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { isMountPoint, isMountPointSync } from 'graphdriver/mount'
import { MNT_DETACH, mountinfoSync, MS_BIND, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from '../bench.mjs'

/** A tmpfs with `mounts` bind mounts in it; answers the last. */
function prepare(bench, name, mounts) {
  const directory = bench.at(name)
  mkdirSync(directory)
  try {
    mountSync('graphdriver-bench', directory, 'tmpfs')
  } catch (error) {
    throw new Unavailable(error.message)
  }
  mkdirSync(join(directory, 'source'))
  for (let at = 1; at <= mounts; at++) {
    const target = join(directory, `mount-${at}`)
    mkdirSync(target)
    mountSync(join(directory, 'source'), target, null, MS_BIND)
  }
  return { bench, directory, last: join(directory, `mount-${mounts}`) }
}

function end({ directory }) {
  umount2Sync(directory, MNT_DETACH)
  rmdirSync(directory)
}

function asked({ last, count }) {
  const began = process.hrtime.bigint()
  let mounted = 0
  for (let at = 0; at < count; at++) {
    if (isMountPointSync(last)) mounted++
  }
  const took = Number(process.hrtime.bigint() - began)
  if (mounted !== count) throw new Error(`${last} is no mount point`)
  return took
}

async function askedByPromises({ last, count }) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < count; at++) {
    if (!(await isMountPoint(last))) throw new Error(`${last} is no mount point`)
  }
  return Number(process.hrtime.bigint() - began)
}

/** Every field of every mount. */
function read({ count }) {
  const began = process.hrtime.bigint()
  let fields = 0
  for (let at = 0; at < count; at++) {
    for (const entry of mountinfoSync()) fields += entry.mountPoint.length
  }
  if (fields === 0) throw new Error('the table is empty')
  return Number(process.hrtime.bigint() - began)
}

function pointRow(mounts, count) {
  return {
    name: `mount-point/${mounts}`,
    work: `${count} x is this a mount point, with ${mounts} mounts`,
    against: 'statx in C',
    bound: 1.2,
    prepare: (bench) => ({ ...prepare(bench, `point-${mounts}`, mounts), count }),
    ours: asked,
    peer: ({ bench, last, count: times }) => bench.clocked(bench.program('statx'), last, String(times)),
    end,
  }
}

/** Rows against moby/sys/mountinfo, in Go. */
const goRows = [
  {
    name: 'mount-point-go',
    work: '20000 x is this a mount point, with 10,000 mounts',
    against: 'moby/sys in Go',
    bound: 1 / 10,
    prepare: (bench) => {
      const moby = bench.goProgram('moby')
      return { ...prepare(bench, 'go-point', 10_000), count: 20_000, moby }
    },
    ours: asked,
    peer: ({ bench, moby, last, count }) => bench.clocked(moby, 'mounted', last, String(count)),
    end,
  },
  {
    name: 'mountinfo-go',
    work: '5 x the table of 10,000 mounts, read and looked through',
    against: 'moby/sys in Go',
    bound: 1 / 1.3,
    prepare: (bench) => {
      const moby = bench.goProgram('moby')
      return { ...prepare(bench, 'go-table', 10_000), count: 5, moby }
    },
    ours: read,
    peer: ({ bench, moby, count }) => bench.clocked(moby, 'table', String(count)),
    end,
  },
]

export default [
  ...goRows,
  pointRow(10, 20_000),
  pointRow(10_000, 20_000),
  {
    name: 'mount-point/flat',
    work: '500 x isMountPoint, with 10,000 mounts',
    against: 'with 10 mounts',
    bound: 1.25,
    prepare: (bench) => {
      const few = prepare(bench, 'flat-10', 10)
      return { few: { ...few, count: 500 }, many: { ...prepare(bench, 'flat-10000', 10_000), count: 500 } }
    },
    ours: ({ many }) => askedByPromises(many),
    peer: ({ few }) => askedByPromises(few),
    end: ({ few, many }) => [many, few].forEach(end),
  },
  {
    name: 'mountinfo/10000',
    work: '5 x the table of 10,000 mounts, read and looked through',
    against: 'reading it in C',
    bound: 1.15,
    prepare: (bench) => ({ ...prepare(bench, 'table-10000', 10_000), count: 5 }),
    ours: read,
    peer: ({ bench, count }) => bench.clocked(bench.program('readtable'), String(count)),
    end,
  },
]
