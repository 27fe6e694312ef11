// Overlays to mount: of empty layers, on a tmpfs, where nothing has to be written to a disk.
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from './bench.mjs'

/** A directory with `layers` lower layers, and what mounts them there; names are short, for one page of options. */
export function makeOverlay(bench, name, layers) {
  const directory = bench.at(name)
  mkdirSync(directory)
  try {
    mountSync('graphdriver-bench', directory, 'tmpfs')
  } catch (error) {
    throw new Unavailable(error.message)
  }
  for (const word of ['u', 'w', 'l', 'mnt']) mkdirSync(join(directory, word))
  const lowers = Array.from({ length: layers }, (_, at) => `l/${at}`)
  for (const lower of lowers) mkdirSync(join(directory, lower))
  return { bench, directory, data: `lowerdir=${lowers.join(':')},upperdir=u,workdir=w` }
}

export function dropOverlay({ directory }) {
  umount2Sync(directory, MNT_DETACH)
  rmdirSync(directory)
}

/** Calls `work` with the directory as the working directory, where the short names lead. */
export async function inside({ directory }, work) {
  const before = process.cwd()
  process.chdir(directory)
  try {
    return await work()
  } finally {
    process.chdir(before)
  }
}
