import type { LayerInfo } from '../../../index.ts'

/** A layer as a picture shows it. */
export interface PicturedLayer extends LayerInfo {
  /** Bytes that it adds; left out where they are not known. */
  readonly size?: number
}

/** A layer with those that are built on it. */
export interface Node {
  readonly layer: PicturedLayer
  readonly children: readonly Node[]
}

/**
 * The layers as trees, base layers first by bytes. A layer whose parent is not there begins a tree of its own; one that can only be reached
 * in a circle is corrupt, and does so, too.
 */
export function forestOf(layers: readonly PicturedLayer[]): Node[] {
  const byId = new Map(layers.map((layer) => [layer.id, layer]))
  const seen = new Set<string>()
  const grow = (layer: PicturedLayer): Node => {
    seen.add(layer.id)
    const children = layer.children.flatMap((id) => byId.get(id) ?? []).filter(({ id }) => !seen.has(id))
    return { layer, children: children.map(grow) }
  }
  const isBase = ({ parent }: PicturedLayer): boolean => parent === undefined || !byId.has(parent)
  const trees = layers.filter(isBase).map(grow)
  for (const layer of layers) if (!seen.has(layer.id)) trees.push(grow(layer))
  return trees
}

/** Every layer of some trees, each before those above it. */
export function* walk(trees: readonly Node[]): Generator<Node> {
  for (const tree of trees) {
    yield tree
    yield* walk(tree.children)
  }
}

/** The words about a layer's state, for a legend that needs no colours. */
export function wordsOf({ mounted, inUse, fault, children }: PicturedLayer): string[] {
  const words = []
  if (fault !== undefined) words.push(fault)
  if (mounted) words.push('mounted')
  else if (inUse) words.push('in use')
  if (children.length > 1) words.push(`shared by ${String(children.length)}`)
  return words
}
