// One overlay mounted and unmounted again, by system calls on the calling thread.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from '../bench.mjs'

/** On a tmpfs, where nothing has to be written to a disk; its names are short, for one page of options. */
async function prepare(bench, layers, count) {
  const directory = bench.at(`pair-${layers}`)
  mkdirSync(directory)
  try {
    mountSync('graphdriver-bench', directory, 'tmpfs')
  } catch (error) {
    throw new Unavailable(error.message)
  }
  for (const name of ['u', 'w', 'l', 'mnt']) mkdirSync(join(directory, name))
  const lowers = Array.from({ length: layers }, (_, at) => `l/${at}`)
  for (const lower of lowers) mkdirSync(join(directory, lower))
  const data = `lowerdir=${lowers.join(':')},upperdir=u,workdir=w`
  return { bench, directory, data, count, program: bench.program('pair') }
}

function ours({ directory, data, count }) {
  const before = process.cwd()
  process.chdir(directory)
  try {
    const began = process.hrtime.bigint()
    for (let at = 0; at < count; at++) {
      mountSync('overlay', 'mnt', 'overlay', 0, data)
      umount2Sync('mnt', 0)
    }
    return Number(process.hrtime.bigint() - began)
  } finally {
    process.chdir(before)
  }
}

function row(layers, count) {
  return {
    name: `mount-pair/${layers}`,
    work: `${count} x mount and umount2 of an overlay of ${layers} lower layers, sync`,
    against: 'the same calls in C',
    bound: 1.1,
    prepare: (bench) => prepare(bench, layers, count),
    ours,
    peer: ({ bench, program, directory, data, count: times }) =>
      bench.clocked(program, directory, data, String(times)),
    end: ({ directory }) => {
      umount2Sync(directory, MNT_DETACH)
      rmdirSync(directory)
    },
  }
}

export default [row(1, 600), row(16, 300), row(100, 100), row(450, 30)]
