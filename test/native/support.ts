import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import { binding } from '#lib/sys/binding.js'
import type { Native } from '#lib/sys/native.js'
import { type Body, itUnless, notRoot } from '../skip.ts'

export const native: Native = binding()

/** A call of the addon whose types do not matter to the test. */
export type Call = (...args: readonly unknown[]) => unknown

export const calls: Readonly<Record<string, unknown>> = { ...native }

export function call(name: string): Call {
  const found = calls[name]
  if (typeof found !== 'function') throw new Error(`the addon has no ${name}`)
  return found as Call
}

/** The file that `native` came from, for workers and child processes. */
export const addonPath: string = [
  process.env['GRAPHDRIVER_NATIVE'] ?? '',
  resolve(import.meta.dirname, `../../prebuilds/linux-${process.arch}/graphdriver.node`),
  resolve(import.meta.dirname, '../../build/Release/graphdriver.node'),
].find((path) => path !== '' && existsSync(path))!

export const AT_FDCWD = -100

/** Whether some ancestor of this process lives in another mount namespace. */
function hasOwnNamespace(): boolean {
  const own = readlinkSync('/proc/self/ns/mnt')
  for (let pid = process.ppid; pid > 0;) {
    try {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) !== own) return true
      pid = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      // Not ours to look at: it tells nothing, and neither would those above.
      return false
    }
  }
  return false
}

/** Why mounts cannot be tried here; undefined when they can. */
export function noMounts(): string | undefined {
  if (notRoot !== undefined) return notRoot
  return hasOwnNamespace() ? undefined : 'needs a mount namespace of its own: start it by unshare --mount'
}

/** A case that needs mounts. */
export function itMounts(title: string, body: Body): void {
  itUnless(noMounts(), title, body)
}

export function itAsRoot(title: string, body: Body): void {
  itUnless(notRoot, title, body)
}

/** A directory of the suite's own; gone after it. */
export function scratch(): {
  readonly path: string
  at: (...names: string[]) => string
  make: (name: string) => string
} {
  // Made when the suite runs: one that is left out leaves no directory behind.
  const path = join(tmpdir(), `native-${randomBytes(6).toString('hex')}`)
  before(() => {
    mkdirSync(path, { mode: 0o700 })
  })
  after(() => {
    rmSync(path, { recursive: true, force: true })
  })
  const at = (...names: string[]): string => join(path, ...names)
  const make = (name: string): string => {
    mkdirSync(at(name), { recursive: true })
    return at(name)
  }
  return { path, at, make }
}

export function openFds(): number {
  return readdirSync('/proc/self/fd').length
}

/** The addon's own threads; they carry its name. */
export function ownThreads(): number {
  return readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8') === 'graphdriver\n'
    } catch {
      return false
    }
  }).length
}

/** Waits for what happens on other threads; fails when it does not. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1500; turn++) {
    if (holds()) return
    await sleep(10)
  }
  throw new Error(`never happened: ${what}`)
}

export function mountsBelow(directory: string): number {
  return readFileSync('/proc/self/mountinfo', 'utf8').split(` ${directory}`).length - 1
}

/** Runs a script in a worker that has the addon as `native`; resolves with its first message. */
export async function startWorker(
  script: string,
  data: unknown = null,
): Promise<{ worker: Worker; message: unknown }> {
  const prelude = `const { parentPort, workerData } = require('node:worker_threads')
    const native = require(${JSON.stringify(addonPath)})\n`
  const worker = new Worker(prelude + script, { eval: true, workerData: data })
  const message = await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => {
      reject(new Error(`the worker ended with ${code}`))
    })
  })
  return { worker, message }
}

/** A small generator of numbers in [0, 1), the same on every machine (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
