import { formatBytes } from '../../format.ts'
import { type Node, type PicturedLayer, walk, wordsOf } from './forest.ts'

function labelLines(layer: PicturedLayer): string[] {
  const facts = [...(layer.size === undefined ? [] : [formatBytes(layer.size)]), ...wordsOf(layer)]
  return facts.length === 0 ? [layer.id] : [layer.id, facts.join(', ')]
}

/** Names for nodes that no syntax minds. */
function numbersOf(trees: readonly Node[]): ReadonlyMap<string, string> {
  return new Map([...walk(trees)].map(({ layer }, at) => [layer.id, `n${String(at)}`]))
}

function edgesOf(trees: readonly Node[]): [string, string][] {
  return [...walk(trees)].flatMap(({ layer, children }) =>
    children.map((child): [string, string] => [layer.id, child.layer.id]),
  )
}

/** Layers for dot(1) of Graphviz. An id holds nothing that has to be quoted twice. */
export function treeDot(trees: readonly Node[]): string {
  const numbers = numbersOf(trees)
  const nodes = [...walk(trees)].map(({ layer }) => {
    const color = layer.fault !== undefined ? '#f8d0d0' : layer.mounted ? '#c9ecd0' : '#eef1f6'
    const width = layer.children.length > 1 ? 2 : 1
    const label = labelLines(layer).join('\\n')
    return `  ${numbers.get(layer.id) ?? ''} [label="${label}", fillcolor="${color}", penwidth=${String(width)}]`
  })
  const edges = edgesOf(trees).map(([from, to]) => `  ${numbers.get(from) ?? ''} -> ${numbers.get(to) ?? ''}`)
  const head = [
    'digraph layers {',
    '  rankdir=LR',
    '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=11]',
  ]
  return [...head, ...nodes, ...edges, '}'].join('\n')
}

/** Layers as a flowchart of Mermaid, for a page of Markdown. */
export function treeMermaid(trees: readonly Node[]): string {
  const numbers = numbersOf(trees)
  const nodes = [...walk(trees)].map(({ layer }) => {
    const kind = layer.fault !== undefined ? ':::fault' : layer.mounted ? ':::mounted' : ''
    return `  ${numbers.get(layer.id) ?? ''}["${labelLines(layer).join('<br>')}"]${kind}`
  })
  const edges = edgesOf(trees).map(
    ([from, to]) => `  ${numbers.get(from) ?? ''} --> ${numbers.get(to) ?? ''}`,
  )
  const classes = [
    '  classDef mounted fill:#c9ecd0,stroke:#2f7d43',
    '  classDef fault fill:#f8d0d0,stroke:#a33',
  ]
  return ['flowchart LR', ...nodes, ...edges, ...classes].join('\n')
}
