import { type FirstLines, firstLines } from '../sys/names.ts'
import { unless } from './files.ts'
import { isLayerId } from './ids.ts'
import type { Layout } from './layout.ts'
import { METADATA_LIMIT, readParent } from './metadata.ts'
import { inTurns } from './turns.ts'

/** What the metadata of a layer says at a glance. */
export interface Surveyed {
  readonly id: string
  readonly parent?: string
  /** It contradicts itself. */
  readonly corrupt?: true
}

/**
 * Every layer and its parent, in no order. All metadata is read in one native job, by which a text is known by its first line, its size
 * and a sum: a layer whose text is its parent's name and its parent's text is as good as its parent. What is not is read by itself.
 *
 * @throws SyscallError ENOENT, EACCES, EMFILE, …
 */
export async function surveyLayers(layout: Layout): Promise<Surveyed[]> {
  const files = await firstLines(layout.directory('layers'), METADATA_LIMIT)
  const layers: { readonly id: string; readonly file: number }[] = []
  await inTurns(Array(files.length).keys(), (file) => {
    const id = files.name(file)
    if (isLayerId(id)) layers.push({ id, file })
  })
  // Parents come before their children: their texts are shorter.
  layers.sort((one, other) => files.size(one.file) - files.size(other.file))
  const good = new Map<string, number>()
  const found: Surveyed[] = []
  const doubtful: string[] = []
  await inTurns(layers, ({ id, file }) => {
    const parent = files.size(file) === 0 ? undefined : files.line(file)
    if (isGood(files, file, parent === undefined ? undefined : good.get(parent))) {
      good.set(id, file)
      found.push(parent === undefined ? { id } : { id, parent })
    } else doubtful.push(id)
  })
  for (const id of doubtful) found.push(await readAlone(layout, id))
  return found
}

/** Whether a text needs no second look. An empty one tells by its mode whether it was cut (metadataMode). */
function isGood(files: FirstLines, file: number, parent: number | undefined): boolean {
  if (files.failed(file)) return false
  if (files.size(file) === 0) return (files.mode(file) & 0o200) !== 0
  return parent !== undefined && files.continues(file, parent)
}

async function readAlone(layout: Layout, id: string): Promise<Surveyed> {
  const parent = await unless(readParent(layout, id), ['ERR_LAYER_CORRUPT'], null)
  if (parent === null) return { id, corrupt: true }
  return { id, ...(parent !== undefined && { parent }) }
}
