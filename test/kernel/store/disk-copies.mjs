// Copies of a disk at each step of a process, as it is without what the kernel still holds back.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'

/** Where the disk is copied to, if it is: { image, directory }. */
const snapshots = JSON.parse(process.env.GRAPHDRIVER_TEST_SNAPSHOTS ?? 'null')

export function copyDisk(name) {
  if (snapshots === null) return
  execFileSync('cp', ['--sparse=always', snapshots.image, join(snapshots.directory, name)])
}
