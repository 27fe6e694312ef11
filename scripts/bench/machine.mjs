// What it was measured on.
import { cpus, release, totalmem } from 'node:os'
import { filesystemName, statfs } from 'graphdriver/sys'
import { capture } from '../run.mjs'

/** For the head of a table, and for the JSON. */
export async function machine(scratch) {
  return {
    date: new Date().toISOString(),
    kernel: release(),
    processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    filesystem: filesystemName((await statfs(scratch)).type),
    tar: capture('tar', ['--version'])?.split('\n')[0] ?? 'none',
  }
}
