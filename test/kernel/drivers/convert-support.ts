import assert from 'node:assert/strict'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convert, type ConvertOptions, type ConvertTarget, type GraphDriver, open } from 'graphdriver'
import { fromEntries, type TarEntryInput } from 'graphdriver/archive'
import { listxattrSync } from 'graphdriver/sys'
import { codeOf, snapshot } from '../store/support.ts'

export const S_IFCHR = 0o020000
export const OPAQUE = 'trusted.overlay.opaque'

const entry = (name: string, more: Partial<TarEntryInput> = {}): TarEntryInput => ({
  name,
  type: name.endsWith('/') ? 'directory' : 'file',
  mtime: 1_234_567_890_123_456_789n,
  ...more,
})
const file = (name: string, body: string): TarEntryInput => entry(name, { body: Buffer.from(body) })
const gone = (name: string): TarEntryInput => entry(name, { size: 0 })

async function fill(graph: GraphDriver): Promise<void> {
  await graph.create('base', {
    from: fromEntries([
      ...[
        entry('d/', { mode: 0o1711 }),
        file('d/file', 'x'),
        file('d/gone', 'x'),
        entry('d/sub/'),
        file('d/sub/old', 'x'),
      ],
      ...[file('one', 'x'), entry('two', { type: 'link', linkname: 'one' }), file('deleted', 'x')],
    ]),
  })
  await graph.create('top', {
    parent: 'base',
    from: fromEntries([
      ...[
        gone('.wh.deleted'),
        entry('d/', { mode: 0o711 }),
        gone('d/.wh.gone'),
        entry('d/sub/'),
        gone('d/sub/.wh..wh..opq'),
      ],
      ...[file('d/sub/new', 'y'), gone('.wh.nobody')],
    ]),
  })
}

/** The tar of each layer of a store, as whoever may only look at it gets it. */
export async function tars(root: string): Promise<Record<string, string>> {
  const graph = await open({ root, readOnly: true })
  const found: Record<string, string> = {}
  for (const { id } of await graph.list()) {
    const blocks: Buffer[] = []
    for await (const block of await graph.diff(id)) blocks.push(block as Buffer)
    found[id] = Buffer.concat(blocks).toString('latin1')
  }
  await graph.close()
  return found
}

/** What the layers are on disk: extended attributes and times, too. */
export function onDisk(root: string): string[] {
  return snapshot(join(root, 'diff')).map((line) => {
    const path = join(root, 'diff', line.split(' ')[0]!)
    const names = listxattrSync(path, { nofollow: true })
    // A whiteout has no time of its own.
    const time = / device|\.wh\./.test(line) ? '' : String(lstatSync(path, { bigint: true }).mtimeNs)
    return `${line} ${time} ${names.join(' ')}`
  })
}

export const rejects = (promise: Promise<unknown>, code: string, words = /./): Promise<void> =>
  assert.rejects(promise, (error) => codeOf(error) === code && words.test((error as Error).message))

/** One store and its conversions. */
interface Subject {
  to: (target: ConvertTarget, more?: Partial<ConvertOptions>) => ReturnType<typeof convert>
  /** A path in the layers. */
  at: (...names: string[]) => string
  stamp: () => Record<string, unknown>
  /** Makes it, in overlay's form. */
  overlayStore: () => Promise<void>
}

export function storeAt(root: () => string): Subject {
  return {
    to: (target, more = {}) => convert(root(), { to: target, ...more }),
    at: (...names) => join(root(), 'diff', ...names),
    stamp: () =>
      JSON.parse(readFileSync(join(root(), 'graphdriver.json'), 'utf8')) as Record<string, unknown>,
    overlayStore: async () => {
      const graph = await open({ root: root(), driver: 'overlay' })
      await fill(graph)
      await graph.close()
    },
  }
}
