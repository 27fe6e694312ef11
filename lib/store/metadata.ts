import { lstat, opendir, readdir } from 'node:fs/promises'
import { GraphDriverError, readFile } from '../sys/index.ts'
import { findNames, readPair } from '../sys/names.ts'
import { codeOf, unless } from './files.ts'
import { isLayerId } from './ids.ts'
import { type Layout, parseIntent } from './layout.ts'

/** Longer than any chain of layers: 4,000 ids of 128 characters. */
export const METADATA_LIMIT: number = 512 * 1024

/** A layer's metadata as text: its ancestors, nearest first, one a line; empty for a base layer. */
export function formatChain(chain: readonly string[]): string {
  return chain.map((id) => `${id}\n`).join('')
}

/** The ancestors that metadata names, or what is wrong with it. Blank lines are ignored, as Docker ignores them. */
export function parseChain(id: string, text: string): string[] | { fault: string } {
  if (text !== '' && !text.endsWith('\n')) return { fault: 'its last line has no end, so it was cut' }
  const chain = text.split('\n').filter((line) => line !== '')
  const seen = new Set([id])
  for (const ancestor of chain) {
    if (!isLayerId(ancestor))
      return { fault: `it holds ${JSON.stringify(ancestor.slice(0, 64))}, which is no layer id` }
    if (seen.has(ancestor)) return { fault: `it names "${ancestor}" twice, so the chain is a circle` }
    seen.add(ancestor)
  }
  return chain
}

/**
 * The mode of a metadata file, which never changes once it is written. A base layer's is empty, and so is another's that was
 * cut to nothing: only its mode tells them apart. What Docker wrote is 0644.
 */
export function metadataMode(chain: readonly string[]): number {
  return chain.length === 0 ? 0o600 : 0o400
}

/** A layer without metadata. */
export function notFound(layout: Layout, id: string): GraphDriverError {
  return new GraphDriverError('ERR_LAYER_NOT_FOUND', `there is no layer "${id}"`, {
    path: layout.metadata(id),
    id,
  })
}

/** A layer whose metadata contradicts itself, another layer, or the directories. Nothing was changed. */
export function corrupt(layout: Layout, id: string, fault: string): GraphDriverError {
  return new GraphDriverError(
    'ERR_LAYER_CORRUPT',
    `the metadata of layer "${id}" cannot be used: ${fault}. Restore ${layout.metadata(id)}, or remove the layer`,
    { path: layout.metadata(id), id },
  )
}

/** A layer whose own contents are not what they should be. Nothing was changed. */
export function corruptContents(
  layout: Layout,
  id: string,
  fault: string,
  cause?: unknown,
): GraphDriverError {
  const path = layout.diff(id)
  return new GraphDriverError(
    'ERR_LAYER_CORRUPT',
    `the contents of layer "${id}" ${fault}. Restore ${path}, or remove the layer and those above it`,
    { path, id, ...(cause === undefined ? {} : { cause }) },
  )
}

/**
 * The ancestors of a layer, nearest first, checked against its parent's: a file that was cut, even between two lines,
 * would otherwise mount with layers missing.
 *
 * @throws GraphDriverError ERR_LAYER_NOT_FOUND, ERR_LAYER_CORRUPT
 */
export async function readChain(layout: Layout, id: string): Promise<string[]> {
  const found = await readBoth(layout, id)
  if (found === undefined) throw notFound(layout, id)
  const [text, textAbove] = found
  const chain = await chainOf(layout, id, text)
  const [parent, ...rest] = chain
  if (parent === undefined) {
    await refuseEmptied(layout, id)
    return chain
  }
  // Line by line the same, and what is right in a child's file is right in its parent's.
  if (textAbove !== undefined && textAbove !== '' && text === `${parent}\n${textAbove}`) return chain
  const above = await readOne(layout, parent)
  if (above === undefined) throw corrupt(layout, id, `its parent "${parent}" does not exist`)
  if (above.length !== rest.length || above.some((ancestor, at) => ancestor !== rest[at])) {
    throw corrupt(layout, id, `it names other ancestors than its parent "${parent}" has`)
  }
  return chain
}

/** A layer's metadata and that of the parent that it names, in one look. */
async function readBoth(layout: Layout, id: string): Promise<[text: string, above?: string] | undefined> {
  return orCorrupt(layout, id, readPair(layout.directory('layers'), id, METADATA_LIMIT))
}

/** A file that lost all its lines looks like a base layer's; a child of the layer knows better. So does what is no file. */
async function refuseEmptied(layout: Layout, id: string): Promise<void> {
  const stats = await unless(lstat(layout.metadata(id)), ['ENOENT'], undefined)
  if (stats?.isFile() === false) throw corrupt(layout, id, 'it is no plain file of text')
  const child = await anyChild(layout, id)
  if (child === undefined) return
  const above = await unless(readOne(layout, child), ['ERR_LAYER_CORRUPT'], undefined)
  if (above?.[0] === id && above.length > 1) {
    throw corrupt(layout, id, `it names no ancestors, and its child "${child}" has some beyond it`)
  }
}

/** One child that the index has, whichever comes first: there may be thousands. */
async function anyChild(layout: Layout, id: string): Promise<string | undefined> {
  const directory = await unless(opendir(layout.children(id)), ['ENOENT'], undefined)
  if (directory === undefined) return undefined
  for await (const { name } of directory) if (isLayerId(name)) return name
  return undefined
}

/** The parent of a layer by its first line alone, undefined for a base layer or none at all. */
export async function readParent(layout: Layout, id: string): Promise<string | undefined> {
  return (await readOne(layout, id))?.[0]
}

/** The ids of all layers, sorted by bytes. */
export async function readIds(layout: Layout): Promise<string[]> {
  const names = await readdir(layout.directory('layers'))
  return names.filter(isLayerId).sort()
}

/** What was begun and not ended: intents in `layers/`. */
export async function readIntents(layout: Layout): Promise<{ kind: 'new' | 'gone'; id: string }[]> {
  // No layer's id begins with a dot.
  const names = await findNames(layout.directory('layers'), '.', '')
  return names
    .map(parseIntent)
    .filter((intent) => intent !== undefined)
    .filter((intent) => isLayerId(intent.id))
}

/** The ancestors that a file names; undefined when it is missing. */
async function readOne(layout: Layout, id: string): Promise<string[] | undefined> {
  const bytes = await orCorrupt(layout, id, readFile(layout.metadata(id), METADATA_LIMIT))
  return bytes === undefined ? undefined : chainOf(layout, id, bytes.toString('latin1'))
}

async function chainOf(layout: Layout, id: string, text: string): Promise<string[]> {
  if (text === '' && (await wasCut(layout, id))) throw corrupt(layout, id, 'it is empty, so it was cut')
  const chain = parseChain(id, text)
  if (Array.isArray(chain)) return chain
  throw corrupt(layout, id, chain.fault)
}

async function wasCut(layout: Layout, id: string): Promise<boolean> {
  const stats = await unless(lstat(layout.metadata(id)), ['ENOENT'], undefined)
  return stats !== undefined && stats.size === 0 && (stats.mode & 0o200) === 0
}

/** Undefined when there is no such file; what is there and no plain file is a fault. */
async function orCorrupt<T>(layout: Layout, id: string, reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return undefined
    if (code === 'EISDIR' || code === 'ELOOP' || code === 'EFBIG' || code === 'EINVAL') {
      throw corrupt(layout, id, `it is no plain file of text (${code})`)
    }
    throw error
  }
}
