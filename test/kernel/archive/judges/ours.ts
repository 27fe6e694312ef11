import assert from 'node:assert/strict'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { type GraphDriver, open } from 'graphdriver'
import { plant, type Plant } from './plant.ts'
import { baseLayer, below, edits } from './stack.ts'

/** Opens a store of a driver that works everywhere, for as long as a piece of work takes. */
export async function withStore<T>(
  root: string,
  driver: string,
  work: (graph: GraphDriver) => Promise<T>,
): Promise<T> {
  // Else a union of aufs lists access control lists, and does not tell them.
  const aufs = { acl: true }
  const graph = await open({ root, driver, sync: 'none', ...(driver === 'aufs' && { aufs }) })
  try {
    return await work(graph)
  } finally {
    await graph.close()
  }
}

/** Makes a base layer of these entries; answers its own directory, which is the tree. */
export async function plantLayer(graph: GraphDriver, id: string, plants: readonly Plant[]): Promise<string> {
  await graph.create(id)
  const tree = await graph.get(id)
  assert.deepEqual(plant(tree, plants), [], 'what this filesystem cannot hold')
  await graph.put(id)
  return tree
}

/** Writes a layer's diff to a file: against the layer directly below, or against another. */
export async function saveDiff(graph: GraphDriver, id: string, file: string, parent?: string): Promise<void> {
  const stream = await graph.diff(id, parent === undefined ? {} : { parent })
  await pipeline(stream, createWriteStream(file))
}

/** The layers of {@link buildStack}, the lowest first. */
export const stackIds: readonly string[] = ['base', ...edits.map(([id]) => id)]

/** Makes a base and layers above it that change, replace and delete, each through its own view. */
export async function buildStack(graph: GraphDriver): Promise<void> {
  await plantLayer(graph, 'base', baseLayer())
  let parent = 'base'
  for (const [id, edit] of edits) {
    await graph.create(id, { parent })
    edit(below(await graph.get(id)))
    await graph.put(id)
    parent = id
  }
}
