// Directories in memory, where nothing has to be written to a disk.
import { mkdirSync, rmdirSync } from 'node:fs'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from './bench.mjs'

/** Mounts a tmpfs at a new directory of the scratch area; answers its path. */
export function makeMemory(bench, name) {
  const directory = bench.at(name)
  mkdirSync(directory)
  try {
    mountSync('graphdriver-bench', directory, 'tmpfs', 0, 'size=16g,nr_inodes=0')
  } catch (error) {
    throw new Unavailable(`no tmpfs can be mounted: ${error.message}`)
  }
  return directory
}

export function dropMemory(directory) {
  umount2Sync(directory, MNT_DETACH)
  rmdirSync(directory)
}

/** Nanoseconds of one turn out of several. */
export async function each(turns, work) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < turns; at++) await work(at)
  return Number(process.hrtime.bigint() - began) / turns
}

/** Reads a stream to its end; answers its bytes. */
export async function drained(stream) {
  let bytes = 0
  for await (const chunk of stream) bytes += chunk.length
  return bytes
}
