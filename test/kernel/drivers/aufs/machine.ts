import { readFileSync } from 'node:fs'
import type { GraphDriver, OpenOptions } from 'graphdriver'
import { open } from 'graphdriver'
import { describeMounts } from '../../namespace.ts'

const there = /\taufs$/m.test(readFileSync('/proc/filesystems', 'utf8'))
const missing = there ? undefined : { name: 'aufs', reason: 'this kernel has no aufs, or has not loaded it' }

/** A suite that takes a kernel with aufs: skipped where there is none, or failed where REQUIRE names aufs. */
export function describeAufs(title: string, body: (directory: () => string) => void): void {
  describeMounts(title, body, missing)
}

export function openAufs(root: string, options: Partial<OpenOptions> = {}): Promise<GraphDriver> {
  return open({ root, driver: 'aufs', sync: 'none', ...options })
}

export async function chain(graph: GraphDriver, ids: readonly string[]): Promise<void> {
  for (const [at, id] of ids.entries()) {
    const parent = ids[at - 1]
    await graph.create(id, parent === undefined ? {} : { parent })
  }
}

export function ids(count: number, word = 'layer'): string[] {
  return Array.from({ length: count }, (_, at) => `${word}-${String(at).padStart(4, '0')}`)
}

/** A root below a directory, with names as long as Docker's. */
export function longIds(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at).padStart(64, '0'))
}
