import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mountinfo } from 'graphdriver/sys'
import type { TestStore } from '../../contract/support.ts'
import { LOWERDIR_PLUS } from '../since.ts'

export { itSince } from '../since.ts'

/** What a form of overlay's needs. */
export function formSince(form: string): string {
  return form === 'fsconfig' ? LOWERDIR_PLUS : '5.2'
}

/** Ids of a chain: the base first. */
export function chainIds(count: number, word = 'l'): string[] {
  return Array.from({ length: count }, (_, at) => `${word}${String(at)}`)
}

/**
 * Makes a chain of layers in an open store by hand, which is a hundred times faster than `create`. Each has a file of
 * its own name.
 */
export function makeChain(store: TestStore, ids: readonly string[]): void {
  for (const [at, id] of ids.entries()) {
    const chain = ids.slice(0, at).reverse()
    for (const directory of ['diff', 'mnt', 'work']) mkdirSync(store.at(directory, id))
    writeFileSync(store.at('diff', id, id), id)
    writeFileSync(store.at('layers', id), chain.map((ancestor) => `${ancestor}\n`).join(''))
    if (at === 0) continue
    const parent = ids[at - 1]!
    mkdirSync(store.at('children', parent), { recursive: true })
    appendFileSync(store.at('children', parent, id), '')
  }
}

/** The options of the filesystem that is mounted at a path, as /proc/self/mountinfo shows them. */
export async function mountedOptions(path: string): Promise<string[]> {
  const entry = Array.from(await mountinfo()).findLast(({ mountPoint }) => mountPoint === path)
  return entry?.superOptions.split(',') ?? []
}

/** A program in a copy of this mount namespace: all mounts of now are there, too, until it ends. */
export async function namespaceCopy(): Promise<{ pid: number; end: () => Promise<void> }> {
  const script = 'echo ready && exec sleep 1000'
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const gone = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  return { pid: child.pid!, end }
}

/** Runs a module of JavaScript in a process of its own, started by other words than ours; answers what it writes. */
export async function runScript(
  words: readonly string[],
  script: string,
  ...args: string[]
): Promise<{ status: number | string; output: string }> {
  const root = join(import.meta.dirname, '../../..')
  const [command, ...rest] = [...words, process.execPath, '--input-type=module', '-e', script, ...args]
  const child = spawn(command!, rest, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [status, signal] = (await once(child, 'close')) as [number, null] | [null, string]
  return { status: status ?? signal, output: output.trimEnd() }
}
